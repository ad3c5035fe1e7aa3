"""What an RTSTRUCT says, and what its reader says about other people's."""

import tracemalloc
import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool

from hnuiseg.dicom import (
    DicomReference,
    Structure,
    fill_contours,
    label_structures,
    read_rtstruct,
    rtstruct,
)
from hnuiseg.errors import InputRefused, OutputFailed, WrongCall
from hnuiseg.volume import Grid
from needs import unpacked
from pretend import CREATED, FRAME, PATIENT, contours_file, reference, structures_file

GRID = Grid.axial((4, 6, 7), (3.0, 1.0, 1.0), (-10.25, 20.5, -1234.123456), FRAME)
Mask = Bool[np.ndarray, "z y x"]


def block() -> Mask:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[1:3, 1:5, 2:6] = True
    mask[1, 2:4, 3:5] = False
    return mask


def written(**masks: Mask) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(contours_file(GRID, reference(GRID), **masks)))


def with_contour(
    points: list[list[float]], kind: str = "CLOSED_PLANAR", name: str = "foreign"
) -> pydicom.Dataset:
    """An RTSTRUCT whose only contour is replaced."""
    dataset = written(GTVp=block())
    dataset.StructureSetROISequence[0].ROIName = name
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = [f"{v:.4f}" for point in points for v in point]
    contour.NumberOfContourPoints = len(points)
    contour.ContourGeometricType = kind
    dataset.ROIContourSequence[0].ContourSequence = [contour]
    return dataset


def square(z: float, half: float = 1.5) -> list[list[float]]:
    """Round voxel (y 3, x 3)."""
    x, y = GRID.origin[0] + 3, GRID.origin[1] + 3
    return [
        [x - half, y - half, z],
        [x - half, y + half, z],
        [x + half, y + half, z],
        [x + half, y - half, z],
    ]


def test_other_contours_are_another_object() -> None:
    """An archive keeps one object a UID: a second answer must not pass for a copy of the first."""
    other = block()
    other[2, 1, 2] = False
    first, second = written(GTVp=block()), written(GTVp=other)
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert first.SOPInstanceUID != written(GTVn=block()).SOPInstanceUID


def test_a_series_without_frame_of_reference_gets_no_contours() -> None:
    bare = replace(GRID, frame_of_reference="")
    with pytest.raises(OutputFailed, match=r"without Frame of Reference UID \(0020,0052\)"):
        contours_file(bare, reference(bare), GTVp=block())


def test_equal_arguments_give_equal_bytes() -> None:
    first = contours_file(GRID, reference(GRID), GTVp=block())
    assert first == contours_file(GRID, reference(GRID), GTVp=block())


def test_it_is_implicit_unapproved_and_for_research() -> None:
    dataset = written(GTVp=block(), GTVn=block())
    assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ImplicitVRLittleEndian
    assert dataset.ApprovalStatus == "UNAPPROVED"
    assert dataset.StructureSetDescription == "Research use only: Automatic contours"
    assert dataset.SeriesDescription.startswith("Research use only")
    assert [r.ROIName for r in dataset.StructureSetROISequence] == ["GTVp", "GTVn"]
    assert [r.ROIGenerationAlgorithm for r in dataset.StructureSetROISequence] == ["AUTOMATIC"] * 2
    assert [r.RTROIInterpretedType for r in dataset.RTROIObservationsSequence] == ["GTV"] * 2
    for keyword in ("AccessionNumber", "OperatorsName", "ReferringPhysicianName"):
        assert keyword in dataset


def test_the_patient_is_named_as_in_the_source_even_where_it_breaks_rules() -> None:
    odd = replace(
        PATIENT, patient_name="Ärger^Ö=x", study_id="longer than 16 characters", patient_sex="W?"
    )
    series = replace(reference(GRID), patient=odd)
    dataset = pydicom.dcmread(BytesIO(contours_file(GRID, series, GTVp=block())))
    assert str(dataset.PatientName) == odd.patient_name
    assert dataset.get_item("StudyID").value.rstrip() == odd.study_id.encode()
    assert dataset.StudyInstanceUID == odd.study_instance_uid


def test_every_slice_is_referred_to_and_every_contour_knows_its_own() -> None:
    series = reference(GRID)
    dataset = written(GTVp=block())
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    assert frame.FrameOfReferenceUID == dataset.FrameOfReferenceUID == FRAME
    listed = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert listed.SeriesInstanceUID == series.series_instance_uid
    images = [i.ReferencedSOPInstanceUID for i in listed.ContourImageSequence]
    assert tuple(images) == series.sop_instance_uids
    contours = dataset.ROIContourSequence[0].ContourSequence
    assert [c.ContourImageSequence[0].ReferencedSOPInstanceUID for c in contours] == images[1:3]
    for k, contour in zip((1, 2), contours, strict=True):
        points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
        assert len(points) == contour.NumberOfContourPoints
        assert set(points[:, 2]) == {series.image_positions_mm[k][2]}  # to the last digit
        assert points[0].tolist() != points[-1].tolist()


