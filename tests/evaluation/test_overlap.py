"""Equation 4, by hand and by law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from hnuiseg.errors import WrongCall
from hnuiseg.evaluation import Overlap, dice, dsc_agg
from metric_masks import Pair, pairs


def test_two_of_three_and_two_of_two_shared() -> None:
    prediction, truth = np.zeros((2, 1, 4), bool), np.zeros((2, 1, 4), bool)
    prediction[0, 0, :3] = True
    truth[0, 0, 1:3] = True
    assert dice(prediction, truth) == pytest.approx(2 * 2 / (3 + 2))


def test_empty_masks() -> None:
    empty, full = np.zeros((2, 2, 2), bool), np.ones((2, 2, 2), bool)
    assert math.isnan(dice(empty, empty))
    assert dice(empty, full) == dice(full, empty) == 0.0


@settings(deadline=None)
@given(pairs(empty=False))
def test_symmetric_and_one_only_for_equal_masks(pair: Pair) -> None:
    prediction, truth = pair
    assert dice(prediction, truth) == dice(truth, prediction)
    assert dice(truth, truth) == 1.0
    assert (dice(prediction, truth) == 1.0) == np.array_equal(prediction, truth)


def test_a_cohort_weighs_patients_by_volume() -> None:
    # 2 · (3 + 1) / ((4 + 4) + (1 + 1)), not the mean of 0.75 and 1
    assert dsc_agg([Overlap(3, 4, 4), Overlap(1, 1, 1)]) == pytest.approx(0.8)


def test_an_invented_lesion_counts_in_the_cohort_and_an_empty_patient_does_not() -> None:
    assert dsc_agg([Overlap(1, 1, 1), Overlap(0, 2, 0), Overlap(0, 0, 0)]) == pytest.approx(0.5)
    assert math.isnan(dsc_agg([Overlap(0, 0, 0)]))
    assert math.isnan(dsc_agg([]))


def test_one_patient_is_a_cohort() -> None:
    prediction, truth = np.zeros((1, 1, 5), bool), np.zeros((1, 1, 5), bool)
    prediction[..., :3] = truth[..., 2:] = True
    overlap = Overlap.of(prediction, truth, voxel_ml=0.25)
    assert overlap == Overlap(0.25, 0.75, 0.75)
    assert dsc_agg([overlap]) == dice(prediction, truth)


def test_masks_that_cant_be_compared_are_refused() -> None:
    with pytest.raises(WrongCall, match=r"\(1, 2, 3\)"):
        dice(np.ones((1, 2, 3), bool), np.ones((3, 2, 1), bool))
    with pytest.raises(WrongCall, match="uint8"):
        dice(np.ones((1, 2, 3), np.uint8), np.ones((1, 2, 3), bool))
