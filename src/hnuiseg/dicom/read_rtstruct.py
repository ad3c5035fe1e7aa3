"""RTSTRUCT to masks on the grid of the series that it was drawn on."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Bool, Float
from pydicom.tag import Tag

from hnuiseg.dicom.attributes import UNREADABLE_FILE
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.dicom.contours import fill_contours
from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_MASK_BYTES
from hnuiseg.volume import Grid

_RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
_PLAIN = "CLOSED_PLANAR"
_CLOSED = (_PLAIN, "CLOSEDPLANAR_XOR")
_OFF_PLANE_MM = 0.2  # slices of a series may lie 0.1 mm off a regular grid; text rounds, too
_ROOM_MM = 1e6  # no scanner's coordinates reach a kilometre
_COMPARED = 256  # contours in one slice; a drawn slice has few
_CONTOUR_DATA = Tag("ContourData")
_TIE = 1e-6  # index units: a line through voxel centres must not depend on rounding in mm


@dataclass(frozen=True, slots=True, eq=False)
class RtStruct:
    """Regions by ROI name, and everything in the file that they don't show."""

    masks: dict[str, Bool[np.ndarray, "z y x"]]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Roi:
    name: str
    frame_of_reference: str


def _every_name(_name: str) -> bool:
    return True


def read_rtstruct(
    source: Path | pydicom.Dataset, grid: Grid, wanted: Callable[[str], bool] = _every_name
) -> RtStruct:
    """Masks of all regions with closed contours on slices of `grid`.

    All closed contours of a region in one slice are filled together, even-odd at voxel
    centres, lower edge in, upper edge out: that reads keyholes, CLOSEDPLANAR_XOR and plain
    contours inside one another. Contours between or outside the slices, and those that
    enclose no area (POINT, OPEN_PLANAR), are left out and said in `notes`; so are regions
    without contours, and those of which nothing could be used, whose masks are empty. Plain
    contours that are stored twice count once; those that overlap in part are said. Two
    regions of one name become "name" and "name (2)". A mask is as large as the image:
    `wanted` says by their ROI names which regions are read at all.

    Raises InputRefused where the file can't be read, is no RTSTRUCT, or was drawn in another
    frame of reference. Source: DICOM PS3.3 C.8.8.5, C.8.8.6.
    """
    try:
        dataset = read_data_set(source) if isinstance(source, Path) else source
        return _read(dataset, grid, wanted)
    except UNREADABLE_FILE as fault:
        name = source.name if isinstance(source, Path) else "an RT Structure Set"
        raise InputRefused(
            f"{name} can't be read as DICOM ({type(fault).__name__})",
            "an RT Structure Set (RTSTRUCT)",
            "check the file and its permissions, or export it again",
        ) from fault


def _read(dataset: pydicom.Dataset, grid: Grid, wanted: Callable[[str], bool]) -> RtStruct:
    if str(dataset.get("SOPClassUID", "")) != _RTSTRUCT:
        raise InputRefused(
            f"a DICOM object of modality {dataset.get('Modality', 'unknown')}",
            "an RT Structure Set (RTSTRUCT)",
            "give the file that holds the contours",
        )
    notes: list[str] = []
    rois = _rois(dataset)
    _refuse_foreign_frames(dataset, rois, grid, notes)
    masks: dict[str, Bool[np.ndarray, "z y x"]] = {}
    with_contours = set()
    for item in dataset.get("ROIContourSequence", None) or []:
        number = str(item.get("ReferencedROINumber", ""))
        contours = item.get("ContourSequence", None) or []
        if not contours:
            continue
        with_contours.add(number)
        roi = rois.get(number)
        if roi is None:
            notes.append(f"{len(contours)} contours of ROI number {number}, which has no name")
            roi = _Roi(f"ROI {number}", "")
        if not wanted(roi.name):
            continue
        if _foreign(roi.frame_of_reference, grid):
            notes.append(f"{roi.name}: drawn in another frame of reference, left out")
            continue
        if (len(masks) + 1) * math.prod(grid.shape) > MOST_MASK_BYTES:
            raise InputRefused(
                f"{len(masks) + 1} regions and more on {' × '.join(map(str, grid.shape))} voxels",
                f"masks of {MOST_MASK_BYTES} bytes in all",
                "ask for the regions that matter",
            )
        name = _unused(roi.name, masks)
        masks[name] = _region(contours, grid, name, notes)
    notes += [
        f"{roi.name}: no contours"
        for number, roi in rois.items()
        if number not in with_contours and wanted(roi.name)
    ]
    return RtStruct(masks, tuple(notes))


def _rois(dataset: pydicom.Dataset) -> dict[str, _Roi]:
    return {
        str(item.get("ROINumber", "")): _Roi(
            str(item.get("ROIName", "") or f"ROI {item.get('ROINumber', '')}"),
            str(item.get("ReferencedFrameOfReferenceUID", "") or ""),
        )
        for item in dataset.get("StructureSetROISequence", None) or []
    }


def _foreign(frame: str, grid: Grid) -> bool:
    return bool(frame and grid.frame_of_reference and frame != grid.frame_of_reference)


def _refuse_foreign_frames(
    dataset: pydicom.Dataset, rois: dict[str, _Roi], grid: Grid, notes: list[str]
) -> None:
    named = {roi.frame_of_reference for roi in rois.values() if roi.frame_of_reference}
    if not named:
        items = dataset.get("ReferencedFrameOfReferenceSequence", None) or []
        named = {str(item.get("FrameOfReferenceUID", "") or "") for item in items} - {""}
    if not named or not grid.frame_of_reference:
        notes.append("frame of reference not checked: the contours or the image name none")
    elif grid.frame_of_reference not in named:
        raise InputRefused(
            "contours drawn in another frame of reference (3006,0024) than the image's",
            "contours and image in one frame of reference (0020,0052)",
            "give the series that the contours were drawn on",
        )


