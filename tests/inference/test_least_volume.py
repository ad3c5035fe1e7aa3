"""Components under a model's least volume: listed, not drawn; what a person confirmed stays."""

from dataclasses import replace

import numpy as np
import pytest

from hnuiseg.inference import PredictOptions, drawn, predict
from hnuiseg.volume import Grid
from small_model import small_case, small_model, small_network_registered

GRID = Grid.axial((20, 40, 40), (2.0, 1.0, 1.5))  # 3 µl a voxel
SMALL = (slice(2, 5), slice(3, 9), slice(4, 9))  # 0.27 ml
LARGE = (slice(8, 14), slice(15, 25), slice(15, 25))  # 1.8 ml
NOWHERE = np.empty((0, 3))


def _labels(small: int, large: int) -> np.ndarray:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[SMALL], labels[LARGE] = small, large
    return labels


def test_small_components_are_listed_with_place_and_volume_and_nothing_else_changes() -> None:
    labels = _labels(2, 2)
    before = labels.copy()
    kept = drawn(labels, GRID, (1.0, 0.5))
    assert np.array_equal(kept.labels, _labels(0, 2))
    assert np.array_equal(labels, before)
    (one,) = kept.left_out
    assert one.class_name == "GTVn"
    assert one.volume_ml == pytest.approx(0.27)
    assert np.allclose(GRID.to_index(np.array([one.middle_mm])), [[3.0, 5.5, 6.0]])


def test_each_class_has_its_own_least_volume() -> None:
    assert np.array_equal(drawn(_labels(2, 1), GRID, (2.0, 0.2)).labels, _labels(2, 0))
    assert np.array_equal(drawn(_labels(1, 2), GRID, (0.2, 2.0)).labels, _labels(1, 0))


def test_touching_components_of_two_classes_are_judged_apart() -> None:
    labels = _labels(0, 1)
    labels[7, 15:18, 15:18] = 2  # 27 µl, on the primary
    kept = drawn(labels, GRID, (1.0, 0.5))
    assert np.array_equal(kept.labels, _labels(0, 1))


def test_a_model_without_least_volume_draws_all() -> None:
    labels = _labels(1, 2)
    kept = drawn(labels, GRID, None)
    assert np.array_equal(kept.labels, labels)
    assert kept.left_out == ()


@pytest.mark.parametrize(("dx_mm", "stays"), [(0.0, True), (-3.5, True), (-8.0, False)])
def test_what_a_person_confirmed_stays(dx_mm: float, *, stays: bool) -> None:
    place = GRID.to_world(np.array([[3.0, 5.0, 4.0]])) + np.array([dx_mm, 0.0, 0.0])
    kept = drawn(_labels(2, 2), GRID, (1.0, 0.5), (NOWHERE, place), reach_mm=4.0)
    assert np.array_equal(kept.labels, _labels(2 if stays else 0, 2))
    other = drawn(_labels(2, 2), GRID, (1.0, 0.5), (place, NOWHERE), reach_mm=4.0)
    assert np.array_equal(other.labels, _labels(0, 2))  # a word on GTVp says nothing of GTVn


def test_a_confirmation_beyond_the_image_spares_nothing() -> None:
    far = np.array([[5000.0, 0.0, 0.0]])
    assert np.array_equal(
        drawn(_labels(2, 2), GRID, (1.0, 0.5), (far, far), 4.0).labels, _labels(0, 2)
    )


def test_what_predict_does_not_draw_is_all_that_it_lists() -> None:
    case, model = small_case((24, 24, 24)), small_model(gain=1.0)
    named = replace(model, settings=replace(model.settings, least_ml=(1.0, 0.5)))
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
    assert all(one.volume_ml < {"GTVp": 1.0, "GTVn": 0.5}[one.class_name] for one in less.not_drawn)
    assert less.settings["least volume (GTVp and GTVn; ml)"] == "1 and 0.5"
