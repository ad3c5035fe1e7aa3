"""A clinic's own patients: a staging PET/CT (PRI) and a planning CT (PLAN), with RTSTRUCTs.

`SRC/P001/PRI/…` and `SRC/P001/PLAN/…`, or `SRC/P001_PRI/…` and `SRC/P001_PLAN/…`. All of one
patient has one key, so that no split parts PRI from PLAN.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from hnuiseg.cohorts.drawn_case import drawn_case
from hnuiseg.cohorts.folders import require_folder, subfolders, topmost
from hnuiseg.cohorts.listing import Cohort, LeftOut, ListedCase
from hnuiseg.cohorts.regions import patterns_said
from hnuiseg.errors import InputRefused

SCANS = ("PRI", "PLAN")
_ALONE = "the planning CT is read alone"
_PARTED = re.compile(r"[_\-\s]+")
_SCAN = re.compile(r"(?:^|(?<=[_\-\s]))(?:PRI|PLAN)(?=[_\-\s]|$)", re.IGNORECASE)
_UNFIT = re.compile(r"[^\w.\-]+")  # in the name of a case, which becomes a folder's


def clinic(folder: Path, roi_names: Path | None = None) -> Cohort:
    """The cases P001-PRI (PET/CT) and P001-PLAN (CT alone) of every patient P001.

    PRI and PLAN are words of a folder's name, in any case, parted by "_", "-" or a blank. A patient
    is the folder in `folder`, or what stands before PRI or PLAN (if nothing does, behind it) in
    the name of a folder right in it; capitals and what parts words don't tell patients apart.
    Names alone are looked at. Which regions are GTVp and GTVn is said by the pattern file
    `roi_names` (None: the shipped one).

    InputRefused where there is no such folder or the pattern file can't be used.
    """
    require_folder(folder)
    how = patterns_said(roi_names)
    scans, left_out = _by_patient(folder)
    cases = list[ListedCase]()
    taken = set[str]()
    for several in scans.values():
        patient = several[0][0]
        own, missing = _one_each(patient, [place for _, place in several])
        left_out += missing
        stem = _unused(_UNFIT.sub("_", patient), taken)
        for scan, place in own.items():
            read = partial(
                drawn_case, place, roi_names, without_pet=_ALONE if scan == "PLAN" else ""
            )
            cases.append(ListedCase(f"{stem}-{scan}", patient, "", (place,), read, how))
    if not scans:
        raise InputRefused(
            f"{folder.name} holds no folder PRI or PLAN",
            "SRC/P001/PRI and SRC/P001/PLAN, or SRC/P001_PRI and SRC/P001_PLAN",
            "name the folders so, or check the path",
        )
    return Cohort(
        "clinic",
        "local data of a clinic: not to be passed on",
        False,
        ("GTVp", "GTVn"),
        tuple(sorted(cases, key=lambda case: case.name)),
        tuple(left_out),
    )


def _by_patient(folder: Path) -> tuple[dict[str, list[tuple[str, Path]]], list[LeftOut]]:
    """Each patient's PRI and PLAN folders, beside the patient's name as written there."""
    scans: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    left_out = list[LeftOut]()
    for child in subfolders(folder):
        patient, found = child.name, tuple[Path, ...]()
        if _scans_of(child):
            patient, found = _of_name(child.name) or folder.name, (child,)
        else:
            found, closed = topmost(child, lambda below: bool(_scans_of(below)))
            left_out += closed
            if not found and not closed:
                left_out.append(LeftOut(child.name, "holds no folder PRI or PLAN"))
        for place in found:
            key = _PARTED.sub("_", patient).casefold()  # one person in two spellings is one
            scans[key].append((patient, place))
    return dict(sorted(scans.items())), left_out


def _one_each(patient: str, folders: Iterable[Path]) -> tuple[dict[str, Path], list[LeftOut]]:
    """A patient's one PRI and one PLAN; what is missing, or is there twice."""
    by_scan: dict[str, list[Path]] = {scan: [] for scan in SCANS}
    left_out = list[LeftOut]()
    for folder in folders:
        found = _scans_of(folder)
        if len(found) == 1:
            by_scan[found[0]].append(folder)
        else:
            left_out.append(LeftOut(folder.name, "says PRI and PLAN at once"))
    own = {scan: several[0] for scan, several in by_scan.items() if len(several) == 1}
    for scan, several in by_scan.items():
        if len(several) > 1:
            named = ", ".join(one.name for one in several)
            left_out.append(LeftOut(patient, f"{len(several)} folders say {scan}: {named}"))
        elif not several and own:
            left_out.append(LeftOut(patient, f"no {scan}; {' and '.join(own)} is used"))
    return own, left_out


def _scans_of(folder: Path) -> tuple[str, ...]:
    words = {word.upper() for word in _PARTED.split(folder.name)}
    return tuple(scan for scan in SCANS if scan in words)


def _of_name(name: str) -> str:
    """The patient in a folder's name; empty where it says no more than PRI or PLAN.

    Before the word, if there is something: behind it often stands the day of the scan.
    """
    before, behind = _SCAN.split(name, maxsplit=1)
    return _PARTED.sub("_", before).strip("_") or _PARTED.sub("_", behind).strip("_")


def _unused(stem: str, taken: set[str]) -> str:
    """A stem that no other patient has: two may differ in brackets alone."""
    number = 1
    found = stem
    while found in taken:
        number += 1
        found = f"{stem}-{number}"
    taken.add(found)
    return found
