"""RTSTRUCTs of a cohort: finding them, a case with its truth from one, a table of region names.

No rule tells primary from node in every hospital's names, so a person looks at the table and at
the pattern file (`--roi-names`) before anything is trained on it.
"""

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pydicom
from pydicom import config

from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, LeftOut
from hnuiseg.dicom import (
    RoiNames,
    Scan,
    SeriesHeaders,
    drawn_on,
    map_roi_names,
    read_drawing,
    roi_name_rules,
    scan_folder,
)
from hnuiseg.dicom.attributes import UNREADABLE_FILE, text
from hnuiseg.errors import InputRefused
from hnuiseg.study import Case, LabelMap, Notice, Stated, on_grid, read_labels, read_study

# SOP class of an RTSTRUCT, in the file's meta group (0002,0002) or its data set (0008,0016).
# Looked for as bytes: a cohort has ten thousands of images, and their headers take minutes.
_RTSTRUCT = re.compile(
    rb"(?:\x02\x00\x02\x00|\x08\x00\x16\x00)(?:UI..|.\x00\x00\x00)"
    rb"1\.2\.840\.10008\.5\.1\.4\.1\.1\.481\.3(?![.\d])",
    re.DOTALL,
)
_START_BYTES = 4096  # both elements are among the first
_ALLOWED = "one RTSTRUCT drawn on the CT, or several of which one is the newest"
_ORDER = ("GTVp", "GTVn", "GTVp, not certain", "GTVn, not certain", "both, left out", "left out")


@dataclass(frozen=True, slots=True)
class StructureSet:
    """What an RTSTRUCT says of itself, without its contours."""

    path: Path
    written: str  # Structure Set Date and Time (3006,0008), (3006,0009); text that sorts, or ""
    series: frozenset[str]  # Series Instance UIDs that it was drawn on
    names: tuple[str, ...]  # of its regions, each once


@dataclass(frozen=True, slots=True)
class RegionTable:
    """What the regions of a cohort are called, and what a pattern file makes of that."""

    counts: Mapping[str, int]  # ROI name: in how many cases
    names: RoiNames
    cases: int
    left_out: tuple[LeftOut, ...]  # cases without an RTSTRUCT, and files that can't be read


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


def patterns_said(roi_names: Path | None) -> str:
    """Names a pattern file by its rules; InputRefused where it can't be used."""
    rules = roi_name_rules(roi_names)
    said = [(r.region, r.certain, [p.pattern for p in r.patterns]) for r in rules]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def structure_sets(folder: Path) -> tuple[tuple[StructureSet, ...], tuple[LeftOut, ...]]:
    """Every RTSTRUCT below a folder, a second copy of a file but once; and what can't be read."""
    found, lost = list[StructureSet](), list[LeftOut]()
    known = set[bytes]()
    for path in _files(folder):
        try:
            with path.open("rb") as file:
                if not _RTSTRUCT.search(file.read(_START_BYTES)):
                    continue
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").digest()
            if digest not in known:
                known.add(digest)
                found.append(_described(path))
        except OSError as error:
            lost.append(LeftOut(path.name, f"can't be read ({error.strerror})"))
        except InputRefused as refusal:
            lost.append(LeftOut(path.name, refusal.came.removeprefix(path.name).strip()))
    return tuple(found), tuple(lost)


def regions_of(paths: Iterable[Path]) -> Counter[str]:
    """In how many of the RTSTRUCTs each region's name stands (3006,0026).

    InputRefused where one can't be read.
    """
    return Counter(name for path in paths for name in _described(path).names)


def region_names(cohort: Cohort, roi_names: Path | None = None) -> RegionTable:
    """Every region's name in all RTSTRUCTs of a cohort; contours and images aren't read."""
    rules = roi_name_rules(roi_names)
    counts, left_out = Counter[str](), list[LeftOut]()
    for case in cohort.cases:
        found, lost = list[StructureSet](), list[LeftOut]()
        for source in case.sources:
            more, unread = structure_sets(source)
            found += more
            lost += unread
        counts.update({name for one in found for name in one.names})
        left_out += [LeftOut(case.name, f"{one.name}: {one.why}") for one in lost]
        if not found and not lost:
            left_out.append(LeftOut(case.name, "no RTSTRUCT"))
    return RegionTable(
        counts, map_roi_names(sorted(counts), rules), len(cohort.cases), tuple(left_out)
    )


