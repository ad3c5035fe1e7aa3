"""Components too small to be drawn: what a model's file says is more often noise than tumour.

A file may name a least volume of each class (`ModelSettings.least_ml`). Smaller 26-connected
components aren't drawn, and are listed with their place; probabilities stay as they are.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from hnuiseg.inference.prediction import CLASSES, NotDrawn
from hnuiseg.volume import Grid, components

LeastMl = tuple[float, float]  # of GTVp and GTVn


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Labels without what is too small, and what that was."""

    labels: UInt8[np.ndarray, "z y x"]
    left_out: tuple[NotDrawn, ...]


def drawn(
    labels: UInt8[np.ndarray, "z y x"],
    grid: Grid,
    least_ml: LeastMl | None,
    spared_mm: tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "m 3"]] | None = None,
    reach_mm: float = 0.0,
) -> Drawn:
    """Labels in which every component has the least volume of its class, or a person's word.

    `spared_mm`: LPS positions of GTVp and of GTVn that a person confirmed; a component with a
    voxel within `reach_mm` of one, or the nearest voxel to it, stays, however small.
    """
    if least_ml is None or not labels.any():
        return Drawn(labels, ())
    kept, left_out = labels.copy(), []
    around = ndimage.find_objects((labels > 0).view(np.uint8))[0]  # a scan is mostly background
    seen = kept[around]  # a view
    grid = grid.cropped((around[0].start, around[1].start, around[2].start), seen.shape)
    for k, least in enumerate(least_ml):
        numbered, count = components(seen == k + 1)
        volumes = np.bincount(numbered.ravel(), minlength=count + 1)[1:] * grid.voxel_ml
        first_small = int((volumes >= least).sum()) + 1  # numbered by falling volume
        if first_small > count:
            continue
        spared = set() if spared_mm is None else _touched(numbered, grid, spared_mm[k], reach_mm)
        boxes = ndimage.find_objects(numbered)
        for number in range(first_small, count + 1):
            if number in spared:
                continue
            box = boxes[number - 1]
            inside = numbered[box] == number
            seen[box][inside] = 0
            middle = np.argwhere(inside).mean(axis=0) + [side.start for side in box]
            x, y, z = grid.to_world(middle[None])[0]
            place = (float(x), float(y), float(z))
            left_out.append(NotDrawn(CLASSES[k + 1], float(volumes[number - 1]), place))
    return Drawn(kept, tuple(left_out))


def _touched(
    numbered: np.ndarray, grid: Grid, points_mm: Float[np.ndarray, "n 3"], reach_mm: float
) -> set[int]:
    """Numbers of the components that lie within reach of any of the points."""
    found: set[int] = set()
    half = np.floor(reach_mm / np.asarray(grid.spacing)).astype(int)
    for index in np.rint(grid.to_index(points_mm.reshape(-1, 3))).astype(int):
        low = np.clip(index - half, 0, grid.shape)
        high = np.clip(index + half + 1, 0, grid.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        found |= set(np.unique(numbered[box]).tolist())
    return found - {0}
