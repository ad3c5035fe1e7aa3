"""What planning systems reject in an RTSTRUCT, found before it leaves the house.

Each rule here was learnt from a file that somebody's system refused, or read in part and said
nothing: decimal strings over 16 characters (Eclipse), contours of one or two points, regions
without contours, a point count that doesn't fit, contours that refer to no listed image.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian

from hnuiseg.errors import OutputFailed

_DECIMAL = re.compile(r" *[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)? *", re.ASCII)  # PS3.5 6.2, DS
_TG_263 = re.compile(r"[!-\[\]-~]{1,16}", re.ASCII)  # printable, without blanks and backslashes
_ALWAYS_THERE = (  # even if empty; readers stop where one is absent
    "AccessionNumber",
    "FrameOfReferenceUID",
    "OperatorsName",
    "PatientID",
    "PatientName",
    "PositionReferenceIndicator",
    "ReferringPhysicianName",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "StructureSetLabel",
    "StudyInstanceUID",
)
_SMALLEST_AREA_MM2 = 1e-6


def rtstruct_complaints(dataset: Dataset) -> tuple[str, ...]:
    """What a planning system would reject, one line each; empty where nothing is wrong.

    Source: DICOM PS3.3 C.8.8.5, C.8.8.6, C.8.8.8; PS3.5 6.2 (DS); AAPM TG-263 (names).
    """
    return tuple(line for rule in _RULES for line in rule(dataset))


def require_acceptable(dataset: Dataset) -> None:
    """Raise OutputFailed for the first of `rtstruct_complaints`."""
    for rule in _RULES:
        for line in rule(dataset):
            raise OutputFailed(
                f"an RTSTRUCT that planning systems reject: {line}",
                "a file that every planning system reads in full",
                "correct the structures; if hnuiseg drew them, report this as a fault",
            )


def _header(dataset: Dataset) -> Iterator[str]:
    absent = [keyword for keyword in _ALWAYS_THERE if keyword not in dataset]
    yield from (f"{keyword} is absent" for keyword in absent)
    meta = getattr(dataset, "file_meta", None)
    if meta is None or meta.get("TransferSyntaxUID") != ImplicitVRLittleEndian:
        yield "the transfer syntax isn't Implicit VR Little Endian: long contours don't fit"
    if dataset.get("ApprovalStatus") != "UNAPPROVED":
        yield "Approval Status isn't UNAPPROVED"
    if len(str(dataset.get("StructureSetLabel", ""))) > 16:
        yield "Structure Set Label has more than 16 characters"


def _names(dataset: Dataset) -> Iterator[str]:
    rois = _items(dataset, "StructureSetROISequence")
    names = [str(roi.get("ROIName", "")) for roi in rois]
    yield from (
        f"{name!r} is no TG-263 name: 1 to 16 characters without blanks"
        for name in names
        if not _TG_263.fullmatch(name)
    )
    numbers = Counter(roi.get("ROINumber") for roi in rois)
    yield from (f"two regions have number {n}" for n, times in numbers.items() if times > 1)
    folded = Counter(name.casefold() for name in names)
    yield from (f"two regions are called {n!r}" for n, times in folded.items() if times > 1)


def _frames(dataset: Dataset) -> Iterator[str]:
    frames = {
        item.get("FrameOfReferenceUID")
        for item in _items(dataset, "ReferencedFrameOfReferenceSequence")
    } - {None, ""}
    if not frames:
        yield "Referenced Frame of Reference Sequence names no frame of reference"
    if frames and not _images(dataset):
        yield "the referenced series lists no image"
    for roi in _items(dataset, "StructureSetROISequence"):
        named = roi.get("ReferencedFrameOfReferenceUID")
        if not named:
            yield f"{roi.get('ROIName')}: Referenced Frame of Reference UID is absent"
        elif frames and named not in frames:
            yield f"{roi.get('ROIName')}: its frame of reference isn't among the referenced ones"


def _completeness(dataset: Dataset) -> Iterator[str]:
    rois = _roi_names(dataset)
    if not rois:
        yield "there is no region"
    drawn = [item.get("ReferencedROINumber") for item in _items(dataset, "ROIContourSequence")]
    seen = [i.get("ReferencedROINumber") for i in _items(dataset, "RTROIObservationsSequence")]
    for what, numbers in (("ROI Contour", drawn), ("RT ROI Observations", seen)):
        missing = [name for number, name in rois.items() if number not in numbers]
        yield from (f"{name}: no item in the {what} Sequence" for name in missing)
        stray = [number for number in numbers if number not in rois]
        yield from (f"an item of the {what} Sequence for no region: {n}" for n in stray)
    for item in _items(dataset, "ROIContourSequence"):
        if not _items(item, "ContourSequence"):
            yield f"{rois.get(item.get('ReferencedROINumber'))}: no contours"


def _contours(dataset: Dataset) -> Iterator[str]:
    images, names = _images(dataset), _roi_names(dataset)
    for item in _items(dataset, "ROIContourSequence"):
        name = names.get(item.get("ReferencedROINumber"))
        for number, contour in enumerate(_items(item, "ContourSequence"), start=1):
            for line in _contour(contour, images):
                yield f"{name}, contour {number}: {line}"


def _contour(contour: Dataset, images: set[str]) -> Iterator[str]:
    if contour.get("ContourGeometricType") != "CLOSED_PLANAR":
        yield f"type {contour.get('ContourGeometricType')}, not CLOSED_PLANAR"
    referred = [i.get("ReferencedSOPInstanceUID") for i in _items(contour, "ContourImageSequence")]
    if not referred or any(uid not in images for uid in referred):
        yield "it refers to no image that the file lists"
    values = _stored_values(contour)
    wrong = [v for v in values if len(v) > 16 or not _DECIMAL.fullmatch(v)]
    if wrong:
        yield f"{wrong[0]!r} is no decimal string of at most 16 characters"
        return
    if len(values) % 3:
        yield f"{len(values)} numbers, which are no whole points"
        return
    points = np.array(values, dtype=np.float64).reshape(-1, 3)
    if contour.get("NumberOfContourPoints") != len(points):
        said = contour.get("NumberOfContourPoints")
        yield f"{len(points)} points, but Number of Contour Points says {said}"
    if len(points) < 3:
        yield f"{len(points)} points, fewer than three"
    elif (points[0] == points[-1]).all():
        yield "the first point is repeated at the end"
    elif _area_mm2(points) < _SMALLEST_AREA_MM2:
        yield "it encloses no area"


def _stored_values(contour: Dataset) -> list[str]:
    """Contour Data as it will stand in the file."""
    tag = Tag("ContourData")
    if tag not in contour:
        return []
    element = contour.get_item(tag)
    if element.value is None:
        return []
    if isinstance(element.value, bytes):  # not yet taken apart
        text = element.value.decode("ascii", "replace")
        return text.split("\\") if text.strip() else []
    values = [element.value] if element.VM == 1 else element.value
    return [str(getattr(value, "original_string", value)) for value in values]


def _area_mm2(points: np.ndarray) -> float:
    """Of a closed line in space: half the length of its area vector."""
    inner = points - points.mean(axis=0)
    return float(np.linalg.norm(np.cross(inner, np.roll(inner, -1, axis=0)).sum(axis=0))) / 2


def _roi_names(dataset: Dataset) -> dict[object, object]:
    rois = _items(dataset, "StructureSetROISequence")
    return {roi.get("ROINumber"): roi.get("ROIName") for roi in rois}


def _images(dataset: Dataset) -> set[str]:
    return {
        str(image.get("ReferencedSOPInstanceUID"))
        for frame in _items(dataset, "ReferencedFrameOfReferenceSequence")
        for study in _items(frame, "RTReferencedStudySequence")
        for series in _items(study, "RTReferencedSeriesSequence")
        for image in _items(series, "ContourImageSequence")
    }


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    return list(dataset.get(keyword, None) or [])


_RULES: tuple[Callable[[Dataset], Iterator[str]], ...] = (
    _header,
    _names,
    _frames,
    _completeness,
    _contours,
)
