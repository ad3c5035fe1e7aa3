"""Calibration by hand and by law: a known temperature is found again, and labels never change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from hnuiseg.errors import InputRefused
from hnuiseg.evaluation.calibration import (
    BAND_MM,
    Voxels,
    ece_of,
    error_band,
    fit_temperature,
    reliability,
    reliability_sums,
    tempered,
)


def _drawn_by(probabilities: np.ndarray, seed: int) -> np.ndarray:
    """Truth drawn by the probabilities: they are calibrated for it."""
    draws = np.random.default_rng(seed).random(len(probabilities))
    return (draws[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2).astype(np.uint8)


def _probabilities(seed: int, n: int = 40_000) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 2, (n, 3))
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoiled_probabilities_is_found(temperature: float) -> None:
    honest = _probabilities(1)
    spoiled = tempered(honest, 1 / temperature)  # over- or underconfident
    truth = _drawn_by(honest, 2)
    found = fit_temperature([Voxels(spoiled, truth)])
    assert found == pytest.approx(temperature, rel=0.05)
    before, after = (
        reliability(Voxels(p, truth), 1).ece for p in (spoiled, tempered(spoiled, found))
    )
    assert after < 0.01
    if temperature != 1.0:
        assert after < before / 3


def test_every_patient_counts_alike() -> None:
    """A patient of few voxels moves the temperature as much as one of many."""
    honest = _probabilities(3)
    truth = _drawn_by(honest, 4)
    over, under = Voxels(tempered(honest, 0.4), truth), Voxels(tempered(honest, 2.5), truth)
    few = Voxels(under.probabilities[::20], under.truth[::20])
    both = fit_temperature([over, under])
    assert fit_temperature([over, few]) == pytest.approx(both, rel=0.1)


@given(
    seed=st.integers(0, 1000), temperature=st.floats(0.1, 10.0), scale=st.sampled_from([0.1, 1, 8])
)
def test_labels_never_change_and_sums_are_one(seed: int, temperature: float, scale: float) -> None:
    logits = np.random.default_rng(seed).normal(0, scale, (200, 3))
    odds = np.exp(logits)
    p = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    calibrated = tempered(p, temperature)
    top = calibrated[np.arange(len(p)), p.argmax(axis=1)]
    assert (top >= calibrated.max(axis=1) - 1e-6).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(tempered(p, 1.0), p, atol=1e-5)


def test_reliability_by_hand() -> None:
    """Four voxels said to be 0.9 and three of them are; one of 0.1 that isn't."""
    p = np.array([[0.1, 0.9, 0.0]] * 4 + [[0.9, 0.1, 0.0]], dtype=np.float32)
    truth = np.array([1, 1, 1, 0, 0], dtype=np.uint8)
    found = reliability(Voxels(p, truth), 1)
    assert found.ece == pytest.approx((4 * 0.15 + 0.1) / 5, abs=1e-6)
    assert found.brier == pytest.approx((3 * 0.01 + 0.81 + 0.01) / 5, abs=1e-6)
    assert found.counts[13] == 4
    assert found.true[13] == pytest.approx(0.75)
    assert sum(found.counts) == found.voxels == 5


@given(seed=st.integers(0, 100), cut=st.integers(0, 60))
def test_sums_of_patients_are_those_of_all_their_voxels(seed: int, cut: int) -> None:
    p = _probabilities(seed, 60)
    truth = _drawn_by(p, seed + 1)
    parts = [Voxels(p[part], truth[part]) for part in (slice(cut), slice(cut, None))]
    pooled = np.sum([reliability_sums(one, 1) for one in parts], axis=0)
    whole = reliability(Voxels(p, truth), 1)
    assert ece_of(pooled) == pytest.approx(whole.ece)
    assert pooled[-2] / pooled[-1] == pytest.approx(whole.brier)
    assert np.isnan(ece_of(np.zeros_like(pooled)))


@given(seed=st.integers(0, 100))
def test_the_band_is_what_distances_say(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shape, spacing = (9, 14, 12), (4.0, 3.0, 5.0)
    labels = np.where(generator.random(shape) < 0.002, 1, 0).astype(np.uint8)
    truth = np.where(generator.random(shape) < 0.002, 2, 0).astype(np.uint8)
    truth[generator.random(shape) < 0.1] = 255
    for value in (None, 1, 2):
        drawn = np.isin(labels, [1, 2] if value is None else [value]) | np.isin(
            truth, [1, 2] if value is None else [value]
        )
        band = error_band(labels, truth, spacing, value)
        if not drawn.any():
            assert not band.any()
            continue
        away = ndimage.distance_transform_edt(~drawn, sampling=spacing)
        np.testing.assert_array_equal(band, (away <= BAND_MM) & (truth != 255))


def test_nothing_to_fit_on_is_said() -> None:
    empty = Voxels(np.zeros((0, 3), np.float32), np.zeros(0, np.uint8))
    with pytest.raises(InputRefused, match="calibration patients"):
        fit_temperature([empty])
