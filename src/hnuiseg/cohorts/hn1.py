"""HEAD-NECK-RADIOMICS-HN1 as TCIA delivers it: a folder a patient, CT and RTSTRUCT in DICOM.

137 patients of MAASTRO (doi 10.7937/tcia.2019.8kap372n). The PETs carry no body weight, so the
paper reads all cases as CT alone (section 3.1), and so does this reader.
"""

import re
from collections import Counter
from functools import partial
from pathlib import Path

from hnuiseg.cohorts.drawn_case import drawn_case
from hnuiseg.cohorts.folders import require_folder, subfolders, topmost
from hnuiseg.cohorts.listing import Cohort, LeftOut, ListedCase
from hnuiseg.cohorts.regions import patterns_said
from hnuiseg.errors import InputRefused

_PATIENT = re.compile(r"HN\d+")
_NO_WEIGHT = "those of HN1 don't say the body weight, without which there is no SUV"


def hn1(folder: Path, roi_names: Path | None = None) -> Cohort:
    """Every patient's folder, named as HN1057 is, wherever it lies below `folder`.

    Names alone are looked at; `read` finds out whether CT and RTSTRUCT are there. Which regions
    are GTVp and GTVn is said by the pattern file `roi_names` (None: the shipped one).

    InputRefused where there is no such folder or the pattern file can't be used.
    """
    require_folder(folder)
    how = patterns_said(roi_names)
    patients, closed = topmost(folder, _is_patient)
    if not patients:
        raise InputRefused(
            f"{folder.name} holds no patient's folder",
            "TCIA's tree: HEAD-NECK-RADIOMICS-HN1/HN1057/<study>/<series>/*.dcm",
            "name the folder that TCIA's download tool has filled",
        )
    often = Counter(patient.name for patient in patients)
    twice = tuple(
        LeftOut(name, f"{count} folders of this name: put their files into one")
        for name, count in sorted(often.items())
        if count > 1
    )
    cases = (
        ListedCase(
            patient.name,
            patient.name,
            "MAASTRO",
            (patient,),
            partial(drawn_case, patient, roi_names, without_pet=_NO_WEIGHT),
            how,
        )
        for patient in patients
        if often[patient.name] == 1
    )
    return Cohort(
        "hn1",
        "CC BY-NC 3.0",
        False,
        ("GTVp", "GTVn"),
        tuple(sorted(cases, key=lambda case: case.name)),
        (*twice, *closed),
    )


def _is_patient(folder: Path) -> bool:
    """A collection that someone has called HN1 holds patients, and is none."""
    if not _PATIENT.fullmatch(folder.name):
        return False
    try:
        return not any(_PATIENT.fullmatch(below.name) for below in subfolders(folder))
    except OSError:
        return True  # reading it will say
