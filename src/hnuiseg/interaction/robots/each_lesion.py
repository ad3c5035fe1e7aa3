"""`each-lesion`: one click for each lesion, whatever was predicted."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import Click
from hnuiseg.interaction.findings import lesion_findings
from hnuiseg.interaction.scene import Scene


@dataclass(frozen=True, slots=True)
class EachLesion:
    """The paper's one click a lesion: positive, where the lesion is deepest (mm), no other.

    Largest lesion first.
    """

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """A click in every lesion of the truth; the prediction isn't looked at."""
        return tuple(
            lesion.deepest_click(scene.spacing, generator)
            for lesion in lesion_findings(scene.truth)
        )
