"""`predicted-places`: anywhere on the predicted border, or in the middle of what is largest."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from hnuiseg.interaction.clicks import Click, Index
from hnuiseg.interaction.component import components_of
from hnuiseg.interaction.random_voxels import random_voxels
from hnuiseg.interaction.robots.pointed import said_of
from hnuiseg.interaction.scene import Scene


@dataclass(frozen=True, slots=True)
class PredictedPlaces:
    """Looks at the prediction and not at the truth: what guidance must be better than.

    Each place is, half of the time, a random voxel on the surface of what was predicted, else the
    deepest voxel of one of the three largest components. The truth says sign and class there.
    """

    places: int = 2  # a step

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """Up to so many clicks; none where nothing was predicted."""
        mask = predicted != 0
        if not mask.any():
            return ()
        clicks: list[Click] = []
        for _ in range(self.places):
            if generator.random() < 0.5:
                (index,) = random_voxels(_surface(mask), 1, generator)
            else:
                index = _centre(mask, scene, generator)
            click = said_of(index, predicted, scene.truth)
            if click is not None and click.index not in {c.index for c in clicks}:
                clicks.append(click)
        return tuple(clicks)


def _surface(mask: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    return mask & ~ndimage.binary_erosion(mask)


def _centre(mask: Bool[np.ndarray, "z y x"], scene: Scene, generator: np.random.Generator) -> Index:
    largest = components_of(mask)[:3]
    return largest[int(generator.integers(len(largest)))].deepest(scene.spacing, generator)
