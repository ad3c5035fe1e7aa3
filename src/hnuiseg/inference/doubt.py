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

from hnuiseg.volume import Triple

SETTLED = 0.99  # background's probability from which one pass settles a voxel
MARGIN_MM = 3.0  # around what it leaves open
_CONTEXT = 1 / 4  # of a window, between its face and what is taken from it, as with overlap 0.5

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


def looks(mask: Bool[Tensor, "z y x"], window: tuple[int, int, int]) -> list[Look]:
    """As few pieces of about a window as hold every voxel of the mask, with context around.

    Components near each other share a piece where one window still shows enough around both.
    A larger one has a larger piece, to be seen through overlapping windows.
    """
    shape = tuple(mask.shape)
    labels, _ = ndimage.label(mask.cpu().numpy(), structure=np.ones((3, 3, 3), dtype=bool))
    context = [max(1, math.floor(side * _CONTEXT)) for side in window]
    room = [max(1, side - 2 * around) for side, around in zip(window, context, strict=True)]
    boxes = _joined([(b[0], b[1], b[2]) for b in ndimage.find_objects(labels)], room)
    return [Look(_shown(box, shape, window, context), box) for box in boxes]


def _joined(boxes: list[Box], room: Sequence[int]) -> list[Box]:
    """Boxes that overlap, or that together fit into `room`, made one; until none are left."""
    done: list[Box] = []
    while boxes:
        box = boxes.pop(0)
        for k, other in enumerate(done):
            union = _union(box, other)
            fits = all(u.stop - u.start <= r for u, r in zip(union, room, strict=True))
            if fits or _overlap(box, other):
                boxes.append(union)  # it may now meet others
                del done[k]
                break
        else:
            done.append(box)
    return done


def _union(a: Box, b: Box) -> Box:
    z, y, x = (slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
    return z, y, x


def _overlap(a: Box, b: Box) -> bool:
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


def _shown(box: Box, shape: Sequence[int], window: Sequence[int], context: Sequence[int]) -> Box:
    """A window about the box's middle, or as much more as the context needs, in the volume."""
    sides = []
    for part, length, side, around in zip(box, shape, window, context, strict=True):
        size = min(length, max(side, part.stop - part.start + 2 * around))
        first = (part.start + part.stop - size) // 2
        first = min(max(0, first), length - size)
        sides.append(slice(first, first + size))
    z, y, x = sides
    return z, y, x
