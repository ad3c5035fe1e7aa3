"""`largest-error`: one click where a prediction is most wrong."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import Click
from hnuiseg.interaction.findings import error_findings
from hnuiseg.interaction.scene import Scene


@dataclass(frozen=True, slots=True)
class LargestError:
    """One step of the ten clicks made one after the other (`one_after_the_other`).

    The largest error over both classes and both kinds, where it is deepest (mm).
    """

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """One click; none where nothing is wrong."""
        return tuple(
            f.deepest_click(scene.spacing, generator)
            for f in error_findings(predicted, scene.truth)[:1]
        )
