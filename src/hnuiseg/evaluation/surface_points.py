"""Where the surface of a mask lies, found from its own voxels: the image around costs nothing.

A mask of a lesion is a few thousand voxels among millions, and one stray voxel far away must
not make a search of everything between.
"""

import itertools
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int

from hnuiseg.volume import Triple


def surface_voxels(mask: Bool[np.ndarray, "z y x"]) -> Int[np.ndarray, "n 3"]:
    """Indices of mask voxels with a face neighbour outside; beyond the border is outside."""
    values, places = mask.ravel(), np.flatnonzero(mask)
    indices = np.unravel_index(places, mask.shape)
    buried = np.ones(len(places), dtype=bool)
    for axis, (index, length) in enumerate(zip(indices, mask.shape, strict=True)):
        buried &= (index > 0) & (index < length - 1)
        stride = int(np.prod(mask.shape[axis + 1 :]))
        for step in (-stride, stride):  # beyond the border clipping reads a voxel, to no effect
            buried &= values.take(places + step, mode="clip")
    return np.stack(indices, axis=1)[~buried]


def surface_elements(
    mask: Bool[np.ndarray, "z y x"], surface: Int[np.ndarray, "n 3"], spacing: Triple
) -> tuple[Int[np.ndarray, "m 3"], Float[np.ndarray, " m"]]:
    """Corners whose eight voxels are mixed, and the area (mm²) of the surface in each.

    Corner k lies between voxels k - 1 and k. `surface` are the mask's surface voxels: a mixed
    corner always touches one, as eight voxels around a corner are joined by faces.
    """
    corners = tuple(n + 1 for n in mask.shape)
    offsets = np.array(list(itertools.product((0, 1), repeat=3)))
    touched = (surface[:, None] + offsets).reshape(-1, 3)
    places = np.unique(np.ravel_multi_index(tuple(touched.T), corners))
    found = np.stack(np.unravel_index(places, corners), axis=1)
    codes = np.zeros(len(found), dtype=np.uint8)
    for bit, offset in enumerate(offsets):
        voxel = found - 1 + offset
        inside = ((voxel >= 0) & (voxel < mask.shape)).all(axis=1)
        filled = mask[tuple(np.where(inside[:, None], voxel, 0).T)] & inside
        codes |= filled.astype(np.uint8) << bit
    mixed = (codes != 0) & (codes != 255)
    return found[mixed], _areas(spacing)[codes[mixed]]


# What marching cubes with vertices on edge midpoints puts into a cube of eight voxels, for the
# 13 ways to fill it that remain when cubes that are mirrored, turned or complementary count as
# one: the filled corners (zyx), then each triangle's normal in eighths, its length the area.
# The triangles are those of surface-distance (Apache-2.0): where a polygon isn't flat, another
# cut into triangles would have another area.
_SHAPES: tuple[tuple[str, tuple[tuple[int, int, int], ...]], ...] = (
    ("111", ((1, 1, 1),)),
    ("110 111", ((2, 2, 0), (2, 2, 0))),
    ("101 110", ((1, 1, 1), (1, 1, 1))),
    ("011 100", ((1, 1, 1), (1, 1, 1))),
    ("101 110 111", ((1, 1, 1), (2, 2, 2), (4, 0, 0))),
    ("011 101 110", ((1, 1, 1), (1, 1, 1), (1, 1, 1))),
    ("011 100 111", ((0, 2, 2), (0, 2, 2), (1, 1, 1))),
    ("100 101 110 111", ((4, 0, 0), (4, 0, 0))),
    ("010 011 100 101", ((2, 2, 0), (2, 2, 0), (2, 2, 0), (2, 2, 0))),
    ("011 101 110 111", ((1, 1, 1), (1, 1, 1), (2, 2, 2), (2, 2, 2))),
    ("001 010 100 111", ((1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1))),
    ("011 100 101 110", ((1, 1, 1), (1, 1, 1), (2, 2, 2), (4, 0, 0))),
    ("011 100 110 111", ((0, 2, 2), (1, 1, 1), (2, 0, 2), (3, 3, 3))),
)


@cache
def _normals() -> Float[np.ndarray, "256 4 3"]:
    """Normals (z, y, x) of the triangles of every code on unit voxels, without their signs."""
    normals = np.zeros((256, 4, 3))
    for shape, triangles in _SHAPES:
        corners = [tuple(int(c) for c in corner) for corner in shape.split()]
        for axes in itertools.permutations(range(3)):
            for flips in itertools.product((0, 1), repeat=3):
                code = 0
                for corner in corners:
                    z, y, x = (corner[axes[k]] ^ flips[k] for k in range(3))
                    code |= 1 << (4 * z + 2 * y + x)
                turned = np.asarray(triangles, dtype=float)[:, axes] / 8.0
                normals[[code, 255 - code], : len(turned)] = turned
    normals.flags.writeable = False
    return normals


def _areas(spacing: Triple) -> Float[np.ndarray, "256"]:
    z, y, x = spacing
    faces = np.array([y * x, z * x, z * y])  # mm² of a voxel's face across each axis
    return np.asarray(np.linalg.norm(_normals() * faces, axis=2).sum(axis=1))
