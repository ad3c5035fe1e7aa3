"""A study with its truth from the newest RTSTRUCT that was drawn on its CT."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pydicom

from hnuiseg.cohorts.drawings import StructureSet, quiet, structure_sets, unreadable
from hnuiseg.cohorts.listing import AnnotatedCase
from hnuiseg.dicom import (
    Scan,
    SeriesHeaders,
    read_drawing,
    scan_folder,
)
from hnuiseg.dicom.attributes import UNREADABLE_FILE, text
from hnuiseg.errors import InputRefused
from hnuiseg.study import Case, LabelMap, Notice, Stated, on_grid, read_labels, read_study

_ALLOWED = "one RTSTRUCT drawn on the CT, or several of which one is the newest"


def drawn_case(
    folder: Path, roi_names: Path | None = None, *, without_pet: str = ""
) -> AnnotatedCase:
    """The study in a folder, with its newest RTSTRUCT as truth on the CT's grid.

    `without_pet` says why a PET isn't read; empty: it is. RTSTRUCTs and regions drawn on the PET
    are left out and said, so are older ones. InputRefused where study or truth can't be read
    right, where no RTSTRUCT is drawn on the CT, and where two are equally new.
    """
    found, lost = structure_sets(folder)
    if not found:
        raise InputRefused(
            "; ".join(["no RTSTRUCT", *(f"{one.name}: {one.why}" for one in lost)]),
            _ALLOWED,
            "add it to the folder, or leave the case out",
        )
    scan = scan_folder(folder)
    images, notes = _images(folder, scan, found) if without_pet else (folder, ())
    case = read_study(images, Stated(ct_only=bool(without_pet)))
    pets = [series for series in scan.series if series.modality == "PT"]
    if pets and without_pet:
        left_out = Notice("pet-left-out", f"PET was left out: {without_pet}.")
        case = replace(case, notices=(*case.notices, left_out))
    one, said = _newest(found, _ct_uid(case), frozenset(pet.uid for pet in pets))
    labels, dropped = _labels(one, case, images, pets, roi_names)
    truth = on_grid(labels, case.ct.grid)
    unread = (f"{file.name} is left out: {file.why}" for file in lost)
    return AnnotatedCase(case, truth.volume, (*notes, *said, *unread, *dropped, *truth.notes))


def _newest(
    found: Iterable[StructureSet], ct: str, pets: frozenset[str]
) -> tuple[StructureSet, tuple[str, ...]]:
    """The RTSTRUCT that counts, and what to know about the others."""
    on_pet = [one for one in found if one.series and one.series <= pets]
    on_ct = [one for one in found if ct in one.series]
    others = [one for one in found if one not in on_pet and one not in on_ct]
    counting = on_ct or others  # exports give the series new UIDs: frames of reference will tell
    if not counting:
        raise InputRefused(
            f"every RTSTRUCT is drawn on the PET ({_named(on_pet)})",
            _ALLOWED,
            "add the one that was drawn on the CT",
        )
    latest = max(one.written for one in counting)
    newest = [one for one in counting if one.written == latest]
    if len(newest) > 1:
        raise InputRefused(
            f"{len(newest)} RTSTRUCTs of "
            f"{'the same date and time' if latest else 'unknown date'} ({_named(newest)})",
            _ALLOWED,
            "leave the one in the folder that counts",
        )
    notes = []
    if len(counting) > 1:
        older = [_day(one) for one in counting if one is not newest[0]]
        notes.append(
            f"the newest RTSTRUCT is used, of {_day(newest[0])}; left out: of {', '.join(older)}"
        )
    if on_pet:
        notes.append(f"left out, as drawn on the PET: {_named(on_pet)}")
    if on_ct and others:
        notes.append(f"left out, as drawn on another series: {_named(others)}")
    return newest[0], tuple(notes)


def _images(
    folder: Path, scan: Scan, found: Iterable[StructureSet]
) -> tuple[Path, tuple[str, ...]]:
    """Where to read a CT alone: of several, the folder of the one that the newest drawing names."""
    cts = [s for s in scan.series if s.modality == "CT" and s.excluded_because is None]
    uids = {ct.uid for ct in cts}
    drawn = [one for one in found if one.series & uids]
    latest = max((one.written for one in drawn), default="")
    named = {uid for one in drawn if one.written == latest for uid in one.series & uids}
    if len(cts) < 2 or len(named) != 1:
        return folder, ()
    (uid,) = named
    ct = next(one for one in cts if one.uid == uid)
    own = {path.parent for path in ct.paths}
    foreign = [s for s in scan.series if s.is_image and s.uid != uid]
    place = own.pop()
    if own or any(path.is_relative_to(place) for s in foreign for path in s.paths):
        return folder, ()  # mixed with others: refused where it is read
    return place, (f"of {len(cts)} CT series the one is used that the RTSTRUCT names",)


def _labels(
    one: StructureSet, case: Case, images: Path, pets: list[SeriesHeaders], roi_names: Path | None
) -> tuple[LabelMap, tuple[str, ...]]:
    """What an RTSTRUCT draws on the CT, and which regions it draws on the PET."""
    ct = _ct_uid(case)
    of_pets = {text(header, "SOPInstanceUID") for pet in pets for header in pet.headers}
    with TemporaryDirectory() as beside:
        path, on_pet = one.path, tuple[str, ...]()
        if ct in one.series and (len(one.series) > 1 or of_pets):
            path, on_pet = _on_ct(one, ct, of_pets, Path(beside) / one.path.name)
        labels = read_labels(path, ct=images, roi_names=roi_names)
    return labels, ((f"left out, as drawn on the PET: {', '.join(on_pet)}",) if on_pet else ())


def _on_ct(
    one: StructureSet, ct: str, of_pets: set[str], copy: Path
) -> tuple[Path, tuple[str, ...]]:
    """An RTSTRUCT of the CT's regions alone, copied where there were others; these by name."""
    with quiet():
        _, dataset = read_drawing(one.path)
        try:
            on_pet = _without_pet(dataset, ct, of_pets)
            if not on_pet and len(one.series) == 1:
                return one.path, ()
            dataset.save_as(copy)
        except UNREADABLE_FILE as fault:
            raise unreadable(one.path, fault) from fault
    return copy, on_pet


