"""Equations 5 to 7, by hand and by law."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool

from hnuiseg.errors import WrongCall
from hnuiseg.evaluation import SurfaceDistances, surface_voxels
from hnuiseg.volume import Triple
from metric_masks import Pair, pairs, spacings

MEASURES: list[Callable[[SurfaceDistances], float]] = [
    SurfaceDistances.nsd,
    SurfaceDistances.nsd_by_area,
    SurfaceDistances.hausdorff,
    SurfaceDistances.hausdorff_95,
]
ONE_MM: Triple = (1.0, 1.0, 1.0)
FULL = np.ones((2, 2, 2), dtype=bool)


def _values(pair: Pair, spacing: Triple) -> list[float]:
    distances = SurfaceDistances.between(*pair, spacing)
    return [measure(distances) for measure in MEASURES]


def _voxel(shape: tuple[int, int, int], at: tuple[int, int, int]) -> Bool[np.ndarray, "z y x"]:
    mask = np.zeros(shape, dtype=bool)
    mask[at] = True
    return mask


# by hand


def test_the_surface_of_a_solid_cube_is_all_but_its_core() -> None:
    mask = np.zeros((7, 7, 7), dtype=bool)
    mask[1:6, 1:6, 1:6] = True
    surface = surface_voxels(mask)
    assert len(surface) == 5**3 - 3**3
    assert ((surface == 1) | (surface == 5)).any(axis=1).all()
    assert mask[tuple(surface.T)].all()


def test_the_border_of_the_image_is_outside() -> None:
    surface = surface_voxels(np.ones((3, 3, 3), dtype=bool))
    assert len(surface) == 26
    assert [1, 1, 1] not in surface.tolist()


def test_only_face_neighbours_make_a_surface() -> None:
    mask = np.ones((5, 5, 5), dtype=bool)
    mask[1, 1, 1] = False  # an edge neighbour of (2, 2, 1)
    surface = surface_voxels(mask).tolist()
    assert [2, 1, 1] in surface
    assert [2, 2, 1] not in surface


def test_two_voxels_apart_along_an_oblique_line() -> None:
    pair = _voxel((4, 4, 4), (0, 0, 0)), _voxel((4, 4, 4), (1, 2, 2))
    distances = SurfaceDistances.between(*pair, (3.0, 2.0, 1.0))
    gap = math.sqrt(3**2 + 4**2 + 2**2)
    assert distances.hausdorff() == distances.hausdorff_95() == pytest.approx(gap)
    assert distances.nsd(gap) == 1.0
    assert distances.nsd(gap - 0.01) == 0.0


def test_one_of_four_surface_voxels_is_far() -> None:
    truth, prediction = np.zeros((1, 1, 9), bool), np.zeros((1, 1, 9), bool)
    truth[..., 0:2] = True
    prediction[..., [0, 8]] = True
    distances = SurfaceDistances.between(prediction, truth, ONE_MM)
    assert sorted(distances.prediction_mm) == [0, 7]
    assert sorted(distances.truth_mm) == [0, 1]
    assert distances.nsd(2.0) == 3 / 4
    assert distances.hausdorff() == 7
    assert distances.hausdorff_95() == pytest.approx(0.95 * 7)  # between 0 and 7


def test_hd95_is_the_greater_direction_and_not_pooled() -> None:
    truth, prediction = np.zeros((1, 1, 60), bool), np.zeros((1, 1, 60), bool)
    truth[..., :40] = True
    prediction[..., [0, 50]] = True
    distances = SurfaceDistances.between(prediction, truth, ONE_MM)
    assert distances.hausdorff_95() == pytest.approx(np.percentile(distances.truth_mm, 95))
    pooled = np.percentile([*distances.prediction_mm, *distances.truth_mm], 95)
    assert distances.hausdorff_95() != pytest.approx(pooled)


@pytest.mark.parametrize("exact", [True, False])
def test_a_distance_of_the_tolerance_is_within_it_as_float32_too(exact: bool) -> None:
    step = 0.4 if exact else float(np.float32(0.4))  # as a NIfTI header keeps it
    pair = _voxel((1, 1, 9), (0, 0, 0)), _voxel((1, 1, 9), (0, 0, 5))
    assert SurfaceDistances.between(*pair, (1.0, 1.0, step)).nsd(2.0) == 1.0


def test_elements_of_one_voxel_are_eight_cut_corners() -> None:
    voxel = _voxel((3, 3, 3), (1, 1, 1))
    distances = SurfaceDistances.between(voxel, voxel, (3.0, 2.0, 1.0))
    # an octahedron whose half axes are half a spacing; one of its faces by cross product
    a, b = np.array([-1.5, 1.0, 0.0]), np.array([-1.5, 0.0, 0.5])
    face = 0.5 * float(np.linalg.norm(np.cross(a, b)))
    assert distances.truth_element_mm2 == pytest.approx([face] * 8)


def test_elements_of_a_flat_face_have_its_area() -> None:
    mask = np.zeros((12, 12, 12), dtype=bool)
    mask[1:11, 1:11, 1:11] = True
    distances = SurfaceDistances.between(mask, mask, (3.0, 2.0, 1.0))
    sharp = 2 * (30 * 20 + 30 * 10 + 20 * 10)
    assert distances.truth_element_mm2.sum() == pytest.approx(sharp, rel=0.1)
    assert distances.truth_element_mm2.sum() < sharp  # edges and corners are cut off


# empty masks: DESIGN §5


def test_both_empty_is_undefined() -> None:
    empty = np.zeros((3, 3, 3), dtype=bool)
    assert all(math.isnan(value) for value in _values((empty, empty), ONE_MM))


@pytest.mark.parametrize("missed", [True, False])
def test_one_empty_is_no_agreement_and_no_distance(missed: bool) -> None:
    empty, voxel = np.zeros((3, 3, 3), dtype=bool), _voxel((3, 3, 3), (1, 0, 1))
    pair = (empty, voxel) if missed else (voxel, empty)
    nsd, by_area, hd, hd95 = _values(pair, ONE_MM)
    assert nsd == by_area == 0.0
    assert math.isnan(hd)
    assert math.isnan(hd95)


# laws


@settings(deadline=None)
@given(pairs(), spacings)
def test_symmetric(pair: Pair, spacing: Triple) -> None:
    there, back = _values(pair, spacing), _values((pair[1], pair[0]), spacing)
    np.testing.assert_allclose(there, back, rtol=1e-12)


@settings(deadline=None)
@given(pairs(empty=False), spacings)
def test_a_mask_agrees_with_itself(pair: Pair, spacing: Triple) -> None:
    assert _values((pair[0], pair[0]), spacing) == [1.0, 1.0, 0.0, 0.0]


@settings(deadline=None)
@given(pairs(), spacings, st.tuples(*[st.integers(0, 4)] * 6))
def test_moved_together_nothing_changes(pair: Pair, spacing: Triple, rim: tuple[int, ...]) -> None:
    width = list(zip(rim[:3], rim[3:], strict=True))
    moved = np.pad(pair[0], width), np.pad(pair[1], width)
    np.testing.assert_allclose(_values(moved, spacing), _values(pair, spacing), rtol=1e-12)


@settings(deadline=None)
@given(pairs(empty=False), spacings, st.sampled_from(list(itertools.permutations(range(3)))))
def test_turned_and_mirrored_together_nothing_changes(
    pair: Pair, spacing: Triple, axes: tuple[int, int, int]
) -> None:
    turned = pair[0].transpose(axes)[::-1], pair[1].transpose(axes)[::-1]
    z, y, x = (spacing[k] for k in axes)
    np.testing.assert_allclose(_values(turned, (z, y, x)), _values(pair, spacing), rtol=1e-12)


@settings(deadline=None)
@given(pairs(empty=False), spacings, st.sampled_from([0.5, 2.0, 10.0]))
def test_distances_scale_with_spacing(pair: Pair, spacing: Triple, factor: float) -> None:
    z, y, x = (factor * s for s in spacing)
    small = SurfaceDistances.between(*pair, spacing)
    large = SurfaceDistances.between(*pair, (z, y, x))
    assert large.hausdorff() == pytest.approx(factor * small.hausdorff())
    assert large.hausdorff_95() == pytest.approx(factor * small.hausdorff_95())
    assert large.truth_element_mm2.sum() == pytest.approx(factor**2 * small.truth_element_mm2.sum())
    assert large.nsd(1.9 * factor) == small.nsd(1.9)
    assert large.nsd_by_area(1.9 * factor) == pytest.approx(small.nsd_by_area(1.9))


@settings(deadline=None)
@given(pairs(empty=False), spacings, st.tuples(st.floats(0, 20), st.floats(0, 20)))
def test_more_tolerance_never_agrees_less(
    pair: Pair, spacing: Triple, tolerances: tuple[float, float]
) -> None:
    distances = SurfaceDistances.between(*pair, spacing)
    low, high = sorted(tolerances)
    assert distances.nsd(low) <= distances.nsd(high)
    assert distances.nsd_by_area(low) <= distances.nsd_by_area(high) + 1e-12
    assert distances.nsd(distances.hausdorff()) == 1.0
    assert distances.hausdorff_95() <= distances.hausdorff()


@settings(deadline=None)
@given(pairs(empty=False), spacings)
def test_distances_are_those_of_every_pair_of_voxels(pair: Pair, spacing: Triple) -> None:
    ours = SurfaceDistances.between(*pair, spacing)
    points = [surface_voxels(mask) * np.asarray(spacing) for mask in pair]
    every = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
    np.testing.assert_allclose(ours.prediction_mm, every.min(axis=1), atol=1e-9)
    np.testing.assert_allclose(ours.truth_mm, every.min(axis=0), atol=1e-9)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 0.0), (1.0, -1.0, 1.0), (math.nan, 1.0, 1.0)])
def test_a_spacing_that_is_none_is_refused(spacing: Triple) -> None:
    with pytest.raises(WrongCall, match="positive"):
        SurfaceDistances.between(FULL, FULL, spacing)


@pytest.mark.parametrize("tolerance", [-0.1, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(tolerance: float) -> None:
    distances = SurfaceDistances.between(FULL, FULL, ONE_MM)
    with pytest.raises(WrongCall, match="tolerance"):
        distances.nsd(tolerance)
    with pytest.raises(WrongCall, match="tolerance"):
        distances.nsd_by_area(tolerance)
