"""HECKTOR as its organisers deliver it: the layouts of 2022, 2025 and 2026.

| edition | images                             | label                                         |
|---------|------------------------------------|-----------------------------------------------|
| 2022    | `imagesTr/CHUM-001__CT.nii.gz`     | `labelsTr/CHUM-001.nii.gz`, or `CHUM_001`     |
| 2025    | `Task 1/CHUM-001/CHUM-001__CT…`    | `Task 1/CHUM-001/CHUM-001.nii.gz`             |
| 2026    | `hecktor2026_training/CHUM-001/…`  | as in 2025                                    |

The PET lies beside the CT and ends in `__PT.nii.gz`. `Task 2` and `Task 3` of 2025 hold the same
scans again, without labels. Labels may be a row larger than the CT, with the same spacing: they are
placed by position. All nodes have value 2, which won where it met the primary. PETs are meant to be
SUVbw; some were given out in Bq/ml, and are refused unless a table of factors names them.
"""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from hnuiseg.cohorts.image_files import ImageFiles, annotated
from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, LeftOut, ListedCase
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.limits import MOST_TEXT_BYTES
from hnuiseg.study import Notice, Stated

LICENCE = "HECKTOR end-user agreement: research, no redistribution"
_FILE = re.compile(r"([A-Za-z]+)[-_]([0-9]+)(__CT|__PT)?\.nii(?:\.gz)?")
_HIDDEN = ("__MACOSX",)
_PATIENT = ("patientid", "pid", "patient")  # names of a column, without capitals and blanks
_CENTRE = ("centerid", "centreid", "center", "centre")
_LEAST_SUV = 0.2  # in every head and neck something takes up more

Found = Mapping[str, list[Path]]  # a patient's files: "__CT", "__PT", and "" for labels


def hecktor(folder: Path, suv_factors: Path | None = None) -> Cohort:
    """Every patient with a CT and a label, wherever they lie below `folder`.

    `suv_factors` is a CSV with a patient's id and a factor (g/ml per Bq/ml) for PETs in Bq/ml, such
    as the organisers' `suv_conversion_tags.csv`; such PETs are converted, and it is said. Names and
    the tables beside the images are all that is read here. InputRefused where no image is found or
    the table can't be used.
    """
    patients = dict[str, dict[str, list[Path]]]()
    tables = list[Path]()
    for path in _files(folder):
        found = _FILE.fullmatch(path.name)
        if found:
            patient = f"{found[1]}-{found[2]}".upper()
            patients.setdefault(patient, {}).setdefault(found[3] or "", []).append(path)
        elif path.suffix.lower() == ".csv":
            tables.append(path)
    if not any("__CT" in files for files in patients.values()):
        raise InputRefused(
            f"{folder.name} holds no image of HECKTOR",
            "files such as imagesTr/CHUM-001__CT.nii.gz or CHUM-001/CHUM-001__CT.nii.gz",
            "name the folder that was unpacked",
        )
    factors = {} if suv_factors is None else _factors(suv_factors)
    centres = _centres(tables)
    cases, left_out = list[ListedCase](), list[LeftOut]()
    for patient, several in sorted(patients.items()):
        own = _one_scan(several, folder, factors.get(patient))
        if isinstance(own, str):
            left_out.append(LeftOut(patient, own))
            continue
        sources = tuple(path for path in (own.ct, own.labels, own.pet) if path is not None)
        how = "" if own.suv_per_bqml is None else f"{own.suv_per_bqml:.9g} g/ml per Bq/ml"
        centre = centres.get(patient, patient.split("-")[0])
        cases.append(ListedCase(patient, patient, centre, sources, partial(_read, own), how))
    return Cohort("hecktor", LICENCE, False, ("GTVp", "GTVn"), tuple(cases), tuple(left_out))