def described(table: RegionTable) -> str:
    """Lines for a person to confirm: what is read as which, the most frequent names first."""
    rows = [(meaning_of(name, table.names), -n, name) for name, n in table.counts.items()]
    rows.sort(key=lambda row: (_ORDER.index(row[0]), *row[1:]))
    shown = [(str(-n), _printable(name), meaning) for meaning, n, name in rows]
    width = max([len(name) for _, name, _ in shown] + [len("region")])
    lines = [f"{len(shown)} names of regions in {table.cases} cases"]
    lines += [
        f"{count:>5}  {name:<{width}}  {meaning}"
        for count, name, meaning in [("cases", "region", "read as"), *shown]
    ]
    lines += [f"no names from {one.name}: {one.why}" for one in table.left_out]
    return "\n".join(line.rstrip() for line in lines)


def meaning_of(name: str, names: RoiNames) -> str:
    """What becomes of a region, in words."""
    if name in names.doubtful:
        return f"{names.doubtful[name]}, not certain"
    return names.certain.get(name) or ("both, left out" if name in names.both else "left out")


def topmost(
    folder: Path, wanted: Callable[[Path], bool]
) -> tuple[tuple[Path, ...], tuple[LeftOut, ...]]:
    """The folders below that are wanted, by path, and those that can't be looked into.

    Nothing is looked for within a wanted one, nor in hidden ones. Links are followed.
    """
    found, closed = list[Path](), list[LeftOut]()
    entered = set[str]()

    def look(into: Path) -> None:
        place = os.path.realpath(into)
        if place in entered:  # a link back up would never end
            return
        entered.add(place)
        try:
            below = subfolders(into)
        except OSError as error:
            closed.append(LeftOut(into.name, f"can't be opened ({error.strerror})"))
            return
        for child in below:
            if wanted(child):
                found.append(child)
            else:
                look(child)

    look(folder)
    return tuple(found), tuple(closed)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name, without hidden ones. OSError where it is closed."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def require_folder(folder: Path) -> None:
    """InputRefused where there is no such folder, or it is closed."""
    try:
        subfolders(folder)
    except OSError as error:
        raise InputRefused(
            f"folder {folder.name!r} can't be opened ({error.strerror})",
            "the folder of a cohort, readable",
            "check the path and its permissions",
        ) from error


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, by path, as `scan_folder` finds them; or the one file itself."""
    if folder.is_file():
        yield folder
        return
    entered = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(root)
        if place in entered:
            folders.clear()
            continue
        entered.add(place)
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(root) / name).is_file())


def _described(path: Path) -> StructureSet:
    with _quiet():
        _, dataset = read_drawing(path)
        try:
            rois = dataset.get("StructureSetROISequence", None) or []
            names = (text(roi, "ROIName") for roi in rois)
            return StructureSet(
                path, _written(dataset), drawn_on(dataset), tuple(dict.fromkeys(names))
            )
        except UNREADABLE_FILE as fault:
            raise _unreadable(path, fault) from fault


def _written(dataset: pydicom.Dataset) -> str:
    """Date and time as digits; empty without a date, which then says nothing."""
    date = text(dataset, "StructureSetDate").replace(".", "")  # as before 1993
    time = text(dataset, "StructureSetTime").replace(":", "")
    return f"{date} {time}" if re.fullmatch(r"\d{8}", date) else ""


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
    with _quiet():
        _, dataset = read_drawing(one.path)
        try:
            on_pet = _without_pet(dataset, ct, of_pets)
            if not on_pet and len(one.series) == 1:
                return one.path, ()
            dataset.save_as(copy)
        except UNREADABLE_FILE as fault:
            raise _unreadable(one.path, fault) from fault
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Values that overstep the standard's limits are read; those used are checked where used."""
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _unreadable(path: Path, fault: BaseException) -> InputRefused:
    return InputRefused(
        f"{path.name} can't be read as an RTSTRUCT ({type(fault).__name__})",
        "an RT Structure Set as DICOM writes it",
        "export it again",
    )


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)
