"""Which DICOM object a drawing is in, and which series it was drawn on."""

from pathlib import Path
from typing import Literal

import pydicom

from hnuiseg.dicom.attributes import UNREADABLE, UNREADABLE_FILE, text
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.errors import InputRefused

Drawing = Literal["RTSTRUCT", "SEG"]
_DRAWINGS: dict[str, Drawing] = {
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",  # label map segmentation
}
_ALLOWED = "a label map (NIfTI, NRRD, MHA), an RTSTRUCT or a SEG"


def read_drawing(path: Path) -> tuple[Drawing, pydicom.Dataset]:
    """An RTSTRUCT or SEG as a data set; InputRefused for anything else."""
    try:
        dataset = read_data_set(path)
        sop_class = text(dataset, "SOPClassUID")
    except UNREADABLE_FILE as fault:
        raise InputRefused(
            f"{path.name} is neither DICOM nor of a known image format ({type(fault).__name__})",
            _ALLOWED,
            "name one such file",
        ) from fault
    if sop_class not in _DRAWINGS:
        raise InputRefused(
            f"{path.name} is a DICOM object of modality {text(dataset, 'Modality') or 'unknown'}",
            _ALLOWED,
            "give the file that holds the contours or the segmentation",
        )
    return _DRAWINGS[sop_class], dataset


def drawn_on(rtstruct: pydicom.Dataset) -> frozenset[str]:
    """Series Instance UIDs that an RTSTRUCT refers to; empty where it names none."""
    try:
        return frozenset(
            text(series, "SeriesInstanceUID")
            for frame in rtstruct.get("ReferencedFrameOfReferenceSequence", None) or []
            for study in frame.get("RTReferencedStudySequence", None) or []
            for series in study.get("RTReferencedSeriesSequence", None) or []
        )
    except UNREADABLE:
        return frozenset()
