"""Clicks of training with mixed placement: at each class' error, unless the hand slips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from hnuiseg.interaction import (
    RADIUS_VOXELS,
    Click,
    Placement,
    error_findings,
    one_of_each_class,
    prompts,
    random_error,
)

SPACING = (3.0, 1.0, 1.5)
STEADY = Placement(jittered=0.0, wrong=0.0)


def _maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    maps = [
        ndimage.zoom(generator.integers(0, 3, (3, 4, 4)), (4, 4, 4), order=0).astype(np.uint8)
        for _ in range(2)
    ]
    maps[1][generator.random(maps[1].shape) < 0.05] = 255
    return maps[0], maps[1]


@given(seed=st.integers(0, 500))
def test_a_steady_hand_clicks_in_errors_with_the_right_sign(seed: int) -> None:
    predicted, truth = _maps(seed)
    generator = np.random.default_rng(seed)
    clicks = one_of_each_class(predicted, truth, SPACING, STEADY, generator)
    regions = [click.region for click in clicks]
    assert len(set(regions)) == len(regions)
    for click in clicks:
        value = {"GTVp": 1, "GTVn": 2}[click.region]
        found, true = predicted[click.index], truth[click.index]
        assert true != 255
        assert (true == value) == click.positive
        assert (found == value) == (not click.positive)
    again = one_of_each_class(predicted, truth, SPACING, STEADY, np.random.default_rng(seed))
    assert again == clicks


@given(seed=st.integers(0, 60))
def test_a_random_error_is_one_of_all(seed: int) -> None:
    predicted, truth = _maps(seed)
    for region in ("GTVp", "GTVn"):
        found = random_error(predicted, truth, region, np.random.default_rng(seed))
        own = [error for error in error_findings(predicted, truth) if error.region == region]
        assert (found is None) == (not own)
        if found is not None:
            same = [
                error
                for error in own
                if error.positive == found.positive
                and error.component.start == found.component.start
                and np.array_equal(error.component.mask, found.component.mask)
            ]
            assert len(same) == 1


def test_an_error_is_drawn_as_often_as_it_is_large() -> None:
    truth, predicted = np.zeros((2, 8, 8, 8), dtype=np.uint8)
    truth[1:3, 1:4, 1:6] = 1  # 30 voxels missed
    predicted[6:, 2:7, 7] = 1  # 10 invented
    draws = [
        random_error(predicted, truth, "GTVp", np.random.default_rng(seed)) for seed in range(400)
    ]
    missed = sum(error is not None and error.positive for error in draws) / len(draws)
    assert abs(missed - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 400)


def test_nothing_wrong_nothing_clicked() -> None:
    _, truth = _maps(1)
    predicted = np.where(truth == 255, 2, truth).astype(np.uint8)
    assert one_of_each_class(predicted, truth, SPACING, STEADY, np.random.default_rng(0)) == ()


@pytest.mark.parametrize(
    ("placement", "depths"),
    [
        (Placement(centre=1.0, anywhere=0.0, jittered=0.0, wrong=0.0), (4.9, 99.0)),
        (Placement(centre=0.0, anywhere=0.0, jittered=0.0, wrong=0.0), (0.0, 1.5)),
    ],
)
def test_the_centre_is_deep_and_the_border_is_not(
    placement: Placement, depths: tuple[float, float]
) -> None:
    truth = np.zeros((13, 13, 13), dtype=np.uint8)
    truth[2:11, 2:11, 2:11] = 1
    depth = ndimage.distance_transform_edt(truth)
    for seed in range(20):
        (click,) = one_of_each_class(
            np.zeros_like(truth), truth, (1.0, 1.0, 1.0), placement, np.random.default_rng(seed)
        )
        assert depths[0] <= depth[click.index] <= depths[1]


def test_hands_slip_as_often_as_they_should() -> None:
    truth = np.zeros((13, 13, 13), dtype=np.uint8)
    truth[4:9, 4:9, 4:9] = 1
    placement = Placement(jittered=1.0, jitter_mm=4.0, wrong=0.3)
    made = [
        one_of_each_class(
            np.zeros_like(truth), truth, SPACING, placement, np.random.default_rng(seed)
        )[0]
        for seed in range(300)
    ]
    wrong = sum(not click.positive for click in made) / len(made)
    assert 0.2 < wrong < 0.4
    assert any(truth[click.index] == 0 for click in made)
    assert all(0 <= i < 13 for click in made for i in click.index)


def test_an_edt_ball_falls_from_its_centre_to_its_rim_and_is_nothing_beyond() -> None:
    clicks = (Click("GTVp", True, (8, 8, 8)), Click("GTVn", False, (3, 9, 5)))
    edt = prompts((17, 17, 17), clicks, "edt")
    for channel, click, sign in zip(edt, clicks, (1, -1), strict=True):
        steps = np.indices((17, 17, 17)) - np.array(click.index)[:, None, None, None]
        within = (steps**2).sum(0) <= RADIUS_VOXELS["edt"] ** 2
        np.testing.assert_array_equal(np.sign(channel), sign * within)
    assert edt[0].argmax() == np.ravel_multi_index((8, 8, 8), (17, 17, 17))
    assert (edt[0].max(), edt[1].min()) == (1.0, -1.0)
    values = [abs(edt[0, 8, 8, 8 + k]) for k in range(RADIUS_VOXELS["edt"] + 1)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0
