"""DICOM both ways: series, SUVbw, RTSTRUCT, SEG, parametric map. Decides nothing of which."""

from hnuiseg.dicom.acceptance import rtstruct_complaints
from hnuiseg.dicom.contours import fill_contours, plane_contours
from hnuiseg.dicom.derived import Made, dicom_bytes
from hnuiseg.dicom.geometry import SeriesGeometry, series_geometry
from hnuiseg.dicom.label_object import drawn_on, read_drawing
from hnuiseg.dicom.parametric_map import ENTROPY, Quantity, parametric_map
from hnuiseg.dicom.physique import check_stated_weight
from hnuiseg.dicom.read_rtstruct import RtStruct, read_rtstruct
from hnuiseg.dicom.read_seg import Seg, Segment, read_seg
from hnuiseg.dicom.reference import DicomReference, PatientStudy
from hnuiseg.dicom.registration import (
    Join,
    SpatialRegistration,
    one_join,
    read_registration,
    spatial_registration,
)
from hnuiseg.dicom.roi_names import (
    NameRule,
    RoiNames,
    map_roi_names,
    roi_name_rules,
)
from hnuiseg.dicom.rtstruct import rtstruct, rtstruct_bytes
from hnuiseg.dicom.scan import Scan, SeriesHeaders, Unread, Why, scan_folder
from hnuiseg.dicom.seg import binary_seg, fractional_seg
from hnuiseg.dicom.series import StoredSeries, read_series
from hnuiseg.dicom.smooth_contours import smooth_contours, smoothing_limit_mm
from hnuiseg.dicom.structures import ROIS, Rois, Structure, label_structures
from hnuiseg.dicom.suv import SuvFactor, apply_suv, suv_factor, suvbw_factor
from hnuiseg.dicom.tumour_codes import TUMOUR_CODES, Code, tumour_of_code
from hnuiseg.dicom.write_series import (
    NewSeries,
    PetAcquisition,
    write_ct_series,
    write_pet_series,
)

__all__ = [
    "ENTROPY",
    "ROIS",
    "TUMOUR_CODES",
    "Code",
    "DicomReference",
    "Join",
    "Made",
    "NameRule",
    "NewSeries",
    "PatientStudy",
    "PetAcquisition",
    "Quantity",
    "RoiNames",
    "Rois",
    "RtStruct",
    "Scan",
    "Seg",
    "Segment",
    "SeriesGeometry",
    "SeriesHeaders",
    "SpatialRegistration",
    "StoredSeries",
    "Structure",
    "SuvFactor",
    "Unread",
    "Why",
    "apply_suv",
    "binary_seg",
    "check_stated_weight",
    "dicom_bytes",
    "drawn_on",
    "fill_contours",
    "fractional_seg",
    "label_structures",
    "map_roi_names",
    "one_join",
    "parametric_map",
    "plane_contours",
    "read_drawing",
    "read_registration",
    "read_rtstruct",
    "read_seg",
    "read_series",
    "roi_name_rules",
    "rtstruct",
    "rtstruct_bytes",
    "rtstruct_complaints",
    "scan_folder",
    "series_geometry",
    "smooth_contours",
    "smoothing_limit_mm",
    "spatial_registration",
    "suv_factor",
    "suvbw_factor",
    "tumour_of_code",
    "write_ct_series",
    "write_pet_series",
]
