"""Components too doubtful to be drawn: what a model's file says is more often noise than tumour.

A file may name a least volume of each class (`ModelSettings.least_ml`), and a least peak
(`least_peak`): the probability that a component must reach somewhere, while its extent is where its
class is the likeliest (thresholding with hysteresis). Other 26-connected components aren't drawn,
and are listed with their place; probabilities stay as they are.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from hnuiseg.inference.prediction import CLASSES, NotDrawn
from hnuiseg.models import ModelSettings
from hnuiseg.volume import Grid, components

Pair = tuple[float, float]  # of GTVp and GTVn


@dataclass(frozen=True, slots=True)
class Least:
    """What a component must reach to be drawn."""

    ml: Pair = (0.0, 0.0)
    peak: Pair = (0.0, 0.0)  # probability of its class, in its most probable voxel

    @classmethod
    def of(cls, settings: ModelSettings) -> "Least":
        """As a model's file says; where it says nothing, everything is drawn."""
        return cls(settings.least_ml or (0.0, 0.0), settings.least_peak or (0.0, 0.0))

    @property
    def asks_nothing(self) -> bool:
        """Whether everything is drawn."""
        return not any((*self.ml, *self.peak))


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Labels without what is too doubtful, and what that was."""

    labels: UInt8[np.ndarray, "z y x"]
    left_out: tuple[NotDrawn, ...]


def drawn(
    labels: UInt8[np.ndarray, "z y x"],
    probabilities: Float[np.ndarray, "3 z y x"],
    grid: Grid,
    least: Least,
    spared_mm: tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "m 3"]] | None = None,
    reach_mm: float = 0.0,
) -> Drawn:
    """Labels in which every component reaches the least of its class, or has a person's word.

    `spared_mm`: LPS positions of GTVp and of GTVn that a person confirmed; a component with a
    voxel within `reach_mm` of one, or the nearest voxel to it, stays, whatever it is.
    """
    if least.asks_nothing or not labels.any():
        return Drawn(labels, ())
    kept, left_out = labels.copy(), []
    around = ndimage.find_objects((labels > 0).view(np.uint8))[0]  # a scan is mostly background
    seen = kept[around]  # a view
    grid = grid.cropped((around[0].start, around[1].start, around[2].start), seen.shape)
    for k, (ml, probability) in enumerate(zip(least.ml, least.peak, strict=True)):
        numbered, count = components(seen == k + 1)
        volumes = np.bincount(numbered.ravel(), minlength=count + 1)[1:] * grid.voxel_ml
        peaks = np.array(
            ndimage.maximum(probabilities[k + 1][around], numbered, np.arange(1, count + 1))
        )
        doubtful = np.flatnonzero((volumes < ml) | (peaks < probability)) + 1
        if not len(doubtful):
            continue
        spared = set() if spared_mm is None else _touched(numbered, grid, spared_mm[k], reach_mm)
        boxes = ndimage.find_objects(numbered)
        for number in doubtful.tolist():
            if number in spared:
                continue
            box = boxes[number - 1]
            inside = numbered[box] == number
            seen[box][inside] = 0
            sure = np.where(inside, probabilities[k + 1][around][box], -1.0)
            top = np.array(np.unravel_index(int(sure.argmax()), sure.shape))
            x, y, z = grid.to_world(top[None] + [side.start for side in box])[0]
            place = (float(x), float(y), float(z))
            volume, peak = float(volumes[number - 1]), float(peaks[number - 1])
            left_out.append(NotDrawn(CLASSES[k + 1], volume, peak, place))
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
