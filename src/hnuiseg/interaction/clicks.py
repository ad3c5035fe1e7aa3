"""Clicks, and the two channels in which a network sees them: the one encoder of the project."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

Tumour = Literal["GTVp", "GTVn"]
Index = tuple[int, int, int]  # z, y, x

TUMOURS: Mapping[Tumour, int] = {"GTVp": 1, "GTVn": 2}  # values of a label map, in channel order
RADIUS_VOXELS: Mapping[str, int] = {
    "ball": 3,  # the paper's "circles with a radius of three voxels"
    "edt": 5,  # its rim is faint, so it must be larger to be seen as well (docs/paper.md)
}


def _ball(radius: int) -> Bool[np.ndarray, "d d d"]:
    steps = np.arange(-radius, radius + 1)  # voxels, not mm: a prompt looks alike at every spacing
    inside: Bool[np.ndarray, "d d d"] = (
        steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2 <= radius**2
    )
    return inside


def _falling(inside: Bool[np.ndarray, "d d d"]) -> Float[np.ndarray, "d d d"]:
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1, 1:-1]
    return (depth / depth.max()).astype(np.float32)


_BALLS: Mapping[str, Float[np.ndarray, "d d d"]] = {
    "ball": _ball(RADIUS_VOXELS["ball"]).astype(np.float32),
    "edt": _falling(_ball(RADIUS_VOXELS["edt"])),
}


@dataclass(frozen=True, slots=True)
class Click:
    """Here is tumour of this class (positive), or here it isn't (negative)."""

    region: Tumour
    positive: bool
    index: Index  # z, y, x; voxel of the working grid or the patch, and may lie outside it


def prompts(
    shape: tuple[int, int, int], clicks: Iterable[Click], encoding: str = "ball"
) -> Float[np.ndarray, "2 z y x"]:
    """Prompt channels GTVp and GTVn in float32: a ball of +1 or −1 round each click, else 0.

    With the encoding "edt" a ball's values fall from ±1 in its centre towards its surface (an EDT
    ball, as in nnInteractive, arXiv 2503.08373): where a click was put stays visible.

    A ball holds the voxels up to `RADIUS_VOXELS[encoding]` index steps from its centre and knows
    nothing of any label: what it would tell about a tumour's edge is no more than where it was put.
    Of a ball that reaches beyond the image the part inside is drawn. A later click overwrites
    an earlier one. Without clicks both channels are exactly zero.

    Source: the paper's method of clicks; how the signs differ is our choice (docs/paper.md).
    """
    drawn, radius = _BALLS[encoding], RADIUS_VOXELS[encoding]
    channels = np.zeros((len(TUMOURS), *shape), dtype=np.float32)
    for click in clicks:
        there, of_ball = [], []
        for centre, length in zip(click.index, shape, strict=True):
            start = centre - radius
            low = max(0, start)
            high = max(low, min(length, centre + radius + 1))  # nothing, if far outside
            there.append(slice(low, high))
            of_ball.append(slice(low - start, high - start))
        channel = channels[list(TUMOURS).index(click.region)]
        ball = drawn[tuple(of_ball)]
        inside = ball > 0
        channel[tuple(there)][inside] = ball[inside] if click.positive else -ball[inside]
    return channels
