"""Values of one volume on the grid of another."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Shaped
from scipy import ndimage

from hnuiseg.volume.grid import Grid
from hnuiseg.volume.parallel import interpolated
from hnuiseg.volume.volume import Volume


def resample(volume: Volume, grid: Grid, *, order: int = 1, outside: float = 0.0) -> Volume:
    """The volume's values at the voxel centres of `grid`.

    `order` 1 is linear, 0 nearest (labels). Centres beyond the volume's outer voxel faces
    get `outside`; between an outer face and the outermost centres the edge value holds.
    Linear values are float32, nearest ones keep their type.
    """
    source = volume.array
    if order > 0 and source.dtype != np.float32:
        source = source.astype(np.float32)
    if volume.grid.same_place(grid):
        return Volume(source, grid, volume.unit)
    matrix, offset = grid.index_map(volume.grid)
    diagonal = np.diag(matrix)
    if np.abs(matrix - np.diag(diagonal)).max() < 1e-9:
        output = interpolated(source, diagonal, offset, grid.shape, order=order)
    else:
        output = np.empty(grid.shape, dtype=source.dtype)
        ndimage.affine_transform(
            source, matrix, offset, grid.shape, output, order=order, mode="nearest", prefilter=False
        )
    if not all(line.all() for line in _within(volume.grid, grid)):
        output[~covered(volume.grid, grid)] = outside
    return Volume(output, grid, volume.unit)


def covered(source: Grid, target: Grid) -> Bool[np.ndarray, "z y x"]:
    """Which voxel centres of `target` lie within the outer voxel faces of `source`."""
    inside = np.ones(target.shape, dtype=bool)
    for line in _within(source, target):
        inside &= line
    return inside


def _within(source: Grid, target: Grid) -> Iterator[Bool[np.ndarray, "..."]]:
    """For each axis of `source`, which centres lie between its faces: broadcast, a volume."""
    matrix, offset = target.index_map(source)
    for axis in range(3):
        # only axes that matter: for parallel grids this is a line, not a volume
        position = offset[axis] + sum(
            (
                _along(np.arange(target.shape[k]) * matrix[axis, k], k)
                for k in range(3)
                if abs(matrix[axis, k]) * target.shape[k] > 1e-9
            ),
            start=np.zeros((1, 1, 1)),
        )
        # 1e-6: a centre exactly on the outer face must not depend on rounding
        yield (position >= -0.5 - 1e-6) & (position <= source.shape[axis] - 0.5 + 1e-6)


def _along(values: Shaped[np.ndarray, " n"], axis: int) -> Shaped[np.ndarray, "z y x"]:
    shape = [1, 1, 1]
    shape[axis] = -1
    return values.reshape(shape)
