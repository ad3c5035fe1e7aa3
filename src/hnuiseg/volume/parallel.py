"""Interpolation between grids whose axes run along the same lines, one slice at a time.

Linear interpolation is then a blend of two neighbours along each axis in turn. A target slice
is blended while its parts lie in the processor's cache: several times faster than looking up
eight neighbours for every voxel, with nothing of the volume's size but the answer.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped


def interpolated(
    source: Shaped[np.ndarray, "z y x"],
    steps: Float[np.ndarray, " 3"],
    offset: Float[np.ndarray, " 3"],
    shape: tuple[int, int, int],
    *,
    order: int = 1,
) -> Shaped[np.ndarray, "a b c"]:
    """Values at source indices `steps * index + offset`, index running over `shape`.

    `order` 1 is linear and wants float32, 0 takes the nearest voxel of any type. Beyond the
    outermost voxels their value holds.
    """
    positions = [
        step * np.arange(n) + first for n, step, first in zip(shape, steps, offset, strict=True)
    ]
    if order == 0:
        nearest = [
            np.clip(np.floor(position + 0.5), 0, n - 1).astype(np.intp)
            for position, n in zip(positions, source.shape, strict=True)
        ]
        z, y, x = nearest
        return source.take(z, axis=0).take(y, axis=1).take(x, axis=2)
    z, y, x = (_Blend.at(position, n) for position, n in zip(positions, source.shape, strict=True))
    result = np.empty(shape, dtype=np.float32)
    for k in range(shape[0]):
        below, above, share = source[z.low[k]], source[z.high[k]], z.share[k]
        plane = below if share == 0 else below + share * (above - below)
        result[k] = x.along_columns(y.along_rows(plane))
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Blend:
    """Which two neighbours each target index lies between, and how far from the lower one."""

    low: Int[np.ndarray, " n"]
    high: Int[np.ndarray, " n"]
    share: Float[np.ndarray, " n"]

    @classmethod
    def at(cls, position: Float[np.ndarray, " n"], length: int) -> "_Blend":
        inside = np.clip(position, 0, length - 1)
        low = inside.astype(np.intp)
        share = (inside - low).astype(np.float32)
        return cls(low, np.minimum(low + 1, length - 1), share)

    def along_rows(self, plane: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "b x"]:
        low = plane[self.low]
        return low + self.share[:, None] * (plane[self.high] - low)

    def along_columns(self, plane: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "y c"]:
        low = plane.take(self.low, axis=1)
        return low + self.share * (plane.take(self.high, axis=1) - low)