def test_numbers_are_fixed_point_of_at_most_16_characters() -> None:
    far = replace(GRID, origin=(-98765.4321987, 1 / 3, -1e-7), spacing=(10 / 3, 1 / 7, 1 / 9))
    dataset = pydicom.dcmread(BytesIO(contours_file(far, reference(far), GTVp=block())))
    for contour in dataset.ROIContourSequence[0].ContourSequence:
        for value in contour.ContourData:
            text = value.original_string
            assert len(text) <= 16
            assert "e" not in text.lower()
            assert text not in ("-0.0000", "nan")


def test_long_contours_stay_numbers() -> None:
    comb = np.zeros((1, 3, 9001), dtype=bool)
    comb[0, 1] = True
    comb[0, 0, ::2] = True
    grid = Grid.axial(comb.shape, (3.0, 1.0, 0.5), frame_of_reference=FRAME)
    dataset = pydicom.dcmread(BytesIO(contours_file(grid, reference(grid), GTVp=comb)))
    data = dataset.ROIContourSequence[0].ContourSequence[0]["ContourData"]
    assert data.VR == "DS"
    assert data.VM > 50_000
    assert np.array_equal(read_rtstruct(dataset, grid).masks["GTVp"], comb)


def test_empty_structures_are_left_out() -> None:
    dataset = written(GTVp=np.zeros(GRID.shape, dtype=bool), GTVn=block())
    assert [r.ROIName for r in dataset.StructureSetROISequence] == ["GTVn"]
    assert [r.ReferencedROINumber for r in dataset.ROIContourSequence] == [2]


@pytest.mark.parametrize(
    ("series", "grid", "said"),
    [
        (reference(GRID), replace(GRID, shape=(4, 6, 8)), r"masks of \(4, 6, 7\) on a grid"),
        (reference(replace(GRID, shape=(3, 6, 7))), GRID, "a series of 3"),
        (reference(replace(GRID, frame_of_reference="1.9")), GRID, "another frame of reference"),
        (reference(replace(GRID, origin=(0.0, 0.0, 0.0))), GRID, "lie up to 1234.1 mm"),
    ],
)
def test_what_does_not_fit_is_not_written(series: DicomReference, grid: Grid, said: str) -> None:
    with pytest.raises(OutputFailed, match=said):
        contours_file(grid, series, GTVp=block())


def test_labels_and_numbers_are_checked() -> None:
    one = Structure("GTVp", 1, block(), (1, 2, 3))

    def build(structures: list[Structure], label: str) -> None:
        rtstruct(
            structures,
            GRID,
            reference(GRID),
            label=label,
            description="",
            created=CREATED,
            uid_entropy="",
            software="",
        )

    with pytest.raises(OutputFailed, match="17 characters"):
        build([one], "a" * 17)
    with pytest.raises(OutputFailed, match="two structures of one number"):
        build([one, replace(one, name="GTVn")], "a")


def test_smoothing_is_off_and_said_where_it_is_on() -> None:
    """Its figure bounds how far any line is from a voxel face."""
    structure = Structure("GTVp", 1, block(), (1, 2, 3))
    said = {}
    for asked in (0.0, 0.2, 9.0):
        file = structures_file(GRID, reference(GRID), structure, smoothing_mm=asked)
        roi = pydicom.dcmread(BytesIO(file)).StructureSetROISequence[0]
        said[asked] = roi.ROIGenerationDescription
    assert said == {
        0.0: "Along voxel faces",
        0.2: "Along voxel faces, smoothed by at most 0.201 mm",
        9.0: "Along voxel faces, smoothed by at most 0.491 mm",
    }
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(WrongCall, match="0 mm or more"):
            structures_file(GRID, reference(GRID), structure, smoothing_mm=wrong)


def test_a_box_with_its_offset_draws_what_the_whole_mask_draws() -> None:
    """A region's contours don't depend on how its mask was handed over."""
    whole = Structure("GTVp", 1, block(), (1, 2, 3))
    (box,) = label_structures(block().astype(np.uint8), {1: ("GTVp", (1, 2, 3))})
    assert box.mask.shape < whole.mask.shape
    assert structures_file(GRID, reference(GRID), box) == structures_file(
        GRID, reference(GRID), whole
    )


def test_another_frame_of_reference_is_refused() -> None:
    with pytest.raises(InputRefused, match="another frame of reference"):
        read_rtstruct(written(GTVp=block()), replace(GRID, frame_of_reference="1.9"))


