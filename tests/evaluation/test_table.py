"""What `evaluate` says of label maps: its rules, refusals and forms."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Shaped

from hnuiseg.errors import InputRefused
from hnuiseg.evaluation import SurfaceDistances, dice, evaluate, evaluate_many
from hnuiseg.volume import Grid, Volume

GRID = Grid.axial((6, 12, 10), (3.0, 1.0, 1.5), origin=(-20.0, 10.0, 300.0))


def _labels(*boxes: tuple[int, slice, slice, slice], grid: Grid = GRID) -> Volume:
    array = np.zeros(grid.shape, dtype=np.uint8)
    for value, z, y, x in boxes:
        array[z, y, x] = value
    return Volume(array, grid, "label")


PRIMARY = (1, slice(1, 4), slice(2, 6), slice(2, 6))
NODE = (2, slice(4, 6), slice(8, 11), slice(6, 9))
BOTH = _labels(PRIMARY, NODE)


def test_each_class_by_the_measures_of_its_masks() -> None:
    prediction = _labels((1, slice(1, 4), slice(3, 7), slice(2, 6)), NODE)
    primary, node = evaluate(prediction, BOTH).classes
    masks = prediction.array == 1, BOTH.array == 1
    distances = SurfaceDistances.between(*masks, GRID.spacing)
    assert (primary.name, node.name) == ("GTVp", "GTVn")
    assert primary.dsc == dice(*masks) == pytest.approx(3 / 4)
    assert primary.nsd == distances.nsd(2.0)
    assert primary.nsd_by_area == pytest.approx(distances.nsd_by_area(2.0))
    assert (primary.hd_mm, primary.hd95_mm) == (1.0, 1.0)
    assert primary.truth_ml == pytest.approx(3 * 4 * 4 * 4.5 / 1000)
    assert (node.dsc, node.nsd, node.nsd_by_area, node.hd_mm, node.hd95_mm) == (1, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("prediction", "truth", "states"),
    [
        (BOTH, BOTH, ("both present", "both present")),
        (_labels(), _labels(), ("correctly empty", "correctly empty")),
        (_labels(PRIMARY), _labels(NODE), ("invented", "missed")),
    ],
)
def test_states(prediction: Volume, truth: Volume, states: tuple[str, str]) -> None:
    assert tuple(c.state for c in evaluate(prediction, truth).classes) == states


def test_empty_rules() -> None:
    nothing = evaluate(_labels(), _labels()).classes[0]
    values = (nothing.dsc, nothing.nsd, nothing.nsd_by_area, nothing.hd_mm, nothing.hd95_mm)
    assert all(math.isnan(v) for v in values)
    for one in (evaluate(BOTH, _labels()), evaluate(_labels(), BOTH)):
        primary = one.classes[0]
        assert primary.dsc == primary.nsd == primary.nsd_by_area == 0.0
        assert math.isnan(primary.hd_mm)
        assert math.isnan(primary.hd95_mm)


def test_ignored_voxels_change_nothing_on_either_side() -> None:
    truth = BOTH.array.copy()
    truth[:, :, 5:] = 255
    ignoring = Volume(truth, GRID, "label")
    found = evaluate(BOTH, ignoring)
    assert found.classes[0].dsc == 1.0
    assert found.classes[1].state == "correctly empty"
    assert found.ignored_ml == pytest.approx(np.count_nonzero(truth == 255) * 4.5 / 1000)
    assert "255" in found.summary()
    loud = BOTH.array.copy()
    loud[:, :, 5:] = 2
    assert evaluate(Volume(loud, GRID, "label"), ignoring).classes == found.classes


@pytest.mark.parametrize(
    ("array", "shown"),
    [
        (np.full(GRID.shape, 3, np.uint8), "3"),
        (np.full(GRID.shape, 0.5), "0.5"),
        (np.full(GRID.shape, math.nan), "nan"),
        (np.full(GRID.shape, 255, np.uint8), "255"),  # a prediction can't ignore
    ],
)
def test_other_values_are_refused(array: Shaped[np.ndarray, "z y x"], shown: str) -> None:
    with pytest.raises(InputRefused, match=f"prediction holds the values {shown}"):
        evaluate(Volume(array, GRID, "label"), BOTH)


def test_labels_stored_as_floats_are_labels() -> None:
    floats = Volume(BOTH.array.astype(np.float64), GRID, "label")
    assert evaluate(floats, BOTH) == evaluate(BOTH, floats)


def test_rounding_of_a_header_is_the_same_grid() -> None:
    moved = replace(BOTH, grid=replace(GRID, origin=(-20.0005, 10.0, 300.0)))
    assert not evaluate(moved, BOTH).resampled


@pytest.mark.parametrize("shift_mm", [0.002, 1.5])
def test_another_grid_is_refused_and_not_resampled_in_silence(shift_mm: float) -> None:
    moved = replace(BOTH, grid=replace(GRID, origin=(-20.0 + shift_mm, 10.0, 300.0)))
    with pytest.raises(InputRefused, match="another grid"):
        evaluate(moved, BOTH)


def test_resampling_when_asked_compares_in_the_patient_and_says_so() -> None:
    wide = Grid.axial((8, 16, 14), GRID.spacing, origin=(-20.0 - 3.0, 10.0 - 2.0, 300.0 - 3.0))
    prediction = _labels(
        (1, slice(2, 5), slice(4, 8), slice(4, 8)),
        (2, slice(5, 7), slice(10, 13), slice(8, 11)),
        grid=wide,
    )
    found = evaluate(prediction, BOTH, resample_prediction=True)
    assert found.resampled
    assert [c.dsc for c in found.classes] == [1.0, 1.0]
    assert "nearest neighbour" in found.summary()
    assert found.to_json()["resampled"] is True


def test_truth_beyond_the_prediction_is_missed_and_said() -> None:
    low = replace(GRID, shape=(3, 12, 10))
    found = evaluate(_labels(grid=low), BOTH, resample_prediction=True)
    assert [c.state for c in found.classes] == ["missed", "missed"]
    assert "outside the prediction's image" in found.summary()


def test_two_frames_of_reference_are_never_compared() -> None:
    one = replace(BOTH, grid=replace(GRID, frame_of_reference="1.2.3"))
    other = replace(BOTH, grid=replace(GRID, frame_of_reference="1.2.4"))
    for resample in (True, False):
        with pytest.raises(InputRefused, match="frames of reference"):
            evaluate(one, other, resample_prediction=resample)
    assert evaluate(one, BOTH).classes[0].dsc == 1.0  # a file without one


def test_json_has_null_where_a_measure_is_undefined() -> None:
    text = json.dumps(evaluate(_labels(PRIMARY), _labels()).to_json(), allow_nan=False)
    classes = json.loads(text)["classes"]
    assert classes["GTVp"]["hd_mm"] is None
    assert classes["GTVp"]["dsc"] == 0.0
    assert classes["GTVn"]["dsc"] is None
    assert classes["GTVp"]["lesions_by_iou"]["invented"] == 1


def test_the_summary_names_each_variant() -> None:
    summary = evaluate(BOTH, BOTH).summary()
    for words in ("surface voxels", "by area", "equation 7", "directed 95th", "26-connected"):
        assert words in summary


def test_a_cohort_has_means_over_defined_values_and_says_how_many() -> None:
    pairs = [(BOTH, BOTH), (_labels(PRIMARY), _labels()), (_labels(), _labels())]
    table = evaluate_many(pairs)
    dsc, distance = table.mean("GTVp", "dsc"), table.mean("GTVp", "hd_mm")
    assert (dsc.value, dsc.defined, dsc.patients) == (0.5, 2, 3)
    assert (distance.value, distance.defined) == (0.0, 1)
    assert table.dsc_agg("GTVp") == pytest.approx(2 * 1 / (1 + 1 + 1))
    assert table.states("GTVp") == {
        "both present": 1,
        "correctly empty": 1,
        "missed": 0,
        "invented": 1,
    }
    by_overlap, by_iou = table.detection("GTVp")
    assert (by_overlap.found, by_overlap.invented) == (1, 1)
    assert by_iou.f1 == pytest.approx(2 / 3)
    assert "0.500 (2)" in table.summary()
    assert json.loads(json.dumps(table.to_json(), allow_nan=False))["classes"]["GTVn"]["means"]


def test_a_cohort_without_patients_has_no_means() -> None:
    table = evaluate_many([])
    assert math.isnan(table.mean("GTVn", "nsd").value)
    assert table.mean("GTVn", "nsd").patients == 0
    assert "0 patients" in table.summary()


def test_a_cohort_is_read_one_patient_at_a_time() -> None:
    read: list[int] = []

    def patients() -> Iterator[tuple[Volume, Volume]]:
        for number in range(3):
            read.append(number)
            yield BOTH, BOTH

    assert len(evaluate_many(patients()).evaluations) == 3
    assert read == [0, 1, 2]
