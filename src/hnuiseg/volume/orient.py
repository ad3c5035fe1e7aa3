"""The same patient in the standing order of axes: z to the head, y to the back, x to the left.

A network learns one orientation; a study may store any of the 48.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from hnuiseg.volume.grid import Grid
from hnuiseg.volume.volume import Volume

_STANDING = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])  # z, y, x as LPS


@dataclass(frozen=True, slots=True)
class Reorientation:
    """A permutation and flips of array axes, exact and without interpolation."""

    axes: tuple[int, int, int]  # stored axis that becomes z, y, x
    flips: tuple[bool, bool, bool]  # whether z, y, x then run backwards

    @classmethod
    def of(cls, grid: Grid) -> "Reorientation":
        """What turns a grid into the nearest standing one; oblique grids stay oblique."""
        alignment = np.asarray(grid.direction) @ _STANDING.T  # stored axis × standing axis
        best: tuple[float, tuple[int, int, int]] | None = None
        for axes in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            score = float(sum(abs(alignment[axes[k], k]) for k in range(3)))
            if best is None or score > best[0] + 1e-9:
                best = (score, axes)
        assert best is not None
        axes = best[1]
        z, y, x = (bool(alignment[axes[k], k] < 0) for k in range(3))
        return cls(axes, (z, y, x))

    def array(self, stored: Shaped[np.ndarray, "a b c"]) -> Shaped[np.ndarray, "z y x"]:
        """The stored array in standing order; a view."""
        return np.flip(stored.transpose(self.axes), self._flipped)

    def undo(self, standing: Shaped[np.ndarray, "z y x"]) -> Shaped[np.ndarray, "a b c"]:
        """A standing array back in stored order; a view."""
        inverse = np.argsort(self.axes)
        return np.flip(standing, self._flipped).transpose(inverse)

    def grid(self, stored: Grid) -> Grid:
        """The stored grid in standing order: the same voxels in the same places."""
        index = np.zeros(3)
        for axis, flipped in zip(self.axes, self.flips, strict=True):
            index[axis] = stored.shape[axis] - 1 if flipped else 0
        signs = np.where(self.flips, -1.0, 1.0)
        axes = list(self.axes)
        z, y, x = self.axes
        return Grid.from_steps(
            (stored.shape[z], stored.shape[y], stored.shape[x]),
            stored.steps[axes] * signs[:, None],
            stored.to_world(index[None])[0],
            stored.frame_of_reference,
        )

    @property
    def _flipped(self) -> tuple[int, ...]:
        return tuple(k for k in range(3) if self.flips[k])


def standing(volume: Volume) -> Volume:
    """The volume in standing order of axes."""
    turn = Reorientation.of(volume.grid)
    return Volume(turn.array(volume.array), turn.grid(volume.grid), volume.unit)
