"""A DICOM Segmentation to arrays on the grid that its frames span."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pydicom
from jaxtyping import Float, Shaped
from pydicom.uid import ImplicitVRLittleEndian

from hnuiseg.dicom.attributes import UNREADABLE_FILE, number, numbers, text
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.dicom.codestream import check_pixels, decoded_pixels
from hnuiseg.dicom.tumour_codes import Code
from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_MASK_BYTES, MOST_PIXEL_BYTES, MOST_VOXELS, check_grid
from hnuiseg.volume import Grid

SegKind = Literal["BINARY", "FRACTIONAL", "LABELMAP"]
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
_ALLOWED = "a DICOM Segmentation (SEG)"
_OFF_GRID_MM = 0.1  # as for series of slices
_ALIKE = 1e-4  # direction cosines, and mm of pixel spacing
_SAME_PLANE_MM = 1e-3
_EXPORT = "export the segmentation again"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment: what it is called, what it is, and where."""

    number: int  # (0062,0004)
    label: str  # (0062,0005)
    kind: Code | None  # Segmented Property Type (0062,000F); None where it isn't said
    array: Shaped[np.ndarray, "z y x"]  # bool; FRACTIONAL: float32, 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class Seg:
    """Segments on the grid from the first to the last of the object's frames.

    Frames without a voxel may be left out of an object: beyond this grid nothing is segmented.
    """

    kind: SegKind
    grid: Grid
    segments: tuple[Segment, ...]  # by number
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frame by frame: which plane of the grid, and which segment (0 in a label map)."""

    grid: Grid
    planes: tuple[int, ...]
    segments: tuple[int, ...]
    notes: tuple[str, ...]


def _every_label(_label: str) -> bool:
    return True


def read_seg(source: Path | pydicom.Dataset, wanted: Callable[[str], bool] = _every_label) -> Seg:
    """Segments of a BINARY, FRACTIONAL or LABELMAP segmentation, on its own grid.

    The grid's first axis runs along the normal of the frames, as a series' does; frames that
    are left out between others are empty. `wanted` says by their labels which segments are
    read at all. A segment without frames has an empty array.

    Raises InputRefused for what can't be read or is no segmentation in a patient, for frames
    that don't lie on one regular grid or of which two claim one place, and for pixels that
    don't fit the header. Source: DICOM PS3.3 A.51, C.8.20.2, C.7.6.16.
    """
    name = source.name if isinstance(source, Path) else "a segmentation"
    try:
        dataset = read_data_set(source) if isinstance(source, Path) else source
        return _read(dataset, name, wanted)
    except (RuntimeError, *UNREADABLE_FILE) as fault:
        raise InputRefused(
            f"{name} can't be read as DICOM ({type(fault).__name__})",
            _ALLOWED,
            "check the file and its permissions, or export it again",
        ) from fault


def _read(dataset: pydicom.Dataset, name: str, wanted: Callable[[str], bool]) -> Seg:
    kind = _kind(dataset, name)
    frames = _frames(dataset, name, kind)
    pixels = _pixels(dataset, name, len(frames.planes), frames.grid)
    levels = _levels(dataset, name) if kind == "FRACTIONAL" else 1
    described = {int(number(item, "SegmentNumber") or 0): item for item in dataset.SegmentSequence}
    used = set(np.unique(pixels).tolist()) if kind == "LABELMAP" else set(frames.segments)
    unnamed = sorted(used - set(described) - {0})
    if unnamed:
        raise InputRefused(
            f"{name} has frames of segment {unnamed[0]}, which it doesn't describe",
            "a Segment Sequence (0062,0002) with every segment",
            _EXPORT,
        )
    owned = defaultdict(list)  # frames by segment
    for k, owner in enumerate(frames.segments):
        owned[owner].append(k)
    segments: list[Segment] = []
    taken = 0
    for segment, item in sorted(described.items()):
        label = text(item, "SegmentLabel")
        if segment == 0 or not wanted(label):  # 0 is a label map's background
            continue
        array = np.zeros(frames.grid.shape, dtype=bool if levels == 1 else np.float32)
        taken += array.nbytes
        if taken > MOST_MASK_BYTES:
            raise InputRefused(
                f"{name} has {len(described)} segments of {array.size} voxels",
                f"masks of {MOST_MASK_BYTES} bytes in all",
                "ask for the segments that matter",
            )
        if kind == "LABELMAP":
            array[list(frames.planes)] = pixels == segment
        for k in owned[segment]:
            array[frames.planes[k]] = pixels[k] / np.float32(levels)
        segments.append(Segment(segment, label, _type_code(item), array))
    return Seg(kind, frames.grid, tuple(segments), frames.notes)


def _kind(dataset: pydicom.Dataset, name: str) -> SegKind:
    sop_class = text(dataset, "SOPClassUID")
    if sop_class == _LABEL_MAP:
        return "LABELMAP"
    kind = text(dataset, "SegmentationType")
    if sop_class == _SEGMENTATION and kind == "BINARY":
        return "BINARY"
    if sop_class == _SEGMENTATION and kind == "FRACTIONAL":
        return "FRACTIONAL"
    what = f"of Segmentation Type {kind!r}" if sop_class == _SEGMENTATION else "no segmentation"
    raise InputRefused(
        f"{name} is {what} (modality {text(dataset, 'Modality') or 'unknown'})",
        f"{_ALLOWED}, BINARY, FRACTIONAL or LABELMAP",
        "give the file that holds the segmentation",
    )


def _levels(dataset: pydicom.Dataset, name: str) -> int:
    levels = number(dataset, "MaximumFractionalValue")
    if levels is None or not 1 <= levels <= 255:
        raise InputRefused(
            f"{name} is FRACTIONAL with Maximum Fractional Value (0062,000E) {levels}",
            "1 to 255",
            _EXPORT,
        )
    return int(levels)


def _pixels(
    dataset: pydicom.Dataset, name: str, frames: int, grid: Grid
) -> Shaped[np.ndarray, "frame y x"]:
    shape = (frames, *grid.shape[1:])
    count = math.prod(shape)
    if count > MOST_PIXEL_BYTES:  # a bit in the file, a byte here
        raise InputRefused(
            f"{name} claims {frames} frames of {shape[1]} × {shape[2]}",
            f"up to {MOST_PIXEL_BYTES} pixels",
            _EXPORT,
        )
    if number(dataset, "BitsAllocated") == 1 and not _compressed(dataset):
        # bit by bit over all frames; pydicom miscounts frames of fewer than eight pixels
        stored = np.frombuffer(dataset.PixelData, dtype=np.uint8)
        pixels = np.unpackbits(stored[: -(-count // 8)], bitorder="little")[:count]
    else:
        check_pixels(dataset, name)
        pixels = decoded_pixels(dataset)
    if pixels.size != count:
        raise InputRefused(
            f"{name} has {pixels.size} pixels, not {count}", f"{frames} whole frames", _EXPORT
        )
    return pixels.reshape(shape)


def _compressed(dataset: pydicom.Dataset) -> bool:
    syntax = dataset.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)
    return bool(syntax.is_compressed and not syntax.is_deflated)


def _type_code(item: pydicom.Dataset) -> Code | None:
    for code in item.get("SegmentedPropertyTypeCodeSequence", None) or []:
        return Code(
            text(code, "CodeValue"), text(code, "CodingSchemeDesignator"), text(code, "CodeMeaning")
        )
    return None


def _frames(dataset: pydicom.Dataset, name: str, kind: SegKind) -> _Frames:
    per_frame = list(dataset.get("PerFrameFunctionalGroupsSequence", None) or [])
    shared = (dataset.get("SharedFunctionalGroupsSequence", None) or [pydicom.Dataset()])[0]
    if not per_frame:
        raise InputRefused(f"{name} has no frames", "at least one frame", _EXPORT)
    find = _Finder(shared, name)
    orientation = find.alike(per_frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = find.alike(per_frame, "PixelMeasuresSequence", "PixelSpacing", 2)
    positions = np.array(
        [find.needed(f, "PlanePositionSequence", "ImagePositionPatient", 3) for f in per_frame]
    )
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(row @ column)) > 1e-3:
        raise InputRefused(
            f"{name} has frames without two perpendicular directions of unit length",
            "Image Orientation (0020,0037) of two unit vectors at right angles",
            _EXPORT,
        )
    row, column = row / lengths[0], column / lengths[1]
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    step, planes, notes = _stack(positions, normal, find.step(per_frame), name)
    rows, columns = (int(number(dataset, k) or 0) for k in ("Rows", "Columns"))
    count = int(planes.max()) + 1
    if min(rows, columns, *spacing) <= 0 or count * rows * columns > MOST_VOXELS:
        raise InputRefused(
            f"{name} spans {count} × {rows} × {columns} voxels",
            f"voxels with a size, and up to {MOST_VOXELS} of them",
            _EXPORT,
        )
    grid = Grid.from_steps(
        (count, rows, columns),
        np.array([normal * step, column * spacing[0], row * spacing[1]]),
        positions[int(np.argmin(positions @ normal))],
        text(dataset, "FrameOfReferenceUID"),
    )
    check_grid(grid, name)
    segments = (0,) * len(per_frame) if kind == "LABELMAP" else find.segments(per_frame)
    places = list(zip(planes.tolist(), segments, strict=True))
    if len(set(places)) < len(places):
        raise InputRefused(
            f"{name} has two frames of one segment in one place", "one frame a place", _EXPORT
        )
    return _Frames(grid, tuple(int(p) for p in planes), segments, notes)


def _stack(
    positions: Float[np.ndarray, "n 3"],
    normal: Float[np.ndarray, "3"],
    stated: tuple[float, str] | None,
    name: str,
) -> tuple[float, Float[np.ndarray, " n"], tuple[str, ...]]:
    """Distance between planes in mm, each frame's plane from 0, and what to know of them."""
    along = positions @ normal
    along = along - along.min()
    aside = positions - positions[int(np.argmin(along))] - np.outer(along, normal)
    if np.linalg.norm(aside, axis=1).max() > _OFF_GRID_MM:
        raise InputRefused(
            f"{name} has frames that shift in their plane",
            "frames stacked along their normal",
            "segment a series without tilt",
        )
    levels = np.unique(along)
    gaps = np.diff(levels)
    gaps = gaps[gaps > _SAME_PLANE_MM]
    candidates = [] if stated is None else [stated]
    if gaps.size:
        candidates.append((float(gaps.min()), "the smallest gap"))
    for step, whence in candidates:
        planes = np.round(along / step)
        if step > _SAME_PLANE_MM and np.abs(along - planes * step).max() <= _OFF_GRID_MM:
            note = (f"the distance between planes isn't stated; read as {step:g} mm from {whence}",)
            return step, planes, () if whence == "" else note
    raise InputRefused(
        f"{name} has frames at uneven distances, or one plane of unknown thickness",
        "Spacing Between Slices (0018,0088), or planes at equal distances",
        _EXPORT,
    )


