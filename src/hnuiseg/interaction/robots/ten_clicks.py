"""`ten-clicks`: the largest errors of the automatic mask, up to five in each class."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.clicks import TUMOURS, Click
from hnuiseg.interaction.findings import error_findings
from hnuiseg.interaction.scene import Scene


@dataclass(frozen=True, slots=True)
class TenClicks:
    """The paper's ten clicks, all at once; `per_class` 0 to 5 gives its Figure 4.

    By falling size of the error, positive in what was missed and negative in what was invented,
    where the error is deepest (mm). Both classes take turns, largest errors first, so that a
    smaller budget makes the first clicks of a larger one.
    """

    per_class: int = 5

    def __post_init__(self) -> None:
        if self.per_class < 0:
            raise WrongCall(
                f"{self.per_class} clicks a class", "0 or more", "give a budget of clicks"
            )

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """Up to `per_class` clicks for each class; fewer where fewer errors are left."""
        found = error_findings(predicted, scene.truth)
        by_class = [[f for f in found if f.region == region] for region in TUMOURS]
        in_turn = [
            ranked[turn]
            for turn in range(self.per_class)
            for ranked in by_class
            if turn < len(ranked)
        ]
        return tuple(f.deepest_click(scene.spacing, generator) for f in in_turn)
