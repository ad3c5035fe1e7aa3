"""Intervals and tests by closed form, by hand, and by scipy as an outside judge."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hnuiseg.evaluation.statistics import (
    bootstrap,
    bootstrap_difference,
    by_patient,
    defined,
    holm,
    ratio,
    wilcoxon,
)

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def test_two_patients_by_hand() -> None:
    """A quarter of the resamples is the first patient twice, a quarter the second."""
    found = bootstrap(defined([0.0, 1.0]))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_interval_of_a_mean_is_the_normal_one_of_many_patients() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = bootstrap(defined(values.tolist()))
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_judge_scipy_agrees_on_a_mean_and_on_a_ratio_of_sums() -> None:
    generator = np.random.default_rng(1)
    rows = generator.gamma(2.0, 1.0, (30, 2))
    for ours, data, statistic in (
        (bootstrap(defined(rows[:, 0].tolist())), (rows[:, 0],), np.mean),
        (bootstrap(rows), (rows[:, 0], rows[:, 1]), lambda a, b, axis: a.sum(axis) / b.sum(axis)),
    ):
        judged = stats.bootstrap(
            data,
            statistic,
            method="percentile",
            paired=len(data) > 1,
            n_resamples=20_000,
            rng=np.random.default_rng(2),
        ).confidence_interval
        width = judged.high - judged.low
        assert ours.low == pytest.approx(judged.low, abs=0.04 * width)  # of 10,000 resamples
        assert ours.high == pytest.approx(judged.high, abs=0.04 * width)


@given(values=VALUES, factor=st.floats(0.5, 4.0), shift=st.floats(-2.0, 2.0))
def test_an_interval_holds_its_value_and_moves_with_the_unit(
    values: list[float], factor: float, shift: float
) -> None:
    found = bootstrap(defined(values), resamples=500)
    moved = bootstrap(defined([factor * v + shift for v in values]), resamples=500)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    for ours, theirs in ((found.value, moved.value), (found.low, moved.low)):
        assert theirs == pytest.approx(factor * ours + shift, abs=1e-9)


def test_undefined_values_are_in_no_mean() -> None:
    rows = defined([0.2, math.nan, 0.4])
    assert bootstrap(rows).value == pytest.approx(0.3)
    nothing = bootstrap(defined([math.nan, math.nan]))
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    assert math.isnan(bootstrap(np.zeros((0, 2))).value)


def test_one_patient_has_no_interval() -> None:
    one = bootstrap(defined([0.7]))
    assert one.value == 0.7
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def test_cases_of_a_patient_are_drawn_together() -> None:
    rows = by_patient(defined([0.0, 1.0, 0.5]), ["a", "b", "a"])
    np.testing.assert_array_equal(rows, [[0.5, 2.0], [1.0, 1.0]])
    found = bootstrap(rows)
    assert (found.value, found.low, found.high) == (0.5, 0.25, 1.0)


@given(values=VALUES, shift=st.floats(-1.0, 1.0))
def test_a_constant_difference_is_certain(values: list[float], shift: float) -> None:
    """Patients vary, the difference doesn't: pairing takes their variation away."""
    moved = defined([v - shift for v in values])
    found = bootstrap_difference(defined(values), moved, resamples=500)
    assert found.value == pytest.approx(shift, abs=1e-9)
    assert found.low == pytest.approx(shift, abs=1e-9)
    assert found.high == pytest.approx(shift, abs=1e-9)


@given(values=VALUES)
def test_a_difference_is_antisymmetric(values: list[float]) -> None:
    first, second = defined(values), defined(values[::-1])
    there = bootstrap_difference(first, second, resamples=500)
    back = bootstrap_difference(second, first, resamples=500)
    assert there.value == pytest.approx(-back.value)
    assert there.low == pytest.approx(-back.high)


def test_wilcoxon_by_hand() -> None:
    """Five pairs that all rise: two of 2^5 equally likely signs are as far out."""
    assert wilcoxon([1, 2, 3, 4, 5], [0, 0, 0, 0, 0]) == pytest.approx(2 / 32)
    assert wilcoxon([1, 2, 3, 4, 5, 9], [0, 0, 0, 0, 0, 9]) == pytest.approx(2 / 32)
    assert wilcoxon([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert math.isnan(wilcoxon([], []))
    with pytest.raises(ValueError, match="defined"):
        wilcoxon([1.0, math.nan], [0.0, 0.0])


def test_holm_by_hand() -> None:
    """Of 0.01, 0.04, 0.03: times 3, 2 and 1 by rank, and never below the one before."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.5, 0.9]) == pytest.approx((1.0, 1.0))
    adjusted = holm([0.02, math.nan, 0.03])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert holm([]) == ()


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_lies_between_no_correction_and_bonferroni(p: list[float]) -> None:
    for raw, adjusted in zip(p, holm(p), strict=True):
        assert raw <= adjusted <= min(1.0, len(p) * raw) + 1e-12


def test_a_ratio_of_nothing_is_nan() -> None:
    np.testing.assert_array_equal(ratio(np.array([[1.0, 2.0], [0.0, 0.0]])), [0.5, np.nan])
