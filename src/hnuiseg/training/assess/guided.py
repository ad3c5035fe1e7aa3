"""A user who follows `suggest`: the state says where, the truth only what is there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction import Click, Scene, said_of
from hnuiseg.training.assess.regions import WithinRegions

_LOOKED_AT = 50  # suggestions, until enough of them lie where the truth is known


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """Clicks at the most promising places, and says what is true there; a robot of one session."""

    session: WithinRegions
    places: int = 2  # a step

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """Up to so many clicks; none where nothing is in doubt."""
        said = (
            said_of(index, predicted, scene.truth) for index in self.session.in_doubt(_LOOKED_AT)
        )
        return tuple([click for click in said if click is not None][: self.places])