def _files(folder: Path) -> Iterator[Path]:
    """Files below, by path, without hidden ones and what archives leave."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _HIDDEN
        )
        yield from (Path(root) / name for name in sorted(names) if not name.startswith("."))


def _one_scan(found: Found, folder: Path, factor: float | None) -> ImageFiles | str:
    """A patient's one CT with its label, and the PET beside it; or why there is none."""
    cts, labels = found.get("__CT", []), found.get("", [])
    if not labels:
        return "no label"
    if not cts:
        return "no CT" if "__PT" in found else "a label without CT"
    if len(labels) > 1:  # which of them is the corrected one isn't guessed
        return _twice("label", labels, folder)
    (label,) = labels
    beside = [ct for ct in cts if ct.parent == label.parent]
    beside = beside or [ct for ct in cts if ct.parent.parent == label.parent.parent]
    beside = beside or cts
    if len(beside) > 1:
        return _twice("CT", beside, folder)
    (ct,) = beside
    pets = [pet for pet in found.get("__PT", []) if pet.parent == ct.parent]
    if len(pets) > 1:
        return _twice("PET", pets, folder)
    pet = pets[0] if pets else None
    return ImageFiles(ct, label, pet, None if pet is None else factor)


def _twice(what: str, files: Iterable[Path], folder: Path) -> str:
    places = [file.relative_to(folder).as_posix() for file in files]
    return (
        f"its {what} is there {len(places)} times ({', '.join(places)}): point at one release alone"
    )


def _read(files: ImageFiles) -> AnnotatedCase:
    """A case, which says so where its PET was converted from Bq/ml."""
    found = annotated(files)
    factor, pet = files.suv_per_bqml, found.case.pet
    if factor is None or pet is None:
        return found
    highest = float(pet.native.array.max())
    if highest < _LEAST_SUV:
        raise InputRefused(
            f"{found.case.provenance.pet} isn't in Bq/ml, as the table of factors has it: its "
            f"highest value is {highest / factor:.4g}",
            "a factor for a PET in Bq/ml alone",
            "take the patient out of the table if its PET is in SUV already",
        )
    text = f"The PET was given out in Bq/ml and converted with {factor:.6g} g/ml per Bq/ml."
    case = replace(found.case, notices=(*found.case.notices, Notice("pet-converted", text)))
    return replace(found, case=case, notes=(*found.notes, text))


def _centres(tables: Iterable[Path]) -> dict[str, str]:
    """Centres by patient, from whichever table has them; files of other content say nothing."""
    found = dict[str, str]()
    for table in tables:
        try:
            rows = _rows(table)
        except (OSError, ValueError, csv.Error):
            continue
        for row in rows:
            patient, centre = _id(_cell(row, _PATIENT)), _cell(row, _CENTRE)
            if patient and centre:
                found.setdefault(patient, centre)
    return found


def _factors(table: Path) -> dict[str, float]:
    """Factors by patient, where a row has one; InputRefused where the table can't be used."""
    found = dict[str, float]()
    try:
        for row in _rows(table):
            named = [name for name in row if "factor" in name]
            patient = _id(_cell(row, _PATIENT))
            if len(named) != 1 or not patient:
                raise ValueError("it needs one column PatientID and one whose name has 'factor'")
            units = row.get("units", "")
            if units and units.upper() not in ("BQML", "BQ/ML"):
                raise ValueError(f"{patient} is in {units}, not in Bq/ml")
            if not row[named[0]]:
                continue  # nobody knows it: such a PET is refused as before
            if patient in found:
                raise ValueError(f"it names {patient} twice")
            found[patient] = float(row[named[0]])
            Stated(pet_units="bqml", suv_per_bqml=found[patient])
    except WrongCall as error:
        came, allowed, remedy = error.args
        raise InputRefused(f"{table.name} gives {patient} {came}", allowed, remedy) from error
    except (OSError, ValueError, csv.Error) as error:
        raise InputRefused(
            f"{table.name} can't be used ({error})",
            "a CSV with PatientID and a factor in g/ml per Bq/ml",
            "mend the table",
        ) from error
    return found


def _cell(row: Mapping[str, str], names: Iterable[str]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _id(written: str) -> str:
    return written.replace("_", "-").upper()


def _rows(table: Path) -> list[dict[str, str]]:
    """Rows by column, whose names count without capitals and blanks; empty rows are none."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        text = file.read(MOST_TEXT_BYTES)
    lines = text.splitlines()
    between = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    cells = [[cell.strip() for cell in line] for line in csv.reader(lines, delimiter=between)]
    if not cells:
        return []
    names = [re.sub(r"[\s_]", "", name).lower() for name in cells[0]]
    return [dict(zip(names, row, strict=False)) for row in cells[1:] if any(row)]
