"""Where one pass leaves doubt, and the windows in which members look there.

Most of a patient is background beyond doubt, and members that agree on it say nothing new.
One pass without chance settles that part; members spend their time on the rest. What they did
not look at has no votes and is marked as not sampled, whatever the one pass made of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from hnuiseg.inference.windows import Index, index_of
from hnuiseg.volume import Triple

SETTLED = 0.99  # background's probability from which one pass settles a voxel
MARGIN_MM = 3.0  # around what it leaves open

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class Look:
    """One piece of a volume: what the network is shown, and the part that is taken from it."""

    shown: Box
    taken: Box

    def inner(self) -> Box:
        """The taken part as a box of the shown one."""
        z, y, x = (
            slice(t.start - s.start, t.stop - s.start)
            for t, s in zip(self.taken, self.shown, strict=True)
        )
        return z, y, x


@dataclass(frozen=True, slots=True)
class Showing:
    """How much around a voxel a network must be shown; voxels (z, y, x)."""

    least: Index  # the smallest piece
    context: Index  # around what is taken from it
    cell: int = 1  # pieces start and, but for the volume's border, end at multiples of it


def doubtful(probabilities: Float[Tensor, "3 z y x"], spacing: Triple) -> Bool[Tensor, "z y x"]:
    """Voxels that one pass doesn't settle as background, and `MARGIN_MM` around them.

    Spacing (z, y, x) in mm. Everything that the pass calls tumour is among them.
    """
    open_ = probabilities[0] < SETTLED
    return widened(open_, [math.ceil(MARGIN_MM / s - 1e-6) for s in spacing])


def widened(mask: Bool[Tensor, "z y x"], voxels: Sequence[int]) -> Bool[Tensor, "z y x"]:
    """The mask with every voxel at most so many steps from it along each axis."""
    kernel = [2 * n + 1 for n in voxels]
    grown = functional.max_pool3d(mask[None, None].float(), kernel, 1, list(voxels))
    return grown[0, 0] > 0


def looks(mask: Bool[Tensor, "z y x"], showing: Showing) -> list[Look]:
    """Pieces that together take every voxel of the mask once, with their context shown.

    Pieces and context end at the volume's border. Components share a piece where that shows no
    more voxels than two pieces would, so neighbours are seen together and strangers are not.
    """
    shape = index_of(mask.shape)
    labels, _ = ndimage.label(mask.cpu().numpy(), structure=np.ones((3, 3, 3), dtype=bool))
    waiting = [
        Look(_shown(box, shape, showing), box)
        for z, y, x in ndimage.find_objects(labels)
        for box in [(z, y, x)]
    ]
    done: list[Look] = []
    while waiting:
        piece = waiting.pop(0)
        for k, other in enumerate(done):
            box = _union(piece.taken, other.taken)
            both = Look(_shown(box, shape, showing), box)
            apart = _voxels(piece.shown) + _voxels(other.shown)
            if _voxels(both.shown) <= apart or _overlap(piece.taken, other.taken):
                waiting.append(both)  # it may now meet others
                del done[k]
                break
        else:
            done.append(piece)
    return done


def _union(a: Box, b: Box) -> Box:
    z, y, x = (slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
    return z, y, x


def _overlap(a: Box, b: Box) -> bool:
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


def _voxels(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)


def _shown(box: Box, shape: Index, showing: Showing) -> Box:
    """What is taken and its context, or the smallest piece about its middle, in the volume."""
    sides, cell = [], showing.cell
    for part, length, least, around in zip(box, shape, showing.least, showing.context, strict=True):
        wanted = max(least, part.stop - part.start + 2 * around)
        first = (part.start + part.stop - wanted) // 2
        first = min(max(0, first), max(0, length - wanted)) // cell * cell
        last = max(first + least, min(length, part.stop + around))
        sides.append(slice(first, min(length, math.ceil(last / cell) * cell)))
    z, y, x = sides
    return z, y, x