def test_one_foreign_region_is_left_out_and_said() -> None:
    dataset = written(GTVp=block(), GTVn=block())
    dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.9"
    found = read_rtstruct(dataset, GRID)
    assert list(found.masks) == ["GTVp"]
    assert found.notes == ("GTVn: drawn in another frame of reference, left out",)


def test_an_image_without_frame_of_reference_is_read_and_said() -> None:
    found = read_rtstruct(written(GTVp=block()), replace(GRID, frame_of_reference=""))
    assert np.array_equal(found.masks["GTVp"], block())
    assert found.notes == ("frame of reference not checked: the contours or the image name none",)


@pytest.mark.parametrize(
    ("points", "kind", "said"),
    [
        (square(GRID.origin[2] + 1.5), "CLOSED_PLANAR", "between slices or across them"),
        (square(GRID.origin[2] - 3.0), "CLOSED_PLANAR", "outside the image's slices"),
        (
            square(GRID.origin[2] + 3.0),
            "OPEN_PLANAR",
            "of type OPEN_PLANAR, which encloses no area",
        ),
        (square(GRID.origin[2])[:1], "POINT", "of type POINT, which encloses no area"),
        (square(GRID.origin[2])[:2], "CLOSED_PLANAR", "with fewer than three whole points"),
    ],
)
def test_contours_that_cannot_be_voxels_are_said(
    points: list[list[float]], kind: str, said: str
) -> None:
    found = read_rtstruct(with_contour(points, kind), GRID)
    assert not found.masks["foreign"].any()
    assert found.notes == (
        f"foreign: 1 contours {said}, left out",
        "foreign: empty, none of its 1 contours holds a voxel's centre",
    )


def test_contours_beyond_the_border_are_cut_and_said() -> None:
    found = read_rtstruct(with_contour(square(GRID.origin[2], half=40.0)), GRID)
    assert found.masks["foreign"][0].all()
    assert found.notes == ("foreign: 1 contours reach beyond the image and are cut at its border",)


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_plain_contours_inside_one_another_leave_a_hole(kind: str) -> None:
    dataset = with_contour(square(GRID.origin[2]), kind)
    inner = pydicom.Dataset()
    inner.ContourGeometricType = kind
    inner.ContourData = [f"{v:.4f}" for p in square(GRID.origin[2], half=0.5) for v in p]
    dataset.ROIContourSequence[0].ContourSequence.append(inner)
    found = read_rtstruct(dataset, GRID)
    assert found.masks["foreign"].sum() == 8
    assert not found.masks["foreign"][0, 3, 3]


def two_contours(
    first: list[list[float]], second: list[list[float]], kind: str = "CLOSED_PLANAR"
) -> pydicom.Dataset:
    dataset = with_contour(first, kind)
    other = pydicom.Dataset()
    other.ContourGeometricType = kind
    other.NumberOfContourPoints = len(second)
    other.ContourData = [f"{v:.4f}" for point in second for v in point]
    dataset.ROIContourSequence[0].ContourSequence.append(other)
    return dataset


def test_a_contour_that_is_stored_twice_counts_once() -> None:
    """Even-odd would take it away again, and nobody means that."""
    twice = two_contours(square(GRID.origin[2]), square(GRID.origin[2]))
    found = read_rtstruct(twice, GRID)
    assert found.masks["foreign"].sum() == 9
    assert found.notes == ("foreign: 1 contours stored twice, counted once",)


def test_contours_that_overlap_in_part_are_said() -> None:
    """Some systems take what either holds, others what only one holds."""
    z = GRID.origin[2]
    beside = [[x + 1, y, z] for x, y, z in square(z)]
    found = read_rtstruct(two_contours(square(z), beside), GRID)
    assert found.masks["foreign"].sum() == 6
    assert found.notes == ("foreign: in 1 slices contours overlap in part; what two hold is out",)
    far = [[x + 2, y, z] for x, y, z in square(z, 1.0)]
    assert read_rtstruct(two_contours(square(z, 1.0), far), GRID).notes == ()


def test_a_wrong_number_of_points_is_said() -> None:
    dataset = with_contour(square(GRID.origin[2]))
    dataset.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 5
    found = read_rtstruct(dataset, GRID)
    assert found.masks["foreign"].sum() == 9
    (note,) = found.notes
    assert note.startswith("foreign: 1 contours of another number of points")


@pytest.mark.parametrize("text", ["nan", "inf", "1e300", "x", "1,5", ""])
def test_numbers_that_are_no_place_are_left_out_and_said(text: str) -> None:
    dataset = with_contour(square(GRID.origin[2]))
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    stored = "\\".join([text, *[str(v) for p in square(GRID.origin[2]) for v in p][1:]])
    contour["ContourData"] = raw(stored)
    found = read_rtstruct(dataset, GRID)
    assert not found.masks["foreign"].any()
    assert "foreign: 1 contours with numbers that are no place in a room, left out" in found.notes


