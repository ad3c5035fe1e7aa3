"""RTSTRUCTs below a folder, and what they say of themselves; contours aren't read."""

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import config

from hnuiseg.cohorts.listing import LeftOut
from hnuiseg.dicom import (
    drawn_on,
    read_drawing,
)
from hnuiseg.dicom.attributes import UNREADABLE_FILE, text
from hnuiseg.errors import InputRefused

# SOP class of an RTSTRUCT, in the file's meta group (0002,0002) or its data set (0008,0016).
# Looked for as bytes: a cohort has ten thousands of images, and their headers take minutes.
_RTSTRUCT = re.compile(
    rb"(?:\x02\x00\x02\x00|\x08\x00\x16\x00)(?:UI..|.\x00\x00\x00)"
    rb"1\.2\.840\.10008\.5\.1\.4\.1\.1\.481\.3(?![.\d])",
    re.DOTALL,
)
_START_BYTES = 4096  # both elements are among the first


@dataclass(frozen=True, slots=True)
class StructureSet:
    """What an RTSTRUCT says of itself, without its contours."""

    path: Path
    written: str  # Structure Set Date and Time (3006,0008), (3006,0009); text that sorts, or ""
    series: frozenset[str]  # Series Instance UIDs that it was drawn on
    names: tuple[str, ...]  # of its regions, each once


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
                found.append(read_structure_set(path))
        except OSError as error:
            lost.append(LeftOut(path.name, f"can't be read ({error.strerror})"))
        except InputRefused as refusal:
            lost.append(LeftOut(path.name, refusal.came.removeprefix(path.name).strip()))
    return tuple(found), tuple(lost)


def regions_of(paths: Iterable[Path]) -> Counter[str]:
    """In how many of the RTSTRUCTs each region's name stands (3006,0026).

    InputRefused where one can't be read.
    """
    return Counter(name for path in paths for name in read_structure_set(path).names)


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


def read_structure_set(path: Path) -> StructureSet:
    """What an RTSTRUCT says of itself. InputRefused where it can't be read."""
    with quiet():
        _, dataset = read_drawing(path)
        try:
            rois = dataset.get("StructureSetROISequence", None) or []
            names = (text(roi, "ROIName") for roi in rois)
            return StructureSet(
                path, _written(dataset), drawn_on(dataset), tuple(dict.fromkeys(names))
            )
        except UNREADABLE_FILE as fault:
            raise unreadable(path, fault) from fault


def _written(dataset: pydicom.Dataset) -> str:
    """Date and time as digits; empty without a date, which then says nothing."""
    date = text(dataset, "StructureSetDate").replace(".", "")  # as before 1993
    time = text(dataset, "StructureSetTime").replace(":", "")
    return f"{date} {time}" if re.fullmatch(r"\d{8}", date) else ""


def unreadable(path: Path, fault: BaseException) -> InputRefused:
    """The refusal of a file that isn't what it says it is."""
    return InputRefused(
        f"{path.name} can't be read as an RTSTRUCT ({type(fault).__name__})",
        "an RT Structure Set as DICOM writes it",
        "export it again",
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Values that overstep the standard's limits are read; those used are checked where used."""
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
