"""Law 1 for the network: how a study is stored changes no answer in mm, members included."""

import itertools
from functools import cache

import numpy as np
import pytest
from jaxtyping import Shaped

from hnuiseg.inference import Prediction, PredictOptions, predict
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid, Reorientation
from small_model import case_of, small_case, small_model, small_network_registered

Flips = tuple[bool, bool, bool]
Axes = tuple[int, int, int]
STORED = [
    (axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((False, True), repeat=3)
]
SPACINGS = [None, (2.0, 2.0, 3.0)]


def _stored(case: Case, axes: Axes, flips: Flips) -> Case:
    """The same patient with array axes in another order and direction."""
    assert case.pet is not None
    back = Reorientation(axes, flips)
    old = case.ct.grid
    order = np.argsort(axes)
    signs = np.where(np.asarray(flips)[order], -1.0, 1.0)
    first = np.where(flips, np.asarray(old.shape) - 1, 0)
    a, b, c = (old.shape[k] for k in order)
    grid = Grid.from_steps(
        (a, b, c), old.steps[order] * signs[:, None], old.to_world(first[None])[0]
    )
    return case_of(
        grid,
        np.ascontiguousarray(back.undo(case.ct.array)),
        back.undo(case.pet.on_ct.array),
        back.undo(case.pet.coverage),
    )


@cache
def _standing(spacing: tuple[float, float, float] | None) -> Prediction:
    return _predicted(small_case(), spacing)


def _predicted(case: Case, spacing: tuple[float, float, float] | None) -> Prediction:
    with small_network_registered():
        options = PredictOptions(members=6, variance=True, exact=True)
        return predict(case, small_model(working_spacing=spacing), options)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("axes", "flips"), STORED)
def test_law_01_the_stored_orientation_changes_no_answer(
    axes: Axes, flips: Flips, spacing: tuple[float, float, float] | None
) -> None:
    """All 48; what is compared lies at the same millimetres."""
    case = small_case()
    stored = _stored(case, axes, flips)
    expected, found = _standing(spacing), _predicted(stored, spacing)
    assert found.grid == stored.ct.grid
    turn = Reorientation.of(stored.ct.grid)
    assert turn.grid(stored.ct.grid).same_place(case.ct.grid)
    assert found.mutual_information is not None
    assert expected.mutual_information is not None
    assert found.variance is not None
    assert expected.variance is not None
    assert found.votes is not None
    assert expected.votes is not None

    def equal(
        mine: Shaped[np.ndarray, "a b c"], theirs: Shaped[np.ndarray, "z y x"], by: float
    ) -> None:
        np.testing.assert_allclose(turn.array(mine), theirs, atol=by, rtol=0)

    equal(found.labels, expected.labels, 0)
    equal(found.votes, expected.votes, 0)
    equal(found.entropy, expected.entropy, 1e-5)
    equal(found.mutual_information, expected.mutual_information, 1e-5)
    for k in range(3):
        equal(found.probabilities[k], expected.probabilities[k], 1e-5)
        equal(found.variance[k], expected.variance[k], 1e-5)


def test_the_comparison_above_could_fail() -> None:
    """The small network doesn't give the same answer to a mirrored patient."""
    case = small_case()
    assert case.pet is not None
    mirrored = case_of(
        case.ct.grid,
        np.ascontiguousarray(case.ct.array[:, :, ::-1]),
        case.pet.on_ct.array[:, :, ::-1],
        case.pet.coverage[:, :, ::-1],
    )
    found = _predicted(mirrored, None).probabilities[..., ::-1]
    assert float(np.abs(found - _standing(None).probabilities).max()) > 0.1
