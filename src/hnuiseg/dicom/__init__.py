"""DICOM both ways: series to volumes, SUVbw, RTSTRUCT. Decides nothing about which series."""

from hnuiseg.dicom.reference import DicomReference, PatientStudy
from hnuiseg.dicom.suv import SuvFactor

__all__ = ["DicomReference", "PatientStudy", "SuvFactor"]
