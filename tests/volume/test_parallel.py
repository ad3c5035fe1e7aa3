"""Slice-wise interpolation against scipy's, voxel by voxel."""

import numpy as np
import pytest
from scipy import ndimage

from hnuiseg.volume import interpolated

SOURCE = np.random.default_rng(5).normal(0.0, 1000.0, (6, 9, 7)).astype(np.float32)

MAPS = {
    "finer": ((0.37, 0.61, 0.29), (-0.4, 0.0, 1.3), (15, 17, 21)),
    "coarser": ((1.9, 2.3, 3.1), (0.2, -0.7, 0.5), (4, 5, 3)),
    "flipped": ((-0.83, 1.0, -1.2), (5.2, 0.1, 6.4), (7, 9, 6)),
    "beyond both ends": ((2.0, 0.9, 0.7), (-4.1, -3.03, -2.01), (9, 16, 17)),
}


@pytest.mark.parametrize("name", sorted(MAPS))
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("sides", [(6, 9, 7), (1, 9, 1)])  # one slice has no neighbour
def test_values_equal_those_of_scipy(name: str, order: int, sides: tuple[int, int, int]) -> None:
    steps, offset, shape = MAPS[name]
    source = SOURCE[tuple(slice(n) for n in sides)]
    expected = np.empty(shape, dtype=np.float32)
    ndimage.affine_transform(
        source, steps, offset, shape, expected, order=order, mode="nearest", prefilter=False
    )
    got = interpolated(source, np.array(steps), np.array(offset), shape, order=order)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-3 if order else 0)


def test_stored_values_come_back_exactly_where_nothing_moves() -> None:
    shape = (6, 9, 7)
    got = interpolated(SOURCE, np.ones(3), np.zeros(3), shape)
    np.testing.assert_array_equal(got, SOURCE)
    labels = np.arange(SOURCE.size, dtype=np.int32).reshape(shape)
    np.testing.assert_array_equal(
        interpolated(labels, np.ones(3), np.zeros(3), shape, order=0), labels
    )
