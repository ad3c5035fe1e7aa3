"""What GTVp and GTVn are called in SNOMED CT, as a segmentation must say it.

A gross tumour volume is a morphologically abnormal structure: the primary neoplasm in the head
and neck, or secondary neoplasm in its lymph nodes. Source: DICOM PS3.16, CID 7150, CID 7159 and
CID 4031 (2024 and later have 372087000 where earlier editions had 86049000).
"""

from typing import NamedTuple


class Code(NamedTuple):
    """A coded concept: (0008,0100), (0008,0102) and (0008,0104)."""

    value: str
    scheme: str
    meaning: str


class TumourCodes(NamedTuple):
    """Category, type and place of a kind of segment."""

    category: Code
    kind: Code
    region: Code


_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
TUMOUR_CODES = {
    "GTVp": TumourCodes(
        _ABNORMAL,
        Code("372087000", "SCT", "Neoplasm, Primary"),
        Code("774007", "SCT", "Head and Neck"),
    ),
    "GTVn": TumourCodes(
        _ABNORMAL,
        Code("14799000", "SCT", "Neoplasm, Secondary"),
        Code("312501005", "SCT", "Lymph node of head and neck"),
    ),
}
# What others write for the same, old editions and SRT codes included.
_MEANT = {
    "GTVp": {("SCT", "372087000"), ("SCT", "86049000"), ("SRT", "M-80003")},
    "GTVn": {("SCT", "14799000"), ("SRT", "M-80006")},
}


def tumour_of_code(code: Code | None) -> str | None:
    """GTVp or GTVn where a segment's property type (0062,000F) says so; None otherwise."""
    if code is None:
        return None
    key = code.scheme, code.value
    return next((name for name, meant in _MEANT.items() if key in meant), None)
