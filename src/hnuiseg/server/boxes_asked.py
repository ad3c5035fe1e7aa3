"""Which voxels a request means: a box, a slice or every second or fourth voxel of the body's box.

Everything is held to the image's grid before a single voxel is touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hnuiseg.interaction.boxes import Box
from hnuiseg.server.refusals import Refused
from hnuiseg.volume import Grid

AXES = ("z", "y", "x")
STEPS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Asked:
    """A box of an image, and every how many voxels of it; `grid` is of what is sent."""

    start: tuple[int, int, int]  # z, y, x; of the stored image
    stop: tuple[int, int, int]
    step: int
    grid: Grid

    @property
    def slices(self) -> Box:
        """To index a stored array with."""
        z, y, x = (slice(a, b, self.step) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x


def asked(
    grid: Grid,
    usual: Box,
    *,
    box: str | None = None,
    axis: str | None = None,
    index: int | None = None,
    step: int = 1,
) -> Asked:
    """What a query means; `usual` where it names neither box nor slice.

    `box` is "z0,y0,x0,z1,y1,x1", first voxel and end; a slice is an `axis` (z, y or x) with the
    `index` of a stored slice, as far as the usual box goes.
    """
    if step not in STEPS:
        raise _wrong(f"a step of {step}", "1, 2 or 4")
    if box is not None:
        if axis is not None or index is not None:
            raise _wrong("a box with a slice", "one of the two")
        low, high = _corners(box, grid.shape)
    else:
        low, high = [s.start for s in usual], [s.stop for s in usual]
        if (axis is None) != (index is None):
            raise _wrong("an axis without an index, or an index without an axis", "both")
        if axis is not None and index is not None:
            if axis not in AXES:
                raise _wrong(f"an axis called {axis!r:.20}", "z, y or x")
            k = AXES.index(axis)
            if not 0 <= index < grid.shape[k]:
                raise _wrong(f"slice {index} along {axis}", f"0 to {grid.shape[k] - 1}")
            low[k], high[k] = index, index + 1
    return _asked(grid, low, high, step)


def exactly(grid: Grid, box: Box) -> Asked:
    """A box that the server itself found."""
    return _asked(grid, [s.start for s in box], [s.stop for s in box], 1)


def _asked(grid: Grid, low: Sequence[int], high: Sequence[int], step: int) -> Asked:
    a, b, c = (int(v) for v in low)
    d, e, f = (int(v) for v in high)
    z, y, x = (-(-(hi - lo) // step) for lo, hi in zip((a, b, c), (d, e, f), strict=True))
    dz, dy, dx = grid.spacing
    sent = replace(grid.cropped((a, b, c), (z, y, x)), spacing=(dz * step, dy * step, dx * step))
    return Asked((a, b, c), (d, e, f), step, sent)


def _corners(box: str, shape: tuple[int, int, int]) -> tuple[list[int], list[int]]:
    said = ", ".join(map(str, shape))
    allowed = f"z0,y0,x0,z1,y1,x1 with 0 <= first < end <= {said} (z, y, x)"
    parts = box.split(",") if len(box) <= 100 else []
    if len(parts) != 6 or not all(p.isascii() and p.isdecimal() for p in parts):
        raise _wrong(f"a box {box!r:.60}", allowed)
    numbers = [int(part) for part in parts]
    low, high = numbers[:3], numbers[3:]
    if not all(0 <= a < b <= n for a, b, n in zip(low, high, shape, strict=True)):
        raise _wrong(f"a box {box!r:.60}", allowed)
    return low, high


def _wrong(came: str, allowed: str) -> Refused:
    return Refused(400, "wrong-box", came, allowed, "ask for voxels of this image")
