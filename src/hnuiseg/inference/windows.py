"""A volume seen through overlapping windows, and one answer blended from theirs.

Probabilities are blended, not logits: each window's softmax is weighted with a Gaussian that
trusts its centre, as in nnU-Net (doi 10.1038/s41592-020-01008-z).
"""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from hnuiseg.errors import WrongCall

_SIGMA = 1 / 8  # of the window's side, as in nnU-Net

Index = tuple[int, int, int]
WindowAnswer = Callable[[Float[Tensor, "b c z y x"]], Float[Tensor, "b k z y x"]]


def window_starts(shape: Index, window: Index, overlap: float = 0.5, cell: int = 1) -> list[Index]:
    """First voxels (z, y, x) of windows that together cover the volume, z slowest.

    Neighbours overlap by at least the fraction `overlap` (0 ≤ overlap < 1) and are spread
    evenly, so the last window ends with the volume. An axis shorter than its window has the
    one start 0: the volume is padded there. Starts are multiples of `cell`, as shape and window
    must be: a network that pools sees the same cells in every window.

    >>> window_starts((6, 4, 2), (4, 4, 4))
    [(0, 0, 0), (2, 0, 0)]
    """
    z, y, x = _axis_starts(shape, window, overlap, cell)
    return list(itertools.product(z, y, x))


def gaussian_weight(window: Index) -> Float[Tensor, "z y x"]:
    """Weight of each voxel of a window: 1 at the centre, falling to the faces, never zero."""
    z, y, x = (_axis_weight(n) for n in window)
    return z[:, None, None] * y[:, None] * x


def predict_windows(
    network: WindowAnswer,
    images: Float[Tensor, "c z y x"],
    window: Index,
    overlap: float = 0.5,
    *,
    padding: Float[Tensor, " c"],
    progress: Callable[[float], None] | None = None,
    batch: int = 1,
    cell: int = 1,
) -> Float[Tensor, "k z y x"]:
    """Blended probabilities of the whole volume, on the images' device, float32.

    `network` turns windows (b, c, *window) into probabilities (b, k, *window). A volume smaller
    than the window is padded on both sides with `padding`, one value a channel, and the answer
    is cropped back; so is one that isn't a multiple of `cell`, at its end. `progress` hears the
    finished fraction after every batch.
    """
    padded, inner = _padded(images, window, padding, cell)
    shape = index_of(padded.shape[1:])
    axes = _axis_starts(shape, window, overlap, cell)
    starts = window_starts(shape, window, overlap, cell)
    weight = gaussian_weight(window).to(images.device)
    blended: Tensor | None = None
    for first in range(0, len(starts), batch):
        boxes = [_box(start, window) for start in starts[first : first + batch]]
        answers = network(torch.stack([padded[(slice(None), *box)] for box in boxes]))
        if len(starts) == 1:  # nothing to blend
            if progress is not None:
                progress(1.0)
            return answers[0][(slice(None), *inner)].float()
        if blended is None:
            blended = torch.zeros((answers.shape[1], *shape), device=images.device)
        for box, answer in zip(boxes, answers, strict=True):
            blended[(slice(None), *box)] += answer * weight
        del answers
        if progress is not None:
            progress(min(1.0, (first + len(boxes)) / len(starts)))
    assert blended is not None  # there is always a window
    # The weights' sum is a product of its axes as weights and starts are: no volume to keep.
    for axis, values in enumerate(axes):
        total = _axis_total(values, window[axis], shape[axis]).to(images.device)
        blended /= total.reshape([-1 if k == axis else 1 for k in range(3)])
    return blended[(slice(None), *inner)]


def _axis_starts(shape: Index, window: Index, overlap: float, cell: int) -> list[list[int]]:
    if not 0 <= overlap < 1:
        raise WrongCall(
            f"a window overlap of {overlap}", "0 ≤ overlap < 1", "leave it at 0.5, the paper's"
        )
    starts = []
    for size, side in zip(shape, window, strict=True):
        assert side % cell == 0
        room = math.ceil(max(0, size - side) / cell)  # in cells
        # 1e-9: 0.1 of 10 voxels is one voxel, whatever binary fractions say
        step = max(1, math.floor(side / cell * (1 - overlap) + 1e-9))
        count = math.ceil(room / step) + 1
        starts.append([cell * round(k * room / max(1, count - 1)) for k in range(count)])
    return starts


def _axis_weight(side: int) -> Float[Tensor, " n"]:
    # Centred between the faces, so that a flipped window has the flipped weight
    distance = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    return torch.exp(-0.5 * (distance / (side * _SIGMA)) ** 2).float()


def _axis_total(starts: list[int], side: int, size: int) -> Float[Tensor, " n"]:
    total = torch.zeros(size)
    for start in starts:
        total[start : start + side] += _axis_weight(side)
    return total


def _padded(
    images: Float[Tensor, "c z y x"], window: Index, padding: Float[Tensor, " c"], cell: int
) -> tuple[Float[Tensor, "c z y x"], tuple[slice, slice, slice]]:
    """The images at least as large as the window, in whole cells, and where they lie in that."""
    shape = index_of(images.shape[1:])
    size = [max(math.ceil(n / cell) * cell, side) for n, side in zip(shape, window, strict=True)]
    low = [(large - n) // 2 // cell * cell for large, n in zip(size, shape, strict=True)]
    inner = _box(index_of(low), shape)
    if tuple(size) == shape:
        return images, inner
    air = padding.to(images).reshape(-1, 1, 1, 1)
    padded = air.expand(images.shape[0], *size).clone()
    padded[(slice(None), *inner)] = images
    return padded, inner


def _box(start: Index, shape: Index) -> tuple[slice, slice, slice]:
    z, y, x = (slice(a, a + n) for a, n in zip(start, shape, strict=True))
    return z, y, x


def index_of(sizes: Sequence[int]) -> Index:
    """Three sizes (z, y, x) as a tuple."""
    z, y, x = sizes
    return z, y, x