def _without_pet(dataset: pydicom.Dataset, ct: str, of_pets: set[str]) -> tuple[str, ...]:
    """Take away what isn't drawn on the CT; the names of regions that are drawn on the PET."""
    for frame in dataset.get("ReferencedFrameOfReferenceSequence", None) or []:
        for study in frame.get("RTReferencedStudySequence", None) or []:
            series = study.get("RTReferencedSeriesSequence", None) or []
            study.RTReferencedSeriesSequence = [
                s for s in series if text(s, "SeriesInstanceUID") == ct
            ]
    regions = dataset.get("ROIContourSequence", None) or []
    numbers = {text(r, "ReferencedROINumber") for r in regions if _image_of(r) in of_pets}
    dataset.ROIContourSequence = [
        r for r in regions if text(r, "ReferencedROINumber") not in numbers
    ]
    rois = dataset.get("StructureSetROISequence", None) or []
    dataset.StructureSetROISequence = [r for r in rois if text(r, "ROINumber") not in numbers]
    return tuple(text(roi, "ROIName") for roi in rois if text(roi, "ROINumber") in numbers)


def _image_of(region: pydicom.Dataset) -> str:
    """The image under a region's first contour that names one; a region is drawn on one series."""
    for contour in region.get("ContourSequence", None) or []:
        for image in contour.get("ContourImageSequence", None) or []:
            return text(image, "ReferencedSOPInstanceUID")
    return ""


def _ct_uid(case: Case) -> str:
    assert case.dicom is not None  # it was read from DICOM
    return case.dicom.series_instance_uid


def _day(one: StructureSet) -> str:
    """Exports call every file alike: its date tells it from others."""
    if not one.written:
        return "unknown date"
    date, _, time = one.written.partition(" ")
    clock = ":".join(re.findall(r"\d\d", time)[:3])
    return f"{date[:4]}-{date[4:6]}-{date[6:]} {clock}".rstrip()


def _named(several: Iterable[StructureSet]) -> str:
    return ", ".join(one.path.name for one in several)
