"""A coarse look at an image: every so many voxels of it, as they are."""

import math
from dataclasses import replace

import numpy as np

from hnuiseg.volume.volume import Volume


def thinned(volume: Volume, every_mm: float) -> tuple[Volume, tuple[int, int, int]]:
    """Voxels at most `every_mm` apart along each axis, and how many apart they are (z, y, x).

    The first voxel stays the first. Another storage order keeps other voxels: turn an image to
    standing order (`standing`) before what is measured on it must not depend on that (law 1).
    """
    z, y, x = (max(1, math.floor(every_mm / s)) for s in volume.grid.spacing)
    array = np.ascontiguousarray(volume.array[::z, ::y, ::x])
    a, b, c = array.shape
    dz, dy, dx = volume.grid.spacing
    grid = replace(volume.grid, shape=(a, b, c), spacing=(dz * z, dy * y, dx * x))
    return Volume(array, grid, volume.unit), (z, y, x)