def _region(
    contours: Sequence[pydicom.Dataset], grid: Grid, name: str, notes: list[str]
) -> Bool[np.ndarray, "z y x"]:
    by_slice: dict[int, list[Float[np.ndarray, "n 2"]]] = defaultdict(list)
    left_out: dict[str, int] = defaultdict(int)
    drawn: set[tuple[int, bytes]] = set()
    miscounted = twice = cut = mixed = 0
    for contour in contours:
        kind = str(contour.get("ContourGeometricType", "") or "")
        if kind not in _CLOSED:
            left_out[f"of type {kind or 'unknown'}, which encloses no area"] += 1
            continue
        points = _points(contour)
        if points is None:
            left_out["with numbers that are no place in a room"] += 1
            continue
        if len(points) < 3:
            left_out["with fewer than three whole points"] += 1
            continue
        index = grid.to_index(points)
        plane = int(np.round(np.median(index[:, 0])))
        if np.abs(index[:, 0] - plane).max() * _plane_distance(grid) > _OFF_PLANE_MM:
            left_out["between slices or across them"] += 1
        elif not 0 <= plane < grid.shape[0]:
            left_out["outside the image's slices"] += 1
        else:
            miscounted += str(contour.get("NumberOfContourPoints", len(points))) != str(len(points))
            loop = _settled(index[:, 1:])
            if kind == _PLAIN and (plane, loop.tobytes()) in drawn:
                twice += 1
                continue
            drawn.add((plane, loop.tobytes()))
            by_slice[plane].append(loop)
            cut += _beyond(loop, grid)
    mask = np.zeros(grid.shape, dtype=bool)
    for plane, loops in by_slice.items():
        mask[plane] = fill_contours(loops, grid.shape[1:])
        mixed += _overlap_in_part(loops, grid.shape[1:])
    said = {f"{why}, left out": n for why, n in left_out.items()} | {
        "stored twice, counted once": twice,
        "of another number of points than Number of Contour Points says": miscounted,
        "reach beyond the image and are cut at its border": cut,
    }
    notes += [f"{name}: {n} contours {what}" for what, n in said.items() if n]
    if mixed:
        notes.append(f"{name}: in {mixed} slices contours overlap in part; what two hold is out")
    if not mask.any():
        notes.append(f"{name}: empty, none of its {len(contours)} contours holds a voxel's centre")
    return mask


def _points(contour: pydicom.Dataset) -> Float[np.ndarray, "n 3"] | None:
    """Positions in mm; none where they aren't whole points, None where they aren't numbers.

    Read from the stored text: pydicom takes longer for the objects of its numbers than all
    the rest does, and long contours written in explicit VR stay bytes of type UN.
    """
    element = contour.get_item(_CONTOUR_DATA)
    stored = None if element is None else element.value
    if isinstance(stored, bytes):
        text = stored.rstrip(b" \0")
        stored = text.split(b"\\") if text else None
    try:
        points = np.array([] if stored is None else stored, dtype=np.float64)
    except ValueError:
        return None
    if points.size % 3:
        return np.zeros((0, 3))
    return points.reshape(-1, 3) if np.all(np.abs(points) < _ROOM_MM) else None


def _overlap_in_part(loops: Sequence[Float[np.ndarray, "n 2"]], shape: tuple[int, int]) -> bool:
    """Whether two contours share voxels and neither lies within the other.

    Nesting is how holes are drawn. A partial overlap has no agreed meaning: some systems take
    both contours' voxels, others neither's.
    """
    if not 1 < len(loops) <= _COMPARED:
        return False
    innermost = np.zeros(shape, dtype=np.int32)
    filled = []
    for loop in loops:
        start = np.clip(np.ceil(loop.min(axis=0)), 0, shape).astype(np.int64)
        size = np.clip(np.ceil(loop.max(axis=0)), start, shape).astype(np.int64) - start
        own = fill_contours([loop - start], (int(size[0]), int(size[1])))
        filled.append((start, own))
    filled.sort(key=lambda one: -int(one[1].sum()))
    for number, ((y, x), own) in enumerate(filled, start=1):
        under = innermost[y : y + own.shape[0], x : x + own.shape[1]]
        holders = under[own]
        if holders.size and (holders != holders[0]).any():
            return True
        under[own] = number
    return False


def _plane_distance(grid: Grid) -> float:
    """Distance between neighbouring slices in mm, across them."""
    z, y, x = grid.steps
    normal = np.cross(y, x)
    return float(abs(z @ normal) / np.linalg.norm(normal))


def _settled(yx: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Points within rounding of a voxel centre or a face are put onto it."""
    halves = np.round(yx * 2) / 2
    return np.where(np.abs(yx - halves) < _TIE, halves, yx)


def _beyond(yx: Float[np.ndarray, "n 2"], grid: Grid) -> bool:
    """Whether a voxel's centre may be lost: the next ones lie a voxel beyond the outermost."""
    return bool((yx <= -1).any() or (yx >= np.asarray(grid.shape[1:])).any())


def _unused(name: str, masks: dict[str, Bool[np.ndarray, "z y x"]]) -> str:
    if name not in masks:
        return name
    return next(f"{name} ({k})" for k in range(2, len(masks) + 3) if f"{name} ({k})" not in masks)
