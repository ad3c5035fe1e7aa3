"""`Grid` against ITK, and laws that any grid keeps."""

from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float

from hnuiseg.volume import Grid

lengths = st.floats(0.3, 8.0)
angles = st.floats(-3.1, 3.1)
places = st.floats(-900.0, 900.0)
sides = st.integers(1, 9)


def _turned(angle_x: float, angle_y: float, angle_z: float) -> Float[np.ndarray, "3 3"]:
    turn = sitk.Euler3DTransform()
    turn.SetRotation(angle_x, angle_y, angle_z)
    return np.array(turn.GetMatrix()).reshape(3, 3)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    matrix = _turned(draw(angles), draw(angles), draw(angles))
    spacing = np.array([draw(lengths), draw(lengths), draw(lengths)])
    origin = np.array([draw(places), draw(places), draw(places)])
    shape = (draw(sides), draw(sides), draw(sides))
    return Grid.from_steps(shape, matrix.T * spacing[:, None], origin)


def _itk(grid: Grid) -> sitk.Image:
    image = sitk.Image([int(n) for n in grid.shape[::-1]], sitk.sitkUInt8)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing[::-1])
    image.SetDirection(np.array(grid.direction)[::-1].T.ravel())
    return image


@given(grid=grids(), index=st.tuples(places, places, places))
def test_law_01_positions_agree_with_itk_to_a_ten_thousandth_of_a_mm(
    grid: Grid, index: tuple[float, float, float]
) -> None:
    image = _itk(grid)
    ours = grid.to_world(np.array([index]))[0]
    theirs = image.TransformContinuousIndexToPhysicalPoint(index[::-1])
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)
    back = image.TransformPhysicalPointToContinuousIndex(tuple(float(v) for v in ours))
    np.testing.assert_allclose(grid.to_index(ours[None])[0], back[::-1], atol=1e-4, rtol=0)


@given(grid=grids(), index=st.tuples(places, places, places))
def test_index_to_world_and_back_is_the_identity(
    grid: Grid, index: tuple[float, float, float]
) -> None:
    there = grid.to_world(np.array([index]))
    np.testing.assert_allclose(grid.to_index(there)[0], index, atol=1e-8)


@given(here=grids(), there=grids(), index=st.tuples(places, places, places))
def test_the_index_map_goes_through_the_world(
    here: Grid, there: Grid, index: tuple[float, float, float]
) -> None:
    matrix, offset = here.index_map(there)
    through = there.to_index(here.to_world(np.array([index])))[0]
    np.testing.assert_allclose(matrix @ np.array(index) + offset, through, atol=1e-6)


@given(grid=grids(), start=st.tuples(*[st.integers(-3, 3)] * 3))
def test_a_cropped_grid_keeps_its_voxels_in_place(grid: Grid, start: tuple[int, int, int]) -> None:
    box = grid.cropped(start, (2, 3, 4))
    inner = np.array([[1.0, 2.0, 3.0]])
    expected = grid.to_world(inner + np.array(start))
    np.testing.assert_allclose(box.to_world(inner), expected, atol=1e-9)


def test_an_axial_grid_by_hand() -> None:
    grid = Grid.axial((4, 5, 6), (3.0, 2.0, 1.0), (10.0, 20.0, 30.0))
    np.testing.assert_allclose(grid.to_world(np.array([[1.0, 1.0, 1.0]])), [[11.0, 22.0, 33.0]])
    assert grid.voxel_ml == pytest.approx(0.006)
    assert grid.diagonal_mm == pytest.approx(np.sqrt(12.0**2 + 10.0**2 + 6.0**2))


def test_a_resized_grid_keeps_the_outer_faces() -> None:
    grid = Grid.axial((4, 6, 8), (3.0, 2.0, 1.0), (10.0, 20.0, 30.0))
    fine = grid.resized((1.5, 1.0, 0.5))
    assert fine.shape == (8, 12, 16)
    for corner in product((-0.5, 1.0), repeat=3):
        old = grid.to_world(
            np.array([[c if c < 0 else n - 0.5 for c, n in zip(corner, grid.shape, strict=True)]])
        )
        new = fine.to_world(
            np.array([[c if c < 0 else n - 0.5 for c, n in zip(corner, fine.shape, strict=True)]])
        )
        np.testing.assert_allclose(old, new, atol=1e-9)


@given(grid=grids(), factor=st.floats(0.4, 2.5))
def test_a_resized_grid_keeps_its_centre_and_at_most_half_a_voxel_of_its_faces(
    grid: Grid, factor: float
) -> None:
    a, b, c = grid.spacing
    other = grid.resized((a * factor, b, c * factor))
    old, new = ((np.array([g.shape]) - 1) / 2 for g in (grid, other))
    np.testing.assert_allclose(grid.to_world(old), other.to_world(new), atol=1e-8)
    lost = np.array(grid.shape) * grid.spacing - np.array(other.shape) * other.spacing
    assert np.all(np.abs(lost) <= np.maximum(other.spacing, grid.spacing) + 1e-9)


def test_same_place_tells_a_shift_a_turn_and_another_shape() -> None:
    grid = Grid.axial((4, 5, 6), (3.0, 2.0, 1.0))
    assert grid.same_place(Grid.axial((4, 5, 6), (3.0, 2.0, 1.0), (0.0, 0.0, 5e-4)))
    assert not grid.same_place(Grid.axial((4, 5, 6), (3.0, 2.0, 1.0), (0.0, 0.0, 5e-3)))
    assert not grid.same_place(Grid.axial((5, 4, 6), (3.0, 2.0, 1.0)))
    assert not grid.same_place(Grid.axial((4, 5, 6), (3.0, 2.0, 1.001)))
