"""`cvpr-2025`: one step of the interactive 3-D segmentation challenge at CVPR 2025."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import TUMOURS, Click
from hnuiseg.interaction.component import components_of
from hnuiseg.interaction.findings import require_one_grid
from hnuiseg.interaction.scene import Scene
from hnuiseg.study import IGNORE


@dataclass(frozen=True, slots=True)
class Cvpr2025:
    """One click in each class, in parallel: the challenge makes up to five such steps.

    Here an error is any voxel of a class that is wrong: missed and invented voxels that touch
    are one component, other than for `ten-clicks`. The click goes where the largest one is
    deepest, by distance in voxels, and has the sign of that voxel.

    Source: CVPR25_iter_eval.py of the challenge, which draws ties with seed 42 and looks only
    at classes that the truth has; here a class that was only invented gets its click too.
    """

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """At most one click for each class; none for a class without errors."""
        require_one_grid(predicted, scene.truth)
        clicks = []
        for region, value in TUMOURS.items():
            wrong = ((predicted == value) != (scene.truth == value)) & (scene.truth != IGNORE)
            for largest in components_of(wrong)[:1]:
                index = largest.deepest((1.0, 1.0, 1.0), generator)
                clicks.append(Click(region, bool(scene.truth[index] == value), index))
        return tuple(clicks)
