"""Components that reach too little for a model: listed, not drawn; the confirmed ones stay."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hnuiseg.inference import Drawn, Least, PredictOptions, drawn, predict
from hnuiseg.volume import Grid
from small_model import small_case, small_model, small_network_registered

GRID = Grid.axial((20, 40, 40), (2.0, 1.0, 1.5))  # 3 µl a voxel
SMALL = (slice(2, 5), slice(3, 9), slice(4, 9))  # 0.27 ml
LARGE = (slice(8, 14), slice(15, 25), slice(15, 25))  # 1.8 ml
NOWHERE = np.empty((0, 3))
LEAST = Least(ml=(1.0, 0.5))


def _labels(small: int, large: int) -> np.ndarray:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[SMALL], labels[LARGE] = small, large
    return labels


def _drawn(labels: np.ndarray, least: Least, *spared: Any) -> Drawn:
    """With a probability of 0.6 in every voxel of its class."""
    sure = np.stack([np.where(labels == k, 0.6, 0.2) for k in range(3)]).astype(np.float32)
    return drawn(labels, sure, GRID, least, *spared)


def test_small_components_are_listed_with_place_and_volume_and_nothing_else_changes() -> None:
    labels = _labels(2, 2)
    before = labels.copy()
    kept = _drawn(labels, LEAST)
    assert np.array_equal(kept.labels, _labels(0, 2))
    assert np.array_equal(labels, before)
    (one,) = kept.left_out
    assert one.class_name == "GTVn"
    assert one.volume_ml == pytest.approx(0.27)
    assert one.peak_probability == pytest.approx(0.6)
    place = GRID.to_index(np.array([one.inside_mm]))
    assert _labels(2, 0)[tuple(np.rint(place[0]).astype(int))] == 2


def test_each_class_has_its_own_least_volume() -> None:
    assert np.array_equal(_drawn(_labels(2, 1), Least(ml=(2.0, 0.2))).labels, _labels(2, 0))
    assert np.array_equal(_drawn(_labels(1, 2), Least(ml=(0.2, 2.0))).labels, _labels(1, 0))


def test_touching_components_of_two_classes_are_judged_apart() -> None:
    labels = _labels(0, 1)
    labels[7, 15:18, 15:18] = 2  # 27 µl, on the primary
    kept = _drawn(labels, LEAST)
    assert np.array_equal(kept.labels, _labels(0, 1))


def test_a_model_that_asks_nothing_draws_all() -> None:
    labels = _labels(1, 2)
    kept = _drawn(labels, Least())
    assert np.array_equal(kept.labels, labels)
    assert kept.left_out == ()


@pytest.mark.parametrize(("dx_mm", "stays"), [(0.0, True), (-3.5, True), (-8.0, False)])
def test_what_a_person_confirmed_stays(dx_mm: float, *, stays: bool) -> None:
    place = GRID.to_world(np.array([[3.0, 5.0, 4.0]])) + np.array([dx_mm, 0.0, 0.0])
    kept = _drawn(_labels(2, 2), LEAST, (NOWHERE, place), 4.0)
    assert np.array_equal(kept.labels, _labels(2 if stays else 0, 2))
    other = _drawn(_labels(2, 2), LEAST, (place, NOWHERE), 4.0)
    assert np.array_equal(other.labels, _labels(0, 2))  # a word on GTVp says nothing of GTVn


def test_a_confirmation_beyond_the_image_spares_nothing() -> None:
    far = np.array([[5000.0, 0.0, 0.0]])
    assert np.array_equal(_drawn(_labels(2, 2), LEAST, (far, far), 4.0).labels, _labels(0, 2))


def test_a_component_is_drawn_where_one_voxel_of_it_reaches_the_peak_of_its_class() -> None:
    labels = _labels(2, 2)
    sure = np.zeros((3, *GRID.shape), dtype=np.float32)
    sure[2][labels == 2] = 0.6
    sure[2, 3, 4, 5] = 0.85  # within the small one
    sure[1] = 0.99  # of another class
    for least, small, large in ((0.6, 2, 2), (0.8, 2, 0), (0.9, 0, 0)):
        kept = drawn(labels, sure, GRID, Least(peak=(0.0, least)))
        assert np.array_equal(kept.labels, _labels(small, large))
        assert len(kept.left_out) == (small == 0) + (large == 0)
    either = drawn(labels, sure, GRID, Least(ml=(0.0, 0.5), peak=(0.0, 0.8)))
    assert not either.labels.any()
    assert [round(one.peak_probability, 2) for one in either.left_out] == [0.6, 0.85]
    peak = GRID.to_index(np.array([either.left_out[1].inside_mm]))
    assert np.allclose(peak, [[3, 4, 5]])


@pytest.mark.parametrize("least", [{"least_ml": (1.0, 0.5)}, {"least_peak": (0.7, 0.65)}])
def test_what_predict_does_not_draw_is_all_that_it_lists(
    least: dict[str, Any],
) -> None:
    case, model = small_case((24, 24, 24)), small_model(gain=1.0)
    named = replace(model, settings=replace(model.settings, **least))
    with small_network_registered():
        plain, less, every = (
            predict(case, one, PredictOptions(uncertainty=False, every_component=all_of_it))
            for one, all_of_it in ((model, False), (named, False), (named, True))
        )
    assert np.array_equal(plain.probabilities, less.probabilities)
    assert np.array_equal(every.labels, plain.labels)
    assert plain.not_drawn == every.not_drawn == ()
    gone = (less.labels != plain.labels) & (less.labels == 0)
    assert np.array_equal(gone, less.labels != plain.labels)
    said = sum(one.volume_ml for one in less.not_drawn)
    assert said == pytest.approx(float(gone.sum()) * plain.grid.voxel_ml)
    assert less.not_drawn
    ((name, (of_gtvp, of_gtvn)),) = least.items()
    for one in less.not_drawn:
        value = one.volume_ml if name == "least_ml" else one.peak_probability
        assert value < {"GTVp": of_gtvp, "GTVn": of_gtvn}[one.class_name]
    assert f"{of_gtvp:g} and {of_gtvn:g}" in less.settings.values()
