"""Clicks one after the other, with a predictor that does as it is told."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicked_maps import SPACING, Labels, Pair, maps, rng, row
from hnuiseg.interaction import (
    Click,
    Cvpr2025,
    LargestError,
    Robot,
    Scene,
    TenClicks,
    error_findings,
    one_after_the_other,
)


class _Obedient:
    """Repairs the component that each click hits, as the truth has it."""

    def __init__(self, start: Labels, truth: Labels) -> None:
        self.start, self.truth = start, truth
        self.asked: list[tuple[Click, ...]] = []

    def __call__(self, clicks: tuple[Click, ...]) -> Labels:
        self.asked.append(clicks)
        answer = self.start.copy()
        for click in clicks:
            for found in error_findings(answer, self.truth):
                box, mask = found.component.box, found.component.mask
                here = np.zeros(answer.shape, dtype=bool)
                here[box] = mask
                same = (found.region, found.positive) == (click.region, click.positive)
                if same and here[click.index]:
                    answer[here] = self.truth[here]
                    break
        return answer


def _wrong(predicted: Labels, truth: Labels) -> int:
    return int(((predicted != truth) & (truth != 255)).sum())


@pytest.mark.parametrize("robot", [LargestError(), TenClicks(1), Cvpr2025()])
@given(pair=maps(), seed=st.integers(0, 99))
def test_each_answer_is_better_than_the_last(robot: Robot, pair: Pair, seed: int) -> None:
    predicted, truth = pair
    obedient = _Obedient(predicted, truth)
    steps = list(one_after_the_other(robot, obedient, Scene(truth, SPACING), 8, rng(seed)))
    np.testing.assert_array_equal(steps[0].predicted, predicted)
    assert steps[0].clicks == ()
    wrong = [_wrong(step.predicted, truth) for step in steps]
    assert all(later < earlier for earlier, later in pairwise(wrong))
    assert len(steps) == 9 or wrong[-1] == 0
    for earlier, later in pairwise(steps):
        assert later.clicks[: len(earlier.clicks)] == earlier.clicks
        assert len(later.clicks) > len(earlier.clicks)
    assert obedient.asked == [step.clicks for step in steps]


@given(pair=maps(), seed=st.integers(0, 99))
def test_the_largest_error_is_answered_first(pair: Pair, seed: int) -> None:
    """One click at a time, and what it repairs is the largest that was left."""
    predicted, truth = pair
    obedient = _Obedient(predicted, truth)
    scene = Scene(truth, SPACING)
    steps = list(one_after_the_other(LargestError(), obedient, scene, 10, rng(seed)))
    for earlier, later in pairwise(steps):
        assert len(later.clicks) == len(earlier.clicks) + 1
        largest = error_findings(earlier.predicted, truth)[0].component.size
        repaired = _wrong(earlier.predicted, truth) - _wrong(later.predicted, truth)
        assert repaired == largest


def test_a_deaf_predictor_is_asked_as_often_as_allowed_and_no_more() -> None:
    truth = row(".ppp.n")
    deaf = np.zeros_like(truth)
    scene = Scene(truth, SPACING)
    steps = list(one_after_the_other(LargestError(), lambda _: deaf, scene, 3, rng()))
    assert [len(step.clicks) for step in steps] == [0, 1, 2, 3]
    assert {click.region for click in steps[-1].clicks} == {"GTVp"}


def test_nothing_is_predicted_before_it_is_asked_for() -> None:
    obedient = _Obedient(row("..."), row("p.n"))
    steps = one_after_the_other(LargestError(), obedient, Scene(row("p.n"), SPACING), 5, rng())
    assert obedient.asked == []
    next(steps)
    assert obedient.asked == [()]
