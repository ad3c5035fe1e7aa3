"""The area under the risk-coverage curve, by closed form and by law."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.evaluation.risk_coverage import aurc, least_aurc, risk_coverage

RANKED = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40)


def _parts(ranked: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    uncertainty, wrong = zip(*ranked, strict=True)
    return np.array(uncertainty, dtype=np.float32), np.array(wrong)


def test_four_voxels_by_hand() -> None:
    """Right, wrong, right, wrong, by rising uncertainty: 0, 1/2, 1/3, 1/2."""
    uncertainty = np.array([0.4, 0.1, 0.3, 0.2], dtype=np.float32)
    wrong = np.array([True, False, False, True])
    np.testing.assert_allclose(risk_coverage(uncertainty, wrong), [0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(uncertainty, wrong) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)


@given(errors=st.integers(0, 20), right=st.integers(0, 20))
def test_a_perfect_ranking_has_the_closed_form_and_the_worst_its_mirror(
    errors: int, right: int
) -> None:
    wrong = np.arange(errors + right) >= right
    found = aurc(np.arange(errors + right, dtype=np.float32), wrong)
    if errors + right == 0:
        assert math.isnan(found)
        assert math.isnan(least_aurc(0, 0))
        return
    by_hand = sum(k / (right + k) for k in range(1, errors + 1)) / (errors + right)
    assert found == pytest.approx(by_hand)
    assert least_aurc(errors, errors + right) == pytest.approx(by_hand)
    reversed_ = aurc(-np.arange(errors + right, dtype=np.float32), wrong)
    assert reversed_ >= found - 1e-12


@given(ranked=RANKED)
def test_a_ranking_that_knows_nothing_has_the_error_rate(ranked: list[tuple[int, bool]]) -> None:
    _, wrong = _parts(ranked)
    assert aurc(np.zeros(len(wrong), dtype=np.float32), wrong) == pytest.approx(wrong.mean())


def test_random_rankings_have_the_error_rate_on_average() -> None:
    generator = np.random.default_rng(0)
    wrong = generator.random(2_000) < 0.2
    found = [aurc(generator.random(2_000).astype(np.float32), wrong) for _ in range(200)]
    assert np.mean(found) == pytest.approx(wrong.mean(), abs=0.01)


@given(ranked=RANKED)
def test_only_the_order_counts(ranked: list[tuple[int, bool]]) -> None:
    uncertainty, wrong = _parts(ranked)
    for other in (3 * uncertainty + 1, np.exp(uncertainty), uncertainty**3):
        assert aurc(other, wrong) == aurc(uncertainty, wrong)


@given(ranked=RANKED, seed=st.integers(0, 99))
def test_the_order_of_storage_doesnt_count(ranked: list[tuple[int, bool]], seed: int) -> None:
    uncertainty, wrong = _parts(ranked)
    shuffled = np.random.default_rng(seed).permutation(len(wrong))
    assert aurc(uncertainty[shuffled], wrong[shuffled]) == pytest.approx(aurc(uncertainty, wrong))


@given(ranked=RANKED)
def test_no_ranking_is_better_than_the_perfect_one(ranked: list[tuple[int, bool]]) -> None:
    uncertainty, wrong = _parts(ranked)
    assert aurc(uncertainty, wrong) >= least_aurc(int(wrong.sum()), len(wrong)) - 1e-12
