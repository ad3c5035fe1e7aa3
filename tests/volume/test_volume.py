"""`Volume`: shapes must agree, arrays are read-only."""

import numpy as np
import pytest

from hnuiseg.errors import HnuisegError
from hnuiseg.volume import Grid, Volume

GRID = Grid.axial((2, 3, 4), (1.0, 1.0, 1.0))


def test_an_array_of_another_shape_is_a_fault() -> None:
    with pytest.raises(HnuisegError, match=r"shape \(2, 3, 3\) on a grid of shape \(2, 3, 4\)"):
        Volume(np.zeros((2, 3, 3)), GRID, "HU")


def test_the_array_can_be_shared_but_not_written() -> None:
    mine = np.zeros((2, 3, 4))
    volume = Volume(mine, GRID, "HU")
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1.0
    mine[0, 0, 0] = 1.0  # the caller's own array stays the caller's
    assert np.shares_memory(volume.array, mine)
