"""Resampling against ITK's linear and nearest interpolation."""

import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.volume import Grid, Volume, covered, resample

SOURCE = Grid.axial((7, 9, 11), (3.27, 2.5, 1.7), (-8.0, -11.0, 100.0))


def _turned(degrees: float, axis: tuple[float, float, float]) -> Grid:
    turn = sitk.VersorTransform(axis, np.radians(degrees))
    matrix = np.array(turn.GetMatrix()).reshape(3, 3)
    steps = (matrix @ SOURCE.steps.T).T * 0.6
    return Grid.from_steps((13, 12, 14), steps, np.array([-7.0, -10.0, 99.0]))


TARGETS = {
    "finer": Grid.axial((20, 21, 19), (1.1, 1.3, 0.9), (-9.5, -12.5, 97.0)),
    "coarser": Grid.axial((4, 5, 6), (5.0, 4.3, 3.9), (-7.0, -10.0, 101.0)),
    "oblique": _turned(25.0, (0.3, 0.5, 0.81)),
    "flipped and permuted": Grid.from_steps(
        (8, 9, 7),
        np.array([[0.0, -2.1, 0.0], [1.9, 0.0, 0.0], [0.0, 0.0, -2.7]]),
        np.array([-7.0, 7.0, 118.0]),
    ),
}


def _image(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.array)
    image.SetOrigin(volume.grid.origin)
    image.SetSpacing(volume.grid.spacing[::-1])
    image.SetDirection(np.array(volume.grid.direction)[::-1].T.ravel())
    return image


def _itk(volume: Volume, grid: Grid, interpolator: int) -> np.ndarray:
    reference = Volume(np.zeros(grid.shape, dtype=np.float32), grid, "1")
    resampled = sitk.Resample(
        _image(volume), _image(reference), sitk.Transform(), interpolator, -1e6
    )
    return sitk.GetArrayFromImage(resampled)


def _values(seed: int = 3) -> Volume:
    values = np.random.default_rng(seed).normal(size=SOURCE.shape).astype(np.float32)
    return Volume(values, SOURCE, "g/ml")


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_linear_values_equal_those_of_itk_inside_the_coverage(name: str) -> None:
    grid = TARGETS[name]
    theirs = _itk(_values(), grid, sitk.sitkLinear)
    ours = resample(_values(), grid, outside=-1e6).array
    inside = (theirs != -1e6) & (ours != -1e6)
    assert inside.mean() > 0.2
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-5)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_coverage_is_that_of_itk(name: str) -> None:
    """ITK's buffer also ends at the outer voxel faces."""
    theirs = _itk(_values(), TARGETS[name], sitk.sitkLinear) != -1e6
    np.testing.assert_array_equal(covered(SOURCE, TARGETS[name]), theirs)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_nearest_labels_equal_those_of_itk(name: str) -> None:
    labels = np.arange(np.prod(SOURCE.shape), dtype=np.int32).reshape(SOURCE.shape)
    volume = Volume(labels, SOURCE, "label")
    theirs = _itk(
        Volume(labels.astype(np.float32), SOURCE, "1"), TARGETS[name], sitk.sitkNearestNeighbor
    )
    ours = resample(volume, TARGETS[name], order=0, outside=-1)
    assert ours.array.dtype == np.int32
    inside = theirs != -1e6
    np.testing.assert_array_equal(ours.array[inside], theirs[inside])


def test_outside_is_outside_and_the_edge_value_holds_to_the_outer_face() -> None:
    line = Volume(np.array([[[1.0, 3.0]]], dtype=np.float32), Grid.axial((1, 1, 2), (1, 1, 1)), "1")
    target = Grid.axial((1, 1, 8), (1.0, 1.0, 0.5), (-1.0, 0.0, 0.0))
    got = resample(line, target, outside=-9.0).array[0, 0]
    np.testing.assert_allclose(got, [-9.0, 1.0, 1.0, 2.0, 3.0, 3.0, -9.0, -9.0])


def test_integers_become_float32_even_where_nothing_moves() -> None:
    whole = Volume(
        np.arange(8, dtype=np.int16).reshape(2, 2, 2), Grid.axial((2, 2, 2), (1, 1, 1)), "HU"
    )
    for origin in ((0.0, 0.0, 0.0), (0.4, 0.0, 0.0)):
        target = Grid.axial((2, 2, 2), (1.0, 1.0, 1.0), origin)
        assert resample(whole, target).array.dtype == np.float32


def test_a_sum_of_linear_functions_is_kept_exactly() -> None:
    """A linear field is reproduced by linear interpolation wherever it isn't at the edge."""
    zyx = np.stack(np.meshgrid(*[np.arange(n) for n in SOURCE.shape], indexing="ij"), axis=-1)
    world = SOURCE.to_world(zyx.reshape(-1, 3).astype(float))
    field = (world @ np.array([0.7, -1.3, 0.4])).reshape(SOURCE.shape).astype(np.float32)
    target = Grid.axial((5, 5, 5), (1.0, 1.0, 1.0), (-4.0, -5.0, 105.0))
    index = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    expected = target.to_world(index.astype(float)) @ np.array([0.7, -1.3, 0.4])
    got = resample(Volume(field, SOURCE, "1"), target).array.ravel()
    np.testing.assert_allclose(got, expected, atol=1e-4)
