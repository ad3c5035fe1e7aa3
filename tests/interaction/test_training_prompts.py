"""The clicks of the paper's stages 1 and 3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicked_maps import Pair, component_at, maps, rng, row
from hnuiseg.errors import WrongCall
from hnuiseg.interaction import (
    Click,
    correction_clicks,
    error_findings,
    lesion_findings,
    stage_one_clicks,
)

seeds = st.integers(0, 99)


@given(pair=maps(), seed=seeds)
def test_stage_one_clicks_each_lesion_once_and_as_often_outside(pair: Pair, seed: int) -> None:
    _, truth = pair
    clicks = stage_one_clicks(truth, rng(seed))
    for region, value in (("GTVp", 1), ("GTVn", 2)):
        own = [click for click in clicks if click.region == region]
        positive = [click.index for click in own if click.positive]
        negative = [click.index for click in own if not click.positive]
        lesions = [f for f in lesion_findings(truth) if f.region == region]
        hit = [frozenset(component_at(truth == value, index)) for index in positive]
        assert all(truth[index] == value for index in positive)
        assert len(hit) == len(set(hit)) == len(lesions)
        assert all(truth[index] not in (value, 255) for index in negative)
        possible = ((truth != value) & (truth != 255)).any()
        assert len(negative) == (len(lesions) if possible else 0)


def test_stage_one_reaches_every_voxel_outside_and_the_other_class() -> None:
    truth = row("p.?.nn")
    drawn = {
        click.index[2]
        for seed in range(200)
        for click in stage_one_clicks(truth, rng(seed))
        if (click.region, click.positive) == ("GTVp", False)
    }
    assert drawn == {1, 3, 4, 5}


def test_stage_one_draws_from_every_slice_alike() -> None:
    truth = np.zeros((3, 2, 2), dtype=np.uint8)
    truth[1] = 1  # outside: four voxels in each of two slices
    negative: list[tuple[int, ...]] = [
        click.index
        for seed in range(400)
        for click in stage_one_clicks(truth, rng(seed))
        if not click.positive
    ]
    counts = [negative.count(tuple(int(i) for i in v)) for v in np.argwhere(truth == 0)]
    assert len(counts) == 8
    assert min(counts) > 25  # 50 expected of each; 25 is nearly four deviations below
    assert sum(counts) == 400


def test_a_negative_ball_never_erases_the_centre_of_a_lesion() -> None:
    """Negative clicks are drawn first."""
    for seed in range(20):
        signs = [click.positive for click in stage_one_clicks(row("p.p.p"), rng(seed))]
        assert signs == [False] * 3 + [True] * 3


def test_a_class_without_lesions_has_no_clicks_and_a_full_one_no_negative() -> None:
    assert stage_one_clicks(row("..?.."), rng()) == ()
    assert [click.positive for click in stage_one_clicks(row("nnn?"), rng())] == [True]


@given(pair=maps(), seed=seeds)
def test_each_error_gets_one_click_inside_it_with_the_right_sign(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    clicks = correction_clicks(predicted, truth, rng(seed))
    hit = set()
    for click in clicks:
        value = 1 if click.region == "GTVp" else 2
        if click.positive:
            wrong = (truth == value) & (predicted != value)
        else:
            wrong = (predicted == value) & (truth != value) & (truth != 255)
        assert wrong[click.index]
        hit.add((click.region, click.positive, frozenset(component_at(wrong, click.index))))
    assert len(hit) == len(clicks) == len(error_findings(predicted, truth))


@given(pair=maps(), seed=seeds)
def test_the_same_generator_makes_the_same_clicks(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    assert stage_one_clicks(truth, rng(seed)) == stage_one_clicks(truth, rng(seed))
    first, second = (correction_clicks(predicted, truth, rng(seed)) for _ in range(2))
    assert first == second


def test_a_swap_is_clicked_in_both_channels() -> None:
    clicks = correction_clicks(row("..p.."), row("..n.."), rng())
    assert set(clicks) == {Click("GTVp", False, (0, 0, 2)), Click("GTVn", True, (0, 0, 2))}


def test_a_right_prediction_needs_no_click() -> None:
    assert correction_clicks(row("pp?n"), row("pp?n"), rng()) == ()


def test_other_grids_are_refused() -> None:
    with pytest.raises(WrongCall, match="same grid"):
        correction_clicks(row("..."), row("...."), rng())
