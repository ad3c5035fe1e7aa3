"""The shape of a lesion: a lobulated ellipsoid in mm, known everywhere and on any grid."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hnuiseg.volume import Grid, Triple

Box = tuple[slice, slice, slice]  # z, y, x

_BUMPS = 10
_SHARPNESS = 4.0  # of a bump on the unit sphere: about a quarter of it


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """Inside is where `level` is at most 1; 0 at the centre.

    Positions are x, y, z in mm of the patient.
    """

    centre: Triple
    radii: Triple  # mm, before bumps
    turn: Float[np.ndarray, "3 3"]  # rows: the axes of the ellipsoid
    directions: Float[np.ndarray, "bump 3"]  # unit vectors
    heights: Float[np.ndarray, " bump"]  # of bumps, as a share of the radius

    @classmethod
    def drawn(
        cls, centre: Triple, volume_ml: float, bumpiness: float, generator: np.random.Generator
    ) -> "Blob":
        """Of about that volume, longer than wide by chance."""
        radius = (3000.0 * volume_ml / (4.0 * np.pi)) ** (1 / 3)
        stretch = np.exp(generator.normal(0.0, 0.16, 3)) * (0.94, 0.94, 1.13)  # along the neck
        stretch /= np.prod(stretch) ** (1 / 3)
        x, y, z = (float(radius * s) for s in stretch)
        tilt, _ = np.linalg.qr(np.eye(3) + generator.normal(0.0, 0.35, (3, 3)))
        turn = tilt * np.sign(np.diag(tilt))[None, :]
        directions = generator.normal(size=(_BUMPS, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        heights = generator.normal(0.0, bumpiness, _BUMPS)
        return cls(centre, (x, y, z), turn.T, directions, heights)

    @property
    def reach_mm(self) -> float:
        """No point of it lies farther from the centre."""
        return max(self.radii) * (1.0 + float(np.maximum(self.heights, 0.0).sum()))

    @property
    def radius_mm(self) -> float:
        """Of a sphere of the same volume, bumps aside."""
        return float(np.prod(self.radii) ** (1 / 3))

    def box(self, grid: Grid, margin_mm: float = 0.0) -> Box:
        """Voxels of an axial grid that can lie within it or so far round it."""
        reach = self.reach_mm + margin_mm
        sides = []
        for axis, (spacing, n) in enumerate(zip(grid.spacing, grid.shape, strict=True)):
            centre = self.centre[2 - axis] - grid.origin[2 - axis]
            low = int(np.floor((centre - reach) / spacing))
            high = int(np.ceil((centre + reach) / spacing)) + 1
            sides.append(slice(min(max(low, 0), n), min(max(high, 0), n)))
        z, y, x = sides
        return z, y, x

    def level(
        self, x: Float[np.ndarray, "..."], y: Float[np.ndarray, "..."], z: Float[np.ndarray, "..."]
    ) -> Float[np.ndarray, "..."]:
        """How far out each point lies, 1 on the surface; float32."""
        away = [
            np.asarray(a - c, dtype=np.float32) for a, c in zip((x, y, z), self.centre, strict=True)
        ]
        own = [
            (row[0] * away[0] + row[1] * away[1] + row[2] * away[2]) / np.float32(radius)
            for row, radius in zip(self.turn.astype(np.float32), self.radii, strict=True)
        ]
        out = np.sqrt(own[0] ** 2 + own[1] ** 2 + own[2] ** 2)
        safe = np.maximum(out, np.float32(1e-6))
        bumps = np.ones_like(out)
        for towards, height in zip(self.directions, self.heights, strict=True):
            along = sum(np.float32(t) * a for t, a in zip(towards, own, strict=True)) / safe
            bumps += np.float32(height) * np.exp(np.float32(_SHARPNESS) * (along - 1))
        result: Float[np.ndarray, ...] = out / np.maximum(bumps, np.float32(0.3))
        return result
