"""A coarse look at an image shows its own voxels where they are."""

import numpy as np
import pytest

from hnuiseg.volume import Grid, Volume, thinned


@pytest.mark.parametrize(
    ("every_mm", "steps"), [(0.5, (1, 1, 1)), (4.0, (1, 2, 4)), (7.0, (2, 3, 7))]
)
def test_what_is_kept_stays_in_its_place(every_mm: float, steps: tuple[int, int, int]) -> None:
    grid = Grid.axial((5, 9, 16), (3.0, 2.0, 1.0), (-3.0, 4.0, 70.0), "1.2.3")
    image = Volume(np.arange(5 * 9 * 16).reshape(grid.shape), grid, "1")
    seen, every = thinned(image, every_mm)
    assert every == steps
    assert seen.grid.frame_of_reference == "1.2.3"
    index = np.argwhere(np.ones(seen.grid.shape, dtype=bool))
    values = image.array[tuple((index * every).T)].reshape(seen.grid.shape)
    np.testing.assert_array_equal(seen.array, values)
    np.testing.assert_allclose(seen.grid.to_world(index), grid.to_world(index * every))
