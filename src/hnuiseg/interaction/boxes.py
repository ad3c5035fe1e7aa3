"""Boxes of a volume: what an edit costs is its box, never the volume."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped

from hnuiseg.interaction.clicks import Index

Box = tuple[slice, slice, slice]  # z, y, x; starts and stops within the volume


def box_of(low: Sequence[int], high: Sequence[int]) -> Box:
    """The box from `low` up to, but not with, `high`."""
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def whole(shape: Sequence[int]) -> Box:
    """All of a volume."""
    return box_of((0, 0, 0), shape)


def shape_of(box: Box) -> Index:
    """Voxels along each axis."""
    z, y, x = (s.stop - s.start for s in box)
    return z, y, x


def start_of(box: Box) -> Index:
    """Its first voxel."""
    z, y, x = (s.start for s in box)
    return z, y, x


def is_empty(box: Box) -> bool:
    """Whether it holds no voxel."""
    return any(s.stop <= s.start for s in box)


def around(index: Sequence[int], reach: Sequence[int], shape: Sequence[int]) -> Box:
    """So many voxels to each side of one voxel, clipped to the volume."""
    low = [max(0, i - r) for i, r in zip(index, reach, strict=True)]
    high = [min(n, i + r + 1) for i, r, n in zip(index, reach, shape, strict=True)]
    return box_of(low, [max(a, b) for a, b in zip(low, high, strict=True)])


def joined(a: Box, b: Box) -> Box:
    """The smallest box that holds both."""
    low = [min(p.start, q.start) for p, q in zip(a, b, strict=True)]
    high = [max(p.stop, q.stop) for p, q in zip(a, b, strict=True)]
    return box_of(low, high)


def shared(a: Box, b: Box) -> Box | None:
    """What lies in both; None where nothing does."""
    low = [max(p.start, q.start) for p, q in zip(a, b, strict=True)]
    high = [min(p.stop, q.stop) for p, q in zip(a, b, strict=True)]
    if any(stop <= start for start, stop in zip(low, high, strict=True)):
        return None
    return box_of(low, high)


def within(part: Box, outer: Box) -> Box:
    """Where a part of a box lies in an array that holds the box alone."""
    first = start_of(outer)
    low = [p.start - f for p, f in zip(part, first, strict=True)]
    high = [p.stop - f for p, f in zip(part, first, strict=True)]
    return box_of(low, high)


def tight(mask: Bool[np.ndarray, "z y x"]) -> Box | None:
    """The smallest box that holds every voxel of a mask; None for an empty one."""
    ends = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        found = np.flatnonzero(mask.any(axis=others))
        if not found.size:
            return None
        ends.append((int(found[0]), int(found[-1]) + 1))
    return box_of([a for a, _ in ends], [b for _, b in ends])


def moved(box: Box, by: Sequence[int]) -> Box:
    """The box with its start and stop moved by so many voxels."""
    z, y, x = (slice(s.start + n, s.stop + n) for s, n in zip(box, by, strict=True))
    return z, y, x


def placed(
    values: Shaped[np.ndarray, "z y x"], box: Box, outer: Box, beyond: float = 0
) -> Shaped[np.ndarray, "a b c"]:
    """Values of a box in an array of another one; `beyond` where they don't reach."""
    array = np.full(shape_of(outer), beyond, dtype=values.dtype)
    both = shared(box, outer)
    if both is not None:
        array[within(both, outer)] = values[within(both, box)]
    return array