def test_long_contours_in_explicit_vr_are_read() -> None:
    """More than 64 kB don't fit into an explicit DS: pydicom and others write UN."""
    dataset = with_contour(square(GRID.origin[2]))
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    stored = "\\".join(str(v) for point in square(GRID.origin[2]) for v in point)
    contour["ContourData"] = pydicom.DataElement("ContourData", "UN", stored.encode() + b" ")
    found = read_rtstruct(dataset, GRID)
    assert found.masks["foreign"].sum() == 9
    assert found.notes == ()


def raw(text: str) -> pydicom.dataelem.RawDataElement:
    tag = pydicom.tag.Tag("ContourData")
    return pydicom.dataelem.RawDataElement(tag, "DS", len(text), text.encode(), 0, True, True)


def test_only_what_is_wanted_is_read() -> None:
    dataset = written(GTVp=block(), GTVn=block(), c=block())
    dataset.ROIContourSequence[2].ContourSequence = []
    found = read_rtstruct(dataset, GRID, lambda name: name == "GTVn")
    assert list(found.masks) == ["GTVn"]
    assert found.notes == ()


def test_a_contour_of_many_points_takes_little_memory() -> None:
    """Each edge crosses every row: all crossings at once would be gigabytes."""
    zigzag = np.zeros((20_001, 2))
    zigzag[1::2, 0] = 500.0
    zigzag[:, 1] = np.linspace(0.0, 500.0, len(zigzag))
    tracemalloc.start()
    fill_contours([zigzag], (512, 512))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


@given(st.data())
@settings(max_examples=30)
def test_damaged_files_give_masks_or_a_refusal(data: st.DataObject) -> None:
    whole = bytearray(contours_file(GRID, reference(GRID), GTVp=block()))
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(132, len(whole) - 1), st.integers(0, 255)), max_size=6)
    ):
        whole[at] = value
    end = data.draw(st.sampled_from([len(whole), len(whole) // 2, len(whole) // 3, 700]))
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "rs.dcm"
        file.write_bytes(whole[:end])
        try:
            found = read_rtstruct(file, GRID)
        except InputRefused:
            return
    assert all(mask.shape == GRID.shape for mask in found.masks.values())


def test_regions_without_contours_and_of_one_name() -> None:
    dataset = written(a=block(), b=block(), c=block())
    dataset.StructureSetROISequence[1].ROIName = "a"
    dataset.ROIContourSequence[2].ContourSequence = []
    found = read_rtstruct(dataset, GRID)
    assert list(found.masks) == ["a", "a (2)"]
    assert found.notes == ("c: no contours",)


def test_what_is_no_rtstruct_is_refused(tmp_path: Path) -> None:
    dataset = written(GTVp=block())
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    with pytest.raises(InputRefused, match="allowed: an RT Structure Set"):
        read_rtstruct(dataset, GRID)
    (tmp_path / "letter.txt").write_text("Dear colleague")
    for name in ("letter.txt", "missing.dcm"):
        with pytest.raises(InputRefused, match=f"{name} can't be read as DICOM"):
            read_rtstruct(tmp_path / name, GRID)


@pytest.mark.parametrize(
    ("archive", "images", "contours", "name", "voxels"),
    [
        ("ibsi_sts_001_ct", "ct", "rtstruct_ct.dcm", "GTV_Mass_CT", 117_145),
        ("ibsi_sts_001_pet", "pet", "rtstruct_pet.dcm", "GTV_Mass_PET", 5_095),
        ("ibsi_pat1", "ct", "rtstruct.dcm", "GTV-1", 125_256),
    ],
)
def test_published_masks(
    tmp_path: Path, archive: str, images: str, contours: str, name: str, voxels: int
) -> None:
    nibabel = pytest.importorskip("nibabel")
    folder = unpacked(archive, tmp_path)
    grid = _grid_of(folder / images)
    mask = read_rtstruct(folder / contours, grid).masks[name]
    published = nibabel.load(folder / "published_mask.nii.gz")
    assert mask.sum() == voxels
    assert np.array_equal(mask, np.asarray(published.dataobj).transpose(2, 1, 0) > 0)


def _grid_of(folder: Path) -> Grid:
    """The grid of a regular axial series, by hand."""
    headers = [pydicom.dcmread(f, stop_before_pixels=True) for f in folder.iterdir()]
    headers.sort(key=lambda h: float(h.ImagePositionPatient[2]))
    first, last = (np.array(h.ImagePositionPatient, dtype=float) for h in (headers[0], headers[-1]))
    row, column = (float(v) for v in headers[0].PixelSpacing)
    return Grid.axial(
        (len(headers), int(headers[0].Rows), int(headers[0].Columns)),
        (float(last[2] - first[2]) / (len(headers) - 1), row, column),
        (float(first[0]), float(first[1]), float(first[2])),
        str(headers[0].FrameOfReferenceUID),
    )
