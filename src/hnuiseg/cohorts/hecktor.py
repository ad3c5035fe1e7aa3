"""HECKTOR as its organisers deliver it: the layouts of 2022, 2025 and 2026.

| edition | images                             | label                                         |
|---------|------------------------------------|-----------------------------------------------|
| 2022    | `imagesTr/CHUM-001__CT.nii.gz`     | `labelsTr/CHUM-001.nii.gz`, or `CHUM_001`     |
| 2025    | `Task 1/CHUM-001/CHUM-001__CT…`    | `Task 1/CHUM-001/CHUM-001.nii.gz`             |
| 2026    | `hecktor2026_training/CHUM-001/…`  | as in 2025                                    |

The PET lies beside the CT and ends in `__PT.nii.gz`. Labels may be a row larger than the CT, with
the same spacing: they are placed by position. All nodes have value 2, which won where it met the
primary. PETs are meant to be SUVbw; some were given out in Bq/ml, and are refused unless a table of
factors names them.
"""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hnuiseg.cohorts.image_files import ImageFiles, annotated
from hnuiseg.cohorts.listing import Cohort, LeftOut, ListedCase
from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_TEXT_BYTES

LICENCE = "HECKTOR end-user agreement: research, no redistribution"
_CT = re.compile(r"([A-Za-z]+)[-_](\d+)__CT\.nii(\.gz)?")
_HIDDEN = ("__MACOSX",)


def hecktor(folder: Path, suv_factors: Path | None = None) -> Cohort:
    """Every patient with a CT and a label, wherever they lie below `folder`.

    `suv_factors` is a CSV with a patient's id and a factor (g/ml per Bq/ml) for PETs in Bq/ml; such
    PETs are converted, and it is said. Names and the tables beside the images are all that is
    read here. InputRefused where no image is found or the table can't be used.
    """
    images = defaultdict[str, list[Path]](list)
    labels = defaultdict[str, list[Path]](list)
    tables = []
    for path in _files(folder):
        found = _CT.fullmatch(path.name)
        if found:
            images[f"{found[1]}-{found[2]}".upper()].append(path)
        elif path.suffix.lower() == ".csv":
            tables.append(path)
        else:
            patient = _label_of(path)
            if patient is not None:
                labels[patient].append(path)
    if not images:
        raise InputRefused(
            f"{folder.name} holds no image of HECKTOR",
            "files such as imagesTr/CHUM-001__CT.nii.gz or CHUM-001/CHUM-001__CT.nii.gz",
            "name the folder that was unpacked",
        )
    factors = {} if suv_factors is None else _factors(suv_factors)
    centres = {} if not tables else _centres(tables)
    cases, left_out = list[ListedCase](), list[LeftOut]()
    for patient, cts in sorted(images.items()):
        trouble = _trouble(cts, labels[patient])
        if trouble:
            left_out.append(LeftOut(patient, trouble))
            continue
        ct, label = cts[0], labels[patient][0]
        pet = ct.with_name(ct.name.replace("__CT.", "__PT."))
        files = ImageFiles(ct, label, pet if pet.exists() else None, factors.get(patient))
        sources = tuple(path for path in (ct, label, files.pet) if path is not None)
        centre = centres.get(patient, patient.split("-")[0])
        cases.append(ListedCase(patient, patient, centre, sources, partial(annotated, files)))
    return Cohort("hecktor", LICENCE, False, ("GTVp", "GTVn"), tuple(cases), tuple(left_out))


def _files(folder: Path) -> Iterator[Path]:
    """Files below, by path, without hidden ones and what archives leave."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _HIDDEN
        )
        yield from (Path(root) / name for name in sorted(names) if not name.startswith("."))


def _label_of(path: Path) -> str | None:
    """The patient whose label a file is, by its name alone."""
    found = re.fullmatch(r"([A-Za-z]+)[-_](\d+)\.nii(\.gz)?", path.name)
    return None if found is None else f"{found[1]}-{found[2]}".upper()


def _trouble(cts: list[Path], labels: list[Path]) -> str:
    """Why a patient can't be used; empty where nothing speaks against it."""
    if len(cts) > 1:
        places = ", ".join(ct.parent.name for ct in cts)
        return f"its CT is there {len(cts)} times (in {places}): point at one release alone"
    if not labels:
        return "no label"
    if len(labels) > 1:
        places = ", ".join(label.parent.name for label in labels)
        return f"its label is there {len(labels)} times (in {places}): point at one release alone"
    return ""


def _centres(tables: list[Path]) -> dict[str, str]:
    """Centres by patient, from whichever table has them; files of other content say nothing."""
    found = dict[str, str]()
    for table in tables:
        try:
            rows = _rows(table)
        except (OSError, ValueError, csv.Error):
            continue
        for row in rows:
            patient, centre = row.get("patientid", ""), row.get("centerid", "")
            if patient and centre:
                found.setdefault(patient.replace("_", "-").upper(), centre)
    return found


def _factors(table: Path) -> dict[str, float]:
    """Factors by patient; InputRefused where the table has none."""
    try:
        found = {}
        for row in _rows(table):
            named = [key for key in row if "factor" in key]
            patient = row.get("patientid", "").replace("_", "-").upper()
            if len(named) != 1 or not patient:
                raise ValueError("it needs one column PatientID and one whose name has 'factor'")
            found[patient] = float(row[named[0]])
    except (OSError, ValueError, csv.Error) as error:
        raise InputRefused(
            f"{table.name} can't be used ({error})",
            "a CSV with PatientID and a factor in g/ml per Bq/ml",
            "mend the table",
        ) from error
    return found


def _rows(table: Path) -> list[dict[str, str]]:
    """Rows by column, whose names count without capitals and blanks."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        text = file.read(MOST_TEXT_BYTES)
    lines = list(csv.reader(text.splitlines()))
    if not lines:
        return []
    names = [re.sub(r"[\s_]", "", name).lower() for name in lines[0]]
    return [dict(zip(names, (cell.strip() for cell in line), strict=False)) for line in lines[1:]]
