"""A canvas in millimetres: shapes are painted with a density (HU) and an uptake (SUV).

Shapes are given in an undistorted space; each voxel looks up its place there through a
smooth random displacement, so that no organ of two patients has the same outline.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.volume import Grid, interpolated

Point = tuple[float, float, float]  # x, y, z; mm; LPS
Slices = tuple[slice, slice, slice]
_WARP_MM = 3.0  # standard deviation of the displacement


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A mask within a box of the canvas, and how deep inside each voxel lies (0 rim, 1 core)."""

    box: Slices
    mask: Bool[np.ndarray, "z y x"]
    depth: Float[np.ndarray, "z y x"]


class Canvas:
    """Density and uptake under construction; painted over in order, like an atlas."""

    def __init__(self, grid: Grid, generator: np.random.Generator) -> None:
        self.grid = grid
        self.hu = np.full(grid.shape, -1000.0, dtype=np.float32)
        self.suv = np.zeros(grid.shape, dtype=np.float32)
        self._generator = generator
        z, y, x = (
            np.arange(n, dtype=np.float32) * np.float32(s) + np.float32(o)
            for n, s, o in zip(grid.shape, grid.spacing, grid.origin[::-1], strict=True)
        )
        warp = [_WARP_MM * smooth_noise(grid, generator, 45.0) for _ in range(3)]
        self.z = z[:, None, None] + warp[0]
        self.y = y[None, :, None] + warp[1]
        self.x = x[None, None, :] + warp[2]

    def box(self, low: Point, high: Point) -> Slices:
        """Voxels that can lie between two corners (x, y, z), displacement included."""
        margin = 5 * _WARP_MM
        ranges = []
        for axis, world in enumerate((2, 1, 0)):
            origin, spacing = self.grid.origin[world], self.grid.spacing[axis]
            first = int(np.floor((low[world] - margin - origin) / spacing))
            last = int(np.ceil((high[world] + margin - origin) / spacing)) + 1
            n = self.grid.shape[axis]
            ranges.append(slice(min(max(first, 0), n), min(max(last, 0), n)))
        return ranges[0], ranges[1], ranges[2]

    def ellipsoid(self, centre: Point, radii: Point, roughness: float = 0.0) -> Shape:
        """An ellipsoid with radii along x, y, z; roughness makes it lobulated."""
        reach = 1.0 + 2.5 * roughness
        low = (
            centre[0] - reach * radii[0],
            centre[1] - reach * radii[1],
            centre[2] - reach * radii[2],
        )
        high = (
            centre[0] + reach * radii[0],
            centre[1] + reach * radii[1],
            centre[2] + reach * radii[2],
        )
        box = self.box(low, high)
        r = np.sqrt(
            ((self.x[box] - centre[0]) / radii[0]) ** 2
            + ((self.y[box] - centre[1]) / radii[1]) ** 2
            + ((self.z[box] - centre[2]) / radii[2]) ** 2
        )
        if roughness > 0.0 and r.size:
            small = Grid.axial((r.shape[0], r.shape[1], r.shape[2]), self.grid.spacing)
            r = r + roughness * smooth_noise(small, self._generator, min(radii) * 0.8)
        return Shape(box, r <= 1.0, np.clip(1.0 - r, 0.0, 1.0))

    def tube(self, path: Sequence[Point], radii: Sequence[float], squash: float = 1.0) -> Shape:
        """A tube along a path (x, y, z); `squash` > 1 widens it from left to right."""
        points, reach = np.asarray(path), max(radii) * max(1.0, squash)
        low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
        box = self.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        x, y, z = self.x[box], self.y[box], self.z[box]
        best = np.full(x.shape, np.inf, dtype=np.float32)
        for k in range(len(points) - 1):
            a, step = points[k], points[k + 1] - points[k]
            along = ((x - a[0]) * step[0] + (y - a[1]) * step[1] + (z - a[2]) * step[2]) / (
                step @ step
            )
            t = np.clip(along, 0.0, 1.0)
            radius = radii[k] + t * (radii[k + 1] - radii[k])
            distance = np.sqrt(
                ((x - a[0] - t * step[0]) / squash) ** 2
                + (y - a[1] - t * step[1]) ** 2
                + (z - a[2] - t * step[2]) ** 2
            )
            best = np.minimum(best, distance / radius)
        return Shape(box, best <= 1.0, np.clip(1.0 - best, 0.0, 1.0))

    def paint(self, shape: Shape, hu: float | None = None, suv: float | None = None) -> None:
        """Fill a shape; None leaves what was there."""
        if hu is not None:
            self.hu[shape.box][shape.mask] = hu
        if suv is not None:
            self.suv[shape.box][shape.mask] = suv

    def whole(self, shape: Shape) -> Bool[np.ndarray, "z y x"]:
        """A shape's mask on the whole grid."""
        mask = np.zeros(self.grid.shape, dtype=bool)
        mask[shape.box] = shape.mask
        return mask


def smooth_noise(
    grid: Grid, generator: np.random.Generator, scale_mm: float
) -> Float[np.ndarray, "z y x"]:
    """Noise of mean 0 and standard deviation 1 that varies over about `scale_mm`."""
    spacing = np.asarray(grid.spacing)
    coarse = np.maximum(2, np.ceil(np.asarray(grid.shape) * spacing / scale_mm).astype(int) + 3)
    noise = ndimage.gaussian_filter(generator.standard_normal(coarse), 0.7)
    noise /= noise.std()
    scale = spacing / scale_mm
    return interpolated(noise.astype(np.float32), scale, np.ones(3), grid.shape)
