"""Drawings from anywhere mean the same voxels; nothing is resampled or lost in silence."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.dicom import (
    DicomReference,
    Made,
    Structure,
    binary_seg,
    dicom_bytes,
    fractional_seg,
    read_series,
    scan_folder,
)
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.evaluation import evaluate
from hnuiseg.files import write_nifti
from hnuiseg.study import LabelMap, read_labels, side_by_side, widened
from hnuiseg.volume import Reorientation, Volume
from pretend import CREATED, contours_file
from small_study import CT_GRID, write_ct

MADE = Made(CREATED, "a test", "hnuiseg 0.1.0")
COLOUR = (255, 64, 0)


def drawn() -> np.ndarray:
    labels = np.zeros(CT_GRID.shape, dtype=np.uint8)
    labels[5:9, 20:28, 18:24] = 1
    labels[6:8, 22, 20] = 0  # a hole
    labels[3:6, 10:14, 30:36] = 2
    return labels


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "ct"
    write_ct(folder)
    return folder


@pytest.fixture(scope="module")
def reference(study: Path) -> DicomReference:
    return read_series(scan_folder(study).series[0]).reference


def structures(labels: np.ndarray, *names: str) -> list[Structure]:
    return [
        Structure(name, number, labels == number, COLOUR)
        for number, name in enumerate(names, start=1)
    ]


Written = Callable[[Path, np.ndarray], Path]


@pytest.fixture(params=["nifti", "rtstruct", "seg"])
def written(request: pytest.FixtureRequest, reference: DicomReference) -> Written:
    def write(folder: Path, labels: np.ndarray) -> Path:
        if request.param == "nifti":
            path = folder / "labels.nii.gz"
            write_nifti(Volume(labels, CT_GRID, "label"), path)
            return path
        path = folder / f"{request.param}.dcm"
        if request.param == "rtstruct":
            masks = {"GTVp": labels == 1, "GTVn": labels == 2}
            path.write_bytes(contours_file(CT_GRID, reference, **masks))
        else:
            segments = structures(labels, "GTVp", "GTVn")
            path.write_bytes(dicom_bytes(binary_seg(segments, CT_GRID, reference, MADE)))
        return path

    return write


def test_law_7_every_format_holds_the_same_voxels(
    tmp_path: Path, study: Path, written: Written
) -> None:
    truth = LabelMap(Volume(drawn(), CT_GRID, "label"), True)
    pair = side_by_side(read_labels(written(tmp_path, drawn()), ct=study), truth)
    assert pair is not None
    found, same = pair
    np.testing.assert_array_equal(found.volume.array, drawn())
    np.testing.assert_array_equal(same.volume.array, drawn())
    assert not evaluate(found.volume, same.volume).resampled


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_law_1_order_of_storage_changes_nothing(axes: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    whole = LabelMap(Volume(drawn(), CT_GRID, "label"), True)
    for flips in product((False, True), repeat=3):
        turn = Reorientation(axes, (flips[0], flips[1], flips[2]))
        y, x = (int(n) for n in rng.integers(0, 6, 2))
        start = (2, y, x)
        part = Volume(
            drawn()[start[0] :, start[1] : 40, start[2] : 40],
            CT_GRID.cropped(start, (16, 40 - start[1], 40 - start[2])),
            "label",
        )
        turned = Volume(turn.array(part.array), turn.grid(part.grid), "label")
        for a, b in ((turned, whole.volume), (whole.volume, turned)):
            pair = side_by_side(LabelMap(a, True), LabelMap(b, True))
            assert pair is not None
            found = evaluate(pair[0].volume, pair[1].volume)
            assert [c.dsc for c in found.classes] == [1.0, 1.0]
            assert [c.hd_mm for c in found.classes] == [0.0, 0.0]


@pytest.mark.parametrize("offset_mm", [0.3, 2.0])
def test_voxels_that_do_not_coincide_are_not_put_together(offset_mm: float) -> None:
    x, y, z = CT_GRID.origin
    moved = replace(CT_GRID, origin=(x + offset_mm, y, z))
    maps = [LabelMap(Volume(drawn(), grid, "label"), True) for grid in (CT_GRID, moved)]
    assert side_by_side(*maps) is None
    finer = CT_GRID.resized((5.0, 2.1, 2.1))
    other = LabelMap(Volume(np.zeros(finer.shape, np.uint8), finer, "label"), True)
    assert side_by_side(maps[0], other) is None


def test_a_slice_off_its_grid_is_said() -> None:
    x, y, z = CT_GRID.origin
    moved = replace(CT_GRID, origin=(x, y, z + 0.05))
    pair = side_by_side(*(LabelMap(Volume(drawn(), g, "label"), True) for g in (CT_GRID, moved)))
    assert pair is not None
    assert any("0.050 mm apart" in note for note in pair[0].notes)


def test_frames_of_reference_that_differ_are_refused() -> None:
    other = replace(CT_GRID, frame_of_reference="1.2.3")
    maps = [LabelMap(Volume(drawn(), grid, "label"), True) for grid in (CT_GRID, other)]
    with pytest.raises(InputRefused, match="frames of reference"):
        side_by_side(*maps)


def test_what_lies_outside_the_others_image_is_kept_and_said() -> None:
    half = LabelMap(Volume(drawn()[:6], CT_GRID.cropped((0, 0, 0), (6, 48, 48)), "label"), True)
    pair = side_by_side(LabelMap(Volume(drawn(), CT_GRID, "label"), True), half)
    assert pair is not None
    assert (pair[0].volume.array != 0).sum() == (drawn() != 0).sum()
    assert any("outside the truth's image" in note for note in pair[0].notes)


def test_a_seg_as_truth_is_widened_before_resampling(
    tmp_path: Path, reference: DicomReference
) -> None:
    path = tmp_path / "seg.dcm"
    small = np.where(np.arange(18)[:, None, None] == 5, drawn(), 0)
    segments = structures(small, "GTVp", "GTVn")
    path.write_bytes(dicom_bytes(binary_seg(segments, CT_GRID, reference, MADE)))
    truth = read_labels(path)
    assert truth.volume.grid.shape[0] == 1
    finer = CT_GRID.resized((2.5, 2.1, 2.1))
    drawn_finer = drawn().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    prediction = LabelMap(Volume(drawn_finer, finer, "label"), True)
    found = evaluate(prediction.volume, widened(truth, prediction).volume, resample_prediction=True)
    gtvp = found.classes[0]
    assert gtvp.prediction_ml == pytest.approx((drawn() == 1).sum() * CT_GRID.voxel_ml, rel=0.2)


def test_contours_need_their_series(tmp_path: Path, reference: DicomReference, study: Path) -> None:
    path = tmp_path / "rs.dcm"
    path.write_bytes(contours_file(CT_GRID, reference, GTVp=drawn() == 1, Cord=drawn() == 2))
    with pytest.raises(WrongCall, match="--ct"):
        read_labels(path)
    other = tmp_path / "other"
    write_ct(other, frame="1.2.3", uid="9")
    with pytest.raises(InputRefused, match="one series"):
        read_labels(path, ct=other)
    found = read_labels(path, ct=study)
    np.testing.assert_array_equal(found.volume.array, np.where(drawn() == 1, 1, 0))
    assert any("Cord" in note for note in found.notes)


def test_names_decide_then_types(tmp_path: Path, reference: DicomReference) -> None:
    path = tmp_path / "seg.dcm"
    dataset = binary_seg(structures(drawn(), "GTVp", "GTVn"), CT_GRID, reference, MADE)
    for item, label in zip(dataset.SegmentSequence, ("Segment 1", "Segment 2"), strict=True):
        item.SegmentLabel = label
    path.write_bytes(dicom_bytes(dataset))
    found = read_labels(path)
    assert set(np.unique(found.volume.array)) == {0, 1, 2}
    assert any("property type" in note for note in found.notes)
    for item in dataset.SegmentSequence:
        item.SegmentedPropertyTypeCodeSequence[0].CodeValue = "10200004"  # liver
    path.write_bytes(dicom_bytes(dataset))
    with pytest.raises(InputRefused, match="Segment 1"):
        read_labels(path)


def test_a_voxel_in_both_is_said(tmp_path: Path, reference: DicomReference) -> None:
    path = tmp_path / "seg.dcm"
    both = np.where(drawn() == 1, 1, 0)
    segments = [Structure(n, k, both == 1, COLOUR) for k, n in enumerate(("GTVn", "GTVp"), 1)]
    path.write_bytes(dicom_bytes(binary_seg(segments, CT_GRID, reference, MADE)))
    found = read_labels(path)
    assert set(np.unique(found.volume.array)) == {0, 1}
    assert any("at once" in note for note in found.notes)


def test_what_holds_no_labels_is_refused(
    tmp_path: Path, study: Path, reference: DicomReference
) -> None:
    path = tmp_path / "fractional.dcm"
    p = (drawn() == 1).astype(np.float32)
    fractions = fractional_seg({"GTVp": p}, {"GTVp": COLOUR}, CT_GRID, reference, MADE)
    path.write_bytes(dicom_bytes(fractions))
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    for wrong in (path, text, next(study.iterdir()), study, tmp_path / "absent.nii"):
        with pytest.raises(InputRefused):
            read_labels(wrong)
