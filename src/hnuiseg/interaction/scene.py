"""What a robot user knows, and what it is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.clicks import Click
from hnuiseg.volume import Triple


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The patient as a robot sees it: the truth, and the PET where there is one.

    WrongCall where the two differ in shape.
    """

    truth: UInt8[np.ndarray, "z y x"]  # 0, 1 GTVp, 2 GTVn, 255 ignore
    spacing: Triple  # z, y, x; mm
    pet: Float[np.ndarray, "z y x"] | None = None  # on the same grid; any unit rising with SUV

    def __post_init__(self) -> None:
        if self.pet is not None and self.pet.shape != self.truth.shape:
            raise WrongCall(
                f"a PET of shape {self.pet.shape} and a truth of shape {self.truth.shape}",
                "both on one grid (z, y, x)",
                "resample the PET onto the truth's grid first",
            )


class Robot(Protocol):
    """A simulated user: looks at a prediction and the truth, and clicks.

    What a robot does by chance it takes from the generator only: the same state, the same
    clicks. No robot clicks where the truth says ignore, unless its hand slips (`Human`).
    """

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """The clicks that it makes now, in their order."""
        ...
