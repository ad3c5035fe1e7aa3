"""Where a lesion lies, in words, as far as the outline of the body tells.

Side, depth and height are measured from the body's outline on the CT in the slices around the
lesion. Neck levels and organs are not named: an outline doesn't show them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hnuiseg.volume import Grid, Reorientation, Volume, body_mask, standing, thinned

_LOOK_MM = 4.0
_AROUND_MM = 15.0  # of slices above and below whose outline gives the midline
_MIDLINE_MM = 10.0  # nearer than this, neither side is claimed
_ACROSS_MM = 5.0
_SHOULDERS_MM = 300.0  # far wider than a head or neck


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The body's outline in axial slices of the standing CT, on indices of the standing grid.

    Every row is one of the slices that were looked at; nan where there is no body.
    """

    turn: Reorientation
    grid: Grid  # standing
    slices: Int[np.ndarray, " n"]
    middle: Float[np.ndarray, " n"]  # x of the area's centre
    front: Float[np.ndarray, " n"]  # y
    back: Float[np.ndarray, " n"]  # y
    wide_mm: Float[np.ndarray, " n"]
    stored: tuple[int, int, int]

    @classmethod
    def of(cls, ct: Volume) -> "Outline":
        """The outline of the body on a CT in any stored orientation."""
        turn = Reorientation.of(ct.grid)
        upright = standing(ct)
        seen, every = thinned(upright, _LOOK_MM)
        body = body_mask(seen)
        rows = np.full((len(body), 4), np.nan)
        for row, plane in zip(rows, body, strict=True):
            y, x = np.nonzero(plane)
            if x.size:
                row[:] = x.mean() * every[2], y.min() * every[1], y.max() * every[1], np.ptp(x) + 1
        middle, front, back, wide = rows.T
        return cls(
            turn,
            upright.grid,
            np.arange(len(body)) * every[0],
            middle,
            front,
            back,
            wide * seen.grid.spacing[2],
            ct.grid.shape,
        )

    def words(self, index: Int[np.ndarray, "n 3"]) -> str:
        """Side, depth and height of voxels (z, y, x as stored)."""
        upright = self._upright(index)
        z, y, x = upright.mean(axis=0)
        dz, _, dx = self.grid.spacing
        near = np.abs(self.slices - z) * dz <= max(_AROUND_MM, dz)
        near &= np.isfinite(self.middle)
        if not near.any():
            return "outside the body"
        middle, front, back, wide = (
            float(np.median(v[near])) for v in (self.middle, self.front, self.back, self.wide_mm)
        )
        depth = (y - front) / max(1.0, back - front)
        if not -0.05 <= depth <= 1.05:
            return "outside the body"
        parts = [
            _side((x - middle) * dx, (upright[:, 2] - middle) * dx),
            ("front third", "middle third", "back third")[min(2, max(0, int(3 * depth)))],
            self._height(z),
        ]
        if wide > _SHOULDERS_MM:
            parts.append("at the shoulders or below")
        return ", ".join(parts)

    def _upright(self, index: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, "n 3"]:
        """Stored voxel indices as indices of the standing grid."""
        stored = np.asarray(self.stored)[list(self.turn.axes)] - 1
        moved = index[:, list(self.turn.axes)]
        return np.where(self.turn.flips, stored - moved, moved)

    def _height(self, z: float) -> str:
        dz = self.grid.spacing[0]
        top = int(self.slices[np.isfinite(self.middle)].max())
        if top == self.slices[-1]:  # the body goes on above the image
            return f"{(self.grid.shape[0] - 0.5 - z) * dz:.0f} mm below the top of the scan"
        return f"{max(0.0, (top - z) * dz):.0f} mm below the top of the body"


def _side(offset_mm: float, reach_mm: Float[np.ndarray, " n"]) -> str:
    """Left is positive; a lesion that reaches well over the midline is said to."""
    if abs(offset_mm) <= _MIDLINE_MM:
        return "midline"
    side, other = ("left", reach_mm.min()) if offset_mm > 0 else ("right", -reach_mm.max())
    across = ", reaching across" if other < -_ACROSS_MM else ""
    return f"{side} ({abs(offset_mm):.0f} mm from the midline{across})"
