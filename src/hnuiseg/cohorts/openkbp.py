"""OpenKBP's planning CTs of heads and necks as a cohort.

Stored values are HU + 1000; above 4095 they are clipped, as 12-bit scanners have it. Targets of the
plan stand for classes and are no tumours: PTV70 is 1, PTV63 and PTV56 outside it are 2.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, ListedCase
from hnuiseg.cohorts.openkbp_files import OFFSET_HU, PatientFiles, stored_patients
from hnuiseg.errors import InputRefused
from hnuiseg.study import IGNORE, Notice, Provenance, case_of_ct
from hnuiseg.volume import Volume

CLASSES = ("PTV70, a planning target", "PTV63 and PTV56, planning targets")
LICENCE = "MIT (open-kbp)"
HIGHEST = 4095
_VALUES = {"PTV56": 2, "PTV63": 2, "PTV70": 1}  # in this order: PTV70 has the last word


def openkbp(folder: Path, targets: bool = True) -> Cohort:
    """Every patient pt_N below `folder`: folders with ct.csv, or files pt_N.npz.

    Without `targets` nothing is said about any voxel (255): there is no tumour contour in this
    set. InputRefused where no patient is found.
    """
    found, left_out = stored_patients(folder)
    how = "targets" if targets else "no targets"
    cases = tuple(
        ListedCase(
            one.patient, one.patient, "", (one.place,), partial(_annotated, one, targets), how
        )
        for one in found
    )
    return Cohort("openkbp", LICENCE, True, CLASSES, cases, left_out)


def _annotated(files: PatientFiles, targets: bool) -> AnnotatedCase:
    found = files.read(_VALUES)
    if targets and "PTV70" not in found.masks:
        raise InputRefused(
            f"{files.place.name} has no PTV70, which every patient of OpenKBP has",
            "a patient with its targets",
            "copy it again, or prepare without targets",
        )
    hu = np.minimum(found.values, HIGHEST) - np.float32(OFFSET_HU)
    case = case_of_ct(Volume(hu, found.grid, "HU"), Provenance("files", files.place.name, None))
    notes = []
    clipped = int((found.values > HIGHEST).sum())
    if clipped:
        notes.append(f"{clipped} voxels above {HIGHEST - OFFSET_HU:.0f} HU were clipped to it")
    truth = np.full(found.grid.shape, IGNORE, dtype=np.uint8)
    if targets:
        truth[:] = 0
        for name, value in _VALUES.items():
            if name in found.masks:
                truth[found.masks[name]] = value
    notices = (*case.notices, *_warning(targets))
    case = replace(case, notices=notices)
    return AnnotatedCase(case, Volume(truth, found.grid, "label"), tuple(notes))


def _warning(targets: bool) -> tuple[Notice, ...]:
    if not targets:
        return ()
    text = "The classes are planning targets of radiotherapy, which are larger than tumours."
    return (Notice("planning-targets", text),)
