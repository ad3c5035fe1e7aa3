"""What planning systems reject never leaves the house: a test for each complaint.

Heard from users of TotalSegmentator-AIDE (#11), TotalSegmentator (#253), rt-utils (#80, #87),
dcmrtstruct2nii (#28, #49) and of others, and from the standard.
"""

from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from jaxtyping import Bool

from hnuiseg.dicom import Structure, rtstruct, rtstruct_bytes, rtstruct_complaints
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid
from pretend import CREATED, FRAME, reference

GRID = Grid.axial((4, 6, 7), (3.0, 1.0, 1.0), (-10.25, 20.5, -1234.123456), FRAME)
Change = Callable[[pydicom.Dataset], object]


def good(mask: Bool[np.ndarray, "z y x"] | None = None) -> pydicom.FileDataset:
    if mask is None:
        mask = np.zeros(GRID.shape, dtype=bool)
        mask[1:3, 1:5, 2:6] = True
    structures = [Structure("GTVp", 1, mask, (1, 2, 3)), Structure("GTVn", 2, mask, (1, 2, 3))]
    return rtstruct(
        structures,
        GRID,
        reference(GRID),
        label="hnuiseg",
        description="",
        created=CREATED,
        uid_entropy="",
        software="",
    )


def contour(dataset: pydicom.Dataset) -> pydicom.Dataset:
    found: pydicom.Dataset = dataset.ROIContourSequence[0].ContourSequence[0]
    return found


def points(*values: str) -> Change:
    """The first contour of these numbers, miscounted by none."""

    def change(dataset: pydicom.Dataset) -> None:
        contour(dataset)["ContourData"] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag("ContourData"), "DS", 0, "\\".join(values).encode(), 0, True, True
        )
        contour(dataset).NumberOfContourPoints = len(values) // 3

    return change


def keep(keyword: str, count: int) -> Change:
    def change(dataset: pydicom.Dataset) -> None:
        setattr(dataset, keyword, getattr(dataset, keyword)[:count])

    return change


def without(keyword: str, item: Change = lambda d: d) -> Change:
    return lambda d: delattr(item(d), keyword)


def with_value(keyword: str, value: object, item: Change = lambda d: d) -> Change:
    return lambda d: setattr(item(d), keyword, value)


def roi(dataset: pydicom.Dataset) -> object:
    return dataset.StructureSetROISequence[1]


def explicit(dataset: pydicom.Dataset) -> None:
    assert isinstance(dataset, pydicom.FileDataset)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian


Z = "-1231.123456"
COMPLAINTS: list[tuple[str, Change]] = [
    (
        "'1.12345678901234567' is no decimal string of at most 16 characters",
        points("1.12345678901234567", "0", Z, "1", "0", Z, "1", "1", Z),
    ),
    ("'nan' is no decimal string", points("nan", "0", Z, "1", "0", Z, "1", "1", Z)),
    ("'1,5' is no decimal string", points("1,5", "0", Z, "1", "0", Z, "1", "1", Z)),
    ("2 points, fewer than three", points("0", "0", Z, "1", "1", Z)),
    ("1 points, fewer than three", points("0", "0", Z)),
    ("0 points, fewer than three", points()),
    ("0 points, fewer than three", without("ContourData", contour)),
    ("it encloses no area", points("0", "0", Z, "1", "1", Z, "2", "2", Z)),
    ("8 numbers, which are no whole points", points(*"01234567")),
    ("the first point is repeated", points("0", "0", Z, "1", "0", Z, "1", "1", Z, "0", "0", Z)),
    (
        "4 points, but Number of Contour Points says 5",
        with_value("NumberOfContourPoints", 5, contour),
    ),
    (
        "4 points, but Number of Contour Points says 3",
        with_value("NumberOfContourPoints", 3, contour),
    ),
    ("Number of Contour Points says None", without("NumberOfContourPoints", contour)),
    ("type POINT, not CLOSED_PLANAR", with_value("ContourGeometricType", "POINT", contour)),
    ("it refers to no image", without("ContourImageSequence", contour)),
    (
        "it refers to no image",
        with_value(
            "ReferencedSOPInstanceUID", "1.2.3", lambda d: contour(d).ContourImageSequence[0]
        ),
    ),
    ("GTVn: no contours", without("ContourSequence", lambda d: d.ROIContourSequence[1])),
    ("GTVn: no contours", with_value("ContourSequence", [], lambda d: d.ROIContourSequence[1])),
    ("GTVn: no item in the ROI Contour Sequence", keep("ROIContourSequence", 1)),
    ("GTVn: no item in the RT ROI Observations", keep("RTROIObservationsSequence", 1)),
    ("for no region: 2", keep("StructureSetROISequence", 1)),
    ("there is no region", with_value("StructureSetROISequence", [])),
    ("names no frame of reference", without("ReferencedFrameOfReferenceSequence")),
    (
        "the referenced series lists no image",
        without("RTReferencedStudySequence", lambda d: d.ReferencedFrameOfReferenceSequence[0]),
    ),
    (
        "GTVn: Referenced Frame of Reference UID is absent",
        without("ReferencedFrameOfReferenceUID", roi),
    ),
    (
        "GTVn: its frame of reference isn't among",
        with_value("ReferencedFrameOfReferenceUID", "1.2.3", roi),
    ),
    ("two regions have number 1", with_value("ROINumber", 1, roi)),
    ("two regions are called 'gtvp'", with_value("ROIName", "GTVP", roi)),
    ("'' is no TG-263 name", with_value("ROIName", "", roi)),
    ("'GTV n' is no TG-263 name", with_value("ROIName", "GTV n", roi)),
    ("'GTVn_seventeen_ch' is no TG-263 name", with_value("ROIName", "GTVn_seventeen_ch", roi)),
    ("Approval Status isn't UNAPPROVED", with_value("ApprovalStatus", "APPROVED")),
    ("isn't Implicit VR", explicit),
    *(
        (f"{keyword} is absent", without(keyword))
        for keyword in (
            "AccessionNumber",
            "FrameOfReferenceUID",
            "OperatorsName",
            "PositionReferenceIndicator",
            "ReferringPhysicianName",
        )
    ),
]


@given(arrays(bool, GRID.shape))
def test_what_we_draw_gives_no_cause(mask: Bool[np.ndarray, "z y x"]) -> None:
    if mask.any():
        assert rtstruct_complaints(good(mask)) == ()


@pytest.mark.parametrize(("said", "change"), COMPLAINTS)
def test_every_complaint_is_found_and_nothing_is_written(said: str, change: Change) -> None:
    dataset = good()
    change(dataset)
    complaints = rtstruct_complaints(dataset)
    assert any(said in line for line in complaints), complaints
    with pytest.raises(OutputFailed, match="an RTSTRUCT that planning systems reject"):
        rtstruct_bytes(dataset)
