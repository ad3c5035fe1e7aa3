"""Segmentations and parametric maps: there and back, in any orientation, said as they are."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jaxtyping import Bool, Float
from pydicom.dataset import Dataset

from hnuiseg.dicom import (
    ENTROPY,
    Made,
    Seg,
    Structure,
    binary_seg,
    dicom_bytes,
    fractional_seg,
    parametric_map,
    read_seg,
    tumour_of_code,
)
from hnuiseg.dicom.derived import common_arguments, sources
from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.volume import Grid
from needs import unpacked
from pretend import CREATED, FRAME, PATIENT, reference

GRID = Grid.axial((5, 9, 7), (3.0, 0.9765625, 1.17), (-249.51171875, -250.0, -1234.1235), FRAME)
MADE = Made(CREATED, "a test", "hnuiseg 0.1.0", "phantom-compact")
COLOURS = {"GTVp": (255, 64, 0), "GTVn": (0, 160, 255)}
Mask = Bool[np.ndarray, "z y x"]
masks = arrays(bool, st.tuples(st.integers(1, 6), st.integers(3, 7), st.integers(3, 7)))


def stored(dataset: Dataset) -> Dataset:
    return pydicom.dcmread(BytesIO(dicom_bytes(dataset)))


def binary(grid: Grid, **named: Mask) -> Dataset:
    structures = [
        Structure(name, number, mask, COLOURS[name[:4]])
        for number, (name, mask) in enumerate(named.items(), start=1)
    ]
    return stored(binary_seg(structures, grid, reference(grid), MADE))


def on(grid: Grid, found: Seg, label: str) -> np.ndarray:
    """A segment at its place in a grid of the same voxels."""
    (segment,) = [s for s in found.segments if s.label == label]
    whole = np.zeros(grid.shape, dtype=segment.array.dtype)
    index = np.indices(segment.array.shape).reshape(3, -1).T
    there = grid.to_index(found.grid.to_world(index))
    voxel = np.rint(there).astype(int)
    assert np.abs(there - voxel).max() < 1e-4
    whole[tuple(voxel.T)] = segment.array.ravel()
    return whole


@settings(max_examples=20)
@given(masks, st.tuples(st.floats(0.5, 6.0), st.floats(0.1, 5.0), st.floats(0.1, 5.0)))
def test_law_7_any_mask_there_and_back(mask: Mask, spacing: tuple[float, float, float]) -> None:
    assume(mask.any())
    z, y, x = mask.shape
    grid = Grid.axial((z, y, x), spacing, (-249.51171875, 1024.123456, -1283.7), FRAME)
    found = read_seg(binary(grid, GTVp=mask))
    assert found.notes == ()
    np.testing.assert_array_equal(on(grid, found, "GTVp"), mask)


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1))
def test_law_7_in_any_orientation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    direction, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if seed % 2:  # left-handed, and along the axes
        direction = np.eye(3)[rng.permutation(3)] * rng.choice([-1.0, 1.0], 3)[:, None]
    steps = direction * np.array([[2.5], [0.8], [1.1]])
    grid = Grid.from_steps((4, 5, 6), steps, rng.normal(0, 200, 3), FRAME)
    mask = rng.random(grid.shape) < 0.4
    found = read_seg(binary(grid, GTVn=mask))
    np.testing.assert_array_equal(on(grid, found, "GTVn"), mask)
    # its planes run along the normal of the frames, as those of a series do
    assert np.linalg.det(found.grid.steps[::-1]) > 0


def test_segments_may_overlap_and_leave_slices_out() -> None:
    rng = np.random.default_rng(0)
    primary, nodes = rng.random(GRID.shape) < 0.5, rng.random(GRID.shape) < 0.5
    primary[[0, 2]] = False
    nodes[[2, 4]] = False
    dataset = binary(GRID, GTVp=primary, GTVn1=nodes)
    assert dataset.NumberOfFrames == 3 + 3
    found = read_seg(dataset)
    np.testing.assert_array_equal(on(GRID, found, "GTVp"), primary)
    np.testing.assert_array_equal(on(GRID, found, "GTVn1"), nodes)
    assert [s.label for s in read_seg(dataset, lambda label: label == "GTVp").segments] == ["GTVp"]


@settings(max_examples=12)
@given(arrays(np.float32, (3, 4, 5), elements=st.floats(0, 1, width=32)))
def test_law_7_probabilities_within_half_a_step(p: Float[np.ndarray, "z y x"]) -> None:
    p[0, 0, 0] = 1.0
    grid = replace(GRID, shape=p.shape)
    given_ = {"GTVp": p, "GTVn": 1 - p}
    found = read_seg(stored(fractional_seg(given_, COLOURS, grid, reference(grid), MADE)))
    assert found.kind == "FRACTIONAL"
    for name, values in given_.items():
        assert np.abs(on(grid, found, name) - values).max() <= 1 / 510 + 1e-6


def test_codes_say_primary_and_nodes_and_what_found_them() -> None:
    mask = np.ones(GRID.shape, dtype=bool)
    dataset = binary(GRID, GTVp=mask, GTVn1=mask, GTVn2=mask)
    assert dataset.SegmentationType == "BINARY"
    kinds = [s.kind for s in read_seg(dataset).segments]
    assert [tumour_of_code(kind) for kind in kinds] == ["GTVp", "GTVn", "GTVn"]
    for item in dataset.SegmentSequence:
        assert item.SegmentAlgorithmType == "AUTOMATIC"
        (algorithm,) = item.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == item.SegmentAlgorithmName == "phantom-compact"
        assert algorithm.AlgorithmVersion == "hnuiseg 0.1.0"


@pytest.mark.parametrize("kind", ["binary", "fractional", "map"])
def test_each_says_who_it_belongs_to_and_that_it_is_for_research(kind: str) -> None:
    patient = replace(PATIENT, patient_sex="unknown", patient_name="Ünlü^Ø=x", study_date="")
    series = replace(reference(GRID), patient=patient)
    p = np.full(GRID.shape, 0.5, dtype=np.float32)
    dataset = {
        "binary": lambda: binary_seg([Structure("GTVp", 1, p > 0, (1, 2, 3))], GRID, series, MADE),
        "fractional": lambda: fractional_seg({"GTVp": p}, COLOURS, GRID, series, MADE),
        "map": lambda: parametric_map(p, ENTROPY, GRID, series, MADE),
    }[kind]()
    again = stored(dataset)
    assert str(again.PatientName) == "Ünlü^Ø=x"
    assert again.PatientSex == "unknown"  # as the source has it, even where it breaks a rule
    assert "Research use only" in again.SeriesDescription
    assert "UNAPPROVED" in again.ContentDescription
    assert again.FrameOfReferenceUID == FRAME
    named = {i.ReferencedSOPInstanceUID for i in again.ReferencedSeriesSequence[0][0x0008114A]}
    assert named == set(series.sop_instance_uids)


def test_equal_arguments_give_equal_bytes_and_others_another_object() -> None:
    mask = np.ones(GRID.shape, dtype=bool)
    other = mask.copy()
    other[0, 0, 0] = False
    assert dicom_bytes(binary(GRID, GTVp=mask)) == dicom_bytes(binary(GRID, GTVp=mask))
    uids = {
        d.SOPInstanceUID
        for d in (binary(GRID, GTVp=mask), binary(GRID, GTVp=other), binary(GRID, GTVn=mask))
    }
    assert len(uids) == 3
    p = mask.astype(np.float32)
    maps = [parametric_map(p, ENTROPY, GRID, reference(GRID), MADE) for _ in range(2)]
    assert dicom_bytes(maps[0]) == dicom_bytes(maps[1])


def test_a_map_keeps_every_bit_and_marks_what_was_not_sampled() -> None:
    values = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    values[1, 2, 3] = np.nan
    dataset = stored(parametric_map(values, ENTROPY, GRID, reference(GRID), MADE))
    found = np.empty_like(values)
    for frame, plane in zip(
        dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True
    ):
        position = np.array([frame.PlanePositionSequence[0].ImagePositionPatient], dtype=float)
        found[round(float(GRID.to_index(position)[0, 0]))] = plane
    assert dataset.pixel_array.dtype == np.float32
    assert found[1, 2, 3] == dataset.FloatPixelPaddingValue == -1
    sampled = ~np.isnan(values)
    np.testing.assert_array_equal(found[sampled], values[sampled])
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    unit = mapping.MeasurementUnitsCodeSequence[0]
    assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("{nat}", "UCUM")
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == pytest.approx(np.log(3))
    assert dataset.ContentQualification == "RESEARCH"


def test_no_tumour_no_segmentation() -> None:
    with pytest.raises(OutputFailed, match="where no tumour was found"):
        binary(GRID, GTVp=np.zeros(GRID.shape, dtype=bool))
    nothing = {"GTVp": np.full(GRID.shape, 0.001, dtype=np.float32)}
    with pytest.raises(OutputFailed, match="where no tumour was found"):
        fractional_seg(nothing, COLOURS, GRID, reference(GRID), MADE)


def test_what_does_not_fit_is_never_shifted() -> None:
    mask = np.ones(GRID.shape, dtype=bool)
    structures = [Structure("GTVp", 1, mask, (1, 2, 3))]
    series = reference(GRID)
    moved = tuple((x + 1, y, z) for x, y, z in series.image_positions_mm)
    for wrong in (
        replace(series, image_positions_mm=moved),
        replace(series, image_positions_mm=series.image_positions_mm[::-1]),
        replace(series, frame_of_reference="1.2"),
        replace(series, frame_of_reference=""),
        replace(series, sop_instance_uids=series.sop_instance_uids[1:]),
    ):
        with pytest.raises(OutputFailed):
            binary_seg(structures, GRID, wrong, MADE)
    with pytest.raises(OutputFailed, match="grid"):
        binary_seg(
            [Structure("GTVp", 1, mask[:, :, :1].repeat(9, 2), (1, 2, 3))], GRID, series, MADE
        )
    with pytest.raises(OutputFailed, match="codes"):
        binary_seg([Structure("Liver", 1, mask, (1, 2, 3))], GRID, series, MADE)
    with pytest.raises(OutputFailed, match="0 to 1"):
        fractional_seg({"GTVp": mask * np.float32(1.5)}, COLOURS, GRID, series, MADE)


def damaged(change: str) -> Dataset:
    dataset = binary(GRID, GTVp=np.ones(GRID.shape, dtype=bool))
    frames = dataset.PerFrameFunctionalGroupsSequence
    position = frames[2].PlanePositionSequence[0]
    match change:
        case "tilted":
            position.ImagePositionPatient[0] = float(position.ImagePositionPatient[0]) + 1
        case "uneven":
            position.ImagePositionPatient[2] = float(position.ImagePositionPatient[2]) + 1
        case "twice":
            position.ImagePositionPatient = frames[1].PlanePositionSequence[0].ImagePositionPatient
        case "nowhere":
            del frames[2].PlanePositionSequence
        case "unnamed":
            dataset.SegmentSequence[0].SegmentNumber = 4
        case "cut":
            dataset.PixelData = dataset.PixelData[:-4]
        case "wide":
            dataset.Columns = 60000
        case "far":
            position.ImagePositionPatient[2] = 3e9
        case "other":
            dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        case "empty":
            dataset.PerFrameFunctionalGroupsSequence = []
    return dataset


@pytest.mark.parametrize(
    "change",
    ["tilted", "uneven", "twice", "nowhere", "unnamed", "cut", "wide", "far", "other", "empty"],
)
def test_damaged_segmentations_are_refused(change: str) -> None:
    with pytest.raises(InputRefused):
        read_seg(damaged(change))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "seg.dcm"
    for content in (
        b"",
        b"no DICOM",
        dicom_bytes(binary(GRID, GTVp=np.ones(GRID.shape, bool)))[:-9],
    ):
        path.write_bytes(content)
        with pytest.raises(InputRefused, match="seg"):
            read_seg(path)


def test_a_label_map_of_another_software_is_read_as_it_was_written(tmp_path: Path) -> None:
    """LABELMAP (PS3.3 A.51, since 2024e), as highdicom writes it: one value a voxel."""
    from highdicom.seg import Segmentation, SegmentDescription

    masks = {name: np.zeros(GRID.shape, dtype=bool) for name in ("GTVp", "GTVn")}
    masks["GTVp"][1:4, 2:6, 1:4] = True
    masks["GTVn"][2:5, 6:8, 4:7] = True
    grid, described = GRID, binary(GRID, **masks).SegmentSequence
    label_map = masks["GTVp"].astype(np.uint8) + 2 * masks["GTVn"].astype(np.uint8)
    dataset = Segmentation(
        sources(grid, reference(grid)),
        label_map,
        "LABELMAP",
        [SegmentDescription.from_dataset(item) for item in described],
        **common_arguments("a", MADE, 1, "TUMOUR"),
    )
    path = tmp_path / "map.dcm"
    path.write_bytes(dicom_bytes(dataset))
    found = read_seg(path)
    for name, mask in masks.items():
        np.testing.assert_array_equal(on(grid, found, name), mask)
    assert len(found.segments) == 2


def test_published_segmentations_are_read_exactly(tmp_path: Path) -> None:
    """dcmqi's own test objects beside the label maps that they were made from."""
    import SimpleITK

    folder = unpacked("seg_dcmqi_phantom", tmp_path)

    def labels(name: str) -> np.ndarray:
        return np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / name))))

    for seg, label_map in (
        ("24x38x3/seg/label.seg", "24x38x3/nrrd/label.nrrd"),
        ("23x38x3/seg/label.seg", "23x38x3/nrrd/label.nrrd"),
        ("liver.dcm", "liver_seg.nrrd"),
    ):
        (segment,) = read_seg(folder / seg).segments
        np.testing.assert_array_equal(segment.array, labels(label_map) > 0)
    parts = [labels(f"partial_overlaps-{k}.nrrd") for k in (1, 2, 3)]
    for segment in read_seg(folder / "partial_overlaps.dcm").segments:
        expected = np.any([part == segment.number for part in parts], axis=0)
        np.testing.assert_array_equal(segment.array, expected)
