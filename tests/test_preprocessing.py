"""Intensity schemes, worked out by hand."""

import numpy as np
import pytest

from hnuiseg.dicom import SuvFactor
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.preprocessing import (
    CT_SCHEMES,
    PET_SCHEMES,
    bq_per_suv,
    ct_padding,
    images_for_network,
    prepare_ct,
    prepare_pet,
    suv_again,
)

HU = np.array([-16989.0, -1024.0, -1000.0, -200.0, 0.0, 100.0, 400.0, 3071.0, 27205.0])
SUV = np.array([-0.5, 0.0, 2.5, 50.0, 400.0])
COVERED = np.ones(5, dtype=bool)


def _factor(factors: tuple[float, ...], units: str = "BQML") -> SuvFactor:
    return SuvFactor(factors, units, "BQML, START", "series time", 3600.0, 70.0, False)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("raw", [-16.989, -1.024, -1.0, -0.2, 0.0, 0.1, 0.4, 3.071, 27.205]),
        ("window_soft", [-1.0, -1.0, -1.0, -1.0, -1 / 3, 0.0, 1.0, 1.0, 1.0]),
        ("window_wide", [-1.024, -1.024, -1.0, -0.2, 0.0, 0.1, 0.4, 3.071, 3.071]),
    ],
)
def test_ct_schemes_clip_then_scale(scheme: str, expected: list[float]) -> None:
    scaled = prepare_ct(HU, scheme)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)
    assert ct_padding(scheme) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("suv_raw", [-0.5 / 3, 0.0, 2.5 / 3, 50.0 / 3, 400.0 / 3]),
        ("suv_0_50", [0.0, 0.0, 2.5 / 3, 50.0 / 3, 50.0 / 3]),
        ("bq", [-0.2, 0.0, 1.0, 20.0, 160.0]),
    ],
)
def test_pet_schemes_clip_then_scale(scheme: str, expected: list[float]) -> None:
    scaled = prepare_pet(SUV, COVERED, scheme, bq_per_suv=4000.0)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)


def test_a_scaled_pet_gives_its_suv_back_as_far_as_it_was_not_clipped() -> None:
    for scheme, expected in (("suv_raw", SUV), ("suv_0_50", np.clip(SUV, 0.0, 50.0))):
        again = suv_again(prepare_pet(SUV, COVERED, scheme), scheme)
        assert again is not None
        np.testing.assert_allclose(again, expected, rtol=1e-6)
    for scheme in ("bq", "zscore", "none"):  # a factor or a scan is missing
        assert suv_again(SUV, scheme) is None


def test_the_z_score_is_that_of_the_covered_voxels() -> None:
    suv = np.array([1.0, 3.0, 99.0, 1.0, 3.0], dtype=np.float32)
    covered = np.array([True, True, False, True, True])
    np.testing.assert_allclose(prepare_pet(suv, covered, "zscore"), [-1.0, 1.0, 0.0, -1.0, 1.0])


@pytest.mark.parametrize("covered", [COVERED, ~COVERED])
def test_the_z_score_of_what_does_not_vary_is_zero(covered: np.ndarray) -> None:
    assert not prepare_pet(np.full(5, 3.0), covered, "zscore").any()


@pytest.mark.parametrize("scheme", sorted(PET_SCHEMES))
def test_outside_the_coverage_is_zero_after_scaling(scheme: str) -> None:
    suv = np.array([1.0, 2.0, 4.0])
    covered = np.array([True, True, False])
    scaled = prepare_pet(suv, covered, scheme, bq_per_suv=4000.0)
    assert scaled[2] == 0.0
    assert scaled[:2].all()


@pytest.mark.parametrize("ct_scheme", sorted(CT_SCHEMES))
@pytest.mark.parametrize("pet_scheme", sorted(PET_SCHEMES))
def test_channels_are_ct_then_pet_and_a_missing_pet_is_zero(
    ct_scheme: str, pet_scheme: str
) -> None:
    draw = np.random.default_rng(1)
    ct = draw.normal(0, 500, (2, 3, 4))
    pet = draw.normal(3, 1, (2, 3, 4))
    covered = draw.random((2, 3, 4)) < 0.7
    both = images_for_network(ct, pet, covered, ct_scheme, pet_scheme, bq_per_suv=4000.0)
    assert both.shape == (2, 2, 3, 4)
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[0], prepare_ct(ct, ct_scheme))
    np.testing.assert_array_equal(both[1], prepare_pet(pet, covered, pet_scheme, bq_per_suv=4000.0))
    whole = images_for_network(ct, pet, None, ct_scheme, pet_scheme, bq_per_suv=4000.0)
    assert whole[1].all()
    alone = images_for_network(ct, None, None, ct_scheme, pet_scheme)
    np.testing.assert_array_equal(alone[0], both[0])
    assert not alone[1].any()


def test_the_images_given_are_left_alone() -> None:
    ct, pet = np.full((1, 2, 2), 5000.0, np.float32), np.full((1, 2, 2), 80.0, np.float32)
    images_for_network(ct, pet, np.zeros((1, 2, 2), dtype=bool), "window_wide", "suv_0_50")
    assert (ct == 5000.0).all()
    assert (pet == 80.0).all()


def test_bq_needs_the_one_number_that_leads_back() -> None:
    assert bq_per_suv(_factor((0.00025,))) == pytest.approx(4000.0)
    assert bq_per_suv(_factor((0.00025, 0.00025))) == pytest.approx(4000.0)
    assert bq_per_suv(_factor((0.00025, 0.00026))) is None
    assert bq_per_suv(_factor((1.0,), "GML")) is None
    with pytest.raises(InputRefused) as caught:
        prepare_pet(SUV, COVERED, "bq")
    assert str(caught.value) == (
        "this PET has no single factor back to Bq/ml, which scheme bq needs; allowed: a PET in "
        "Bq/ml with one SUV factor for all slices; what to do: use a model with another PET "
        "scheme, or --ct-only"
    )


def test_unknown_schemes_are_named_with_the_known_ones() -> None:
    with pytest.raises(WrongCall) as caught:
        prepare_ct(HU, "bone")
    assert str(caught.value) == (
        "no CT scheme is called 'bone'; allowed: raw, window_soft, window_wide; what to do: name "
        "one of these"
    )
    with pytest.raises(WrongCall, match=r"^no PET scheme is called 'lean'; allowed: bq, suv_raw, "):
        images_for_network(HU.reshape(1, 3, 3), None, None, "raw", "lean")
