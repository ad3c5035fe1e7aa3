"""A child by header: no model here has learned from one."""

import re
import warnings
from datetime import date

import pydicom

ADULT_YEARS = 18
_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


def age_years(header: pydicom.Dataset) -> float | None:
    """Patient's Age (0010,1010), or from birth (0010,0030) and study date (0008,0020); or None."""
    found = re.fullmatch(r"(\d{3})([DWMY])", _words(header, "PatientAge"))
    if found:
        return int(found[1]) / _A_YEAR[found[2]]
    born, seen = _day(_words(header, "PatientBirthDate")), _day(_words(header, "StudyDate"))
    if born is None or seen is None or seen < born:
        return None
    return (seen - born).days / 365.25


def _words(header: pydicom.Dataset, keyword: str) -> str:
    with warnings.catch_warnings():  # an anonymiser's dummy is no news
        warnings.simplefilter("ignore")
        return str(header.get(keyword) or "").strip(" \0")


def _day(written: str) -> date | None:
    """A DICOM date; None for the dummies of anonymisers, which are no days or far too old."""
    if not re.fullmatch(r"\d{8}", written):
        return None
    try:
        return date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        return None
