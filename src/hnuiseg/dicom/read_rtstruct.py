"""RTSTRUCT to masks on the grid of the series that it was drawn on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Bool, Float
from pydicom.errors import InvalidDicomError

from hnuiseg.dicom.contours import fill_contours
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Grid

_RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_OFF_PLANE_MM = 0.2  # slices of a series may lie 0.1 mm off a regular grid; text rounds, too
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


def read_rtstruct(source: Path | pydicom.Dataset, grid: Grid) -> RtStruct:
    """Masks of all regions with closed contours on slices of `grid`.

    All closed contours of a region in one slice are filled together, even-odd at voxel
    centres, lower edge in, upper edge out: that reads keyholes, CLOSEDPLANAR_XOR and plain
    contours inside one another. Contours between or outside the slices, and those that
    enclose no area (POINT, OPEN_PLANAR), are left out and said in `notes`; so are regions
    without contours. Two regions of one name become "name" and "name (2)".

    Raises InputRefused where the file can't be read, is no RTSTRUCT, or was drawn in another
    frame of reference. Source: DICOM PS3.3 C.8.8.5, C.8.8.6.
    """
    dataset = _read(source) if isinstance(source, Path) else source
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
        number = int(item.ReferencedROINumber)
        contours = item.get("ContourSequence", None) or []
        if not contours:
            continue
        with_contours.add(number)
        roi = rois.get(number)
        if roi is None:
            notes.append(f"{len(contours)} contours of ROI number {number}, which has no name")
            roi = _Roi(f"ROI {number}", "")
        if _foreign(roi.frame_of_reference, grid):
            notes.append(f"{roi.name}: drawn in another frame of reference, left out")
            continue
        name = _unused(roi.name, masks)
        masks[name] = _region(contours, grid, name, notes)
    notes += [f"{r.name}: no contours" for n, r in rois.items() if n not in with_contours]
    return RtStruct(masks, tuple(notes))


def _read(path: Path) -> pydicom.Dataset:
    try:
        return pydicom.dcmread(path)
    except (InvalidDicomError, OSError, EOFError) as fault:
        raise InputRefused(
            f"{path.name} can't be read as DICOM ({type(fault).__name__})",
            "an RT Structure Set (RTSTRUCT)",
            "check the file and its permissions, or export it again",
        ) from fault


def _rois(dataset: pydicom.Dataset) -> dict[int, _Roi]:
    return {
        int(item.ROINumber): _Roi(
            str(item.get("ROIName", "") or f"ROI {item.ROINumber}"),
            str(item.get("ReferencedFrameOfReferenceUID", "") or ""),
        )
        for item in dataset.get("StructureSetROISequence", None) or []
    }


def _foreign(frame: str, grid: Grid) -> bool:
    return bool(frame and grid.frame_of_reference and frame != grid.frame_of_reference)


def _refuse_foreign_frames(
    dataset: pydicom.Dataset, rois: dict[int, _Roi], grid: Grid, notes: list[str]
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
    contours: Iterable[pydicom.Dataset], grid: Grid, name: str, notes: list[str]
) -> Bool[np.ndarray, "z y x"]:
    by_slice: dict[int, list[Float[np.ndarray, "n 2"]]] = defaultdict(list)
    left_out: dict[str, int] = defaultdict(int)
    for contour in contours:
        kind = str(contour.get("ContourGeometricType", "") or "")
        if kind not in _CLOSED:
            left_out[f"of type {kind or 'unknown'}, which encloses no area"] += 1
            continue
        points = np.asarray(contour.get("ContourData", None) or [], dtype=np.float64)
        if points.size < 9 or points.size % 3:
            left_out["with fewer than three whole points"] += 1
            continue
        index = grid.to_index(points.reshape(-1, 3))
        plane = int(np.round(np.median(index[:, 0])))
        if np.abs(index[:, 0] - plane).max() * _plane_distance(grid) > _OFF_PLANE_MM:
            left_out["between slices or across them"] += 1
        elif not 0 <= plane < grid.shape[0]:
            left_out["outside the image's slices"] += 1
        else:
            by_slice[plane].append(_settled(index[:, 1:]))
    notes += [f"{name}: {n} contours {why}, left out" for why, n in left_out.items()]
    mask = np.zeros(grid.shape, dtype=bool)
    cut = 0
    for plane, loops in by_slice.items():
        cut += sum(_beyond(loop, grid) for loop in loops)
        mask[plane] = fill_contours(loops, grid.shape[1:])
    if cut:
        notes.append(f"{name}: {cut} contours reach beyond the image and are cut at its border")
    return mask


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
    lowest, highest = -0.5 - 1e-2, np.asarray(grid.shape[1:]) - 0.5 + 1e-2
    return bool((yx < lowest).any() or (yx > highest).any())


def _unused(name: str, masks: dict[str, Bool[np.ndarray, "z y x"]]) -> str:
    if name not in masks:
        return name
    return next(f"{name} ({k})" for k in range(2, len(masks) + 3) if f"{name} ({k})" not in masks)