class _Finder:
    """Values of functional groups: a frame's own, or those shared by all."""

    def __init__(self, shared: pydicom.Dataset, name: str) -> None:
        self._shared = shared
        self._name = name

    def item(self, frame: pydicom.Dataset, group: str) -> pydicom.Dataset:
        """The macro's item; an empty data set where there is none."""
        for owner in (frame, self._shared):
            for item in owner.get(group, None) or []:
                return item
        return pydicom.Dataset()

    def needed(
        self, frame: pydicom.Dataset, group: str, keyword: str, count: int
    ) -> tuple[float, ...]:
        values = numbers(self.item(frame, group), keyword, count)
        if values is None:
            raise InputRefused(
                f"{self._name} has a frame without {keyword}",
                "segmentations in a patient's coordinates",
                _EXPORT,
            )
        return values

    def alike(
        self, frames: Sequence[pydicom.Dataset], group: str, keyword: str, count: int
    ) -> Float[np.ndarray, " count"]:
        """The values of all frames, which must be the same."""
        found = np.array([self.needed(f, group, keyword, count) for f in frames])
        if np.abs(found - found[0]).max() > _ALIKE:
            raise InputRefused(
                f"{self._name} has frames that differ in {keyword}",
                "frames of one orientation and spacing",
                _EXPORT,
            )
        return found[0]

    def step(self, frames: Sequence[pydicom.Dataset]) -> tuple[float, str] | None:
        """Stated distance between planes in mm, and "" or what was taken for it."""
        measures = self.item(frames[0], "PixelMeasuresSequence")
        stated = number(measures, "SpacingBetweenSlices")
        if stated is not None and abs(stated) > _SAME_PLANE_MM:
            return abs(stated), ""
        thickness = number(measures, "SliceThickness")
        return None if thickness is None else (thickness, "Slice Thickness (0018,0050)")

    def segments(self, frames: Sequence[pydicom.Dataset]) -> tuple[int, ...]:
        """Referenced Segment Number (0062,000B) of each frame."""
        group = "SegmentIdentificationSequence"
        return tuple(int(self.needed(f, group, "ReferencedSegmentNumber", 1)[0]) for f in frames)
