"""`inventions-first`: what is wholly invented comes before what is only badly drawn."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import TUMOURS, Click
from hnuiseg.interaction.component import Component, components_of
from hnuiseg.interaction.findings import Finding, error_findings
from hnuiseg.interaction.scene import Scene
from hnuiseg.study import IGNORE


@dataclass(frozen=True, slots=True)
class InventionsFirst:
    """One click a class, as someone makes it who looks down the list of lesions first.

    Negative in the largest predicted lesion that holds no voxel of a true one, where it is deepest
    (mm); where there is none, at the class's largest error as `ten-clicks` makes it.
    """

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """At most one click for each class; none for a class without errors."""
        errors = error_findings(predicted, scene.truth)
        clicks = []
        for region, value in TUMOURS.items():
            findings = [
                Finding(region, positive=False, component=lesion)
                for lesion in components_of(predicted == value)
                if invented(lesion, scene.truth)
            ]
            findings += [error for error in errors if error.region == region]
            clicks += [one.deepest_click(scene.spacing, generator) for one in findings[:1]]
        return tuple(clicks)


def invented(lesion: Component, truth: UInt8[np.ndarray, "z y x"]) -> bool:
    """Whether a predicted lesion holds no voxel of a true one; one in 255 as a whole isn't."""
    there = truth[lesion.box][lesion.mask]
    return bool((there == 0).any() and np.isin(there, (0, IGNORE)).all())
