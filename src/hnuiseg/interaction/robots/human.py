"""`human`: another robot with an unsteady hand, which is sometimes wrong."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import UInt8

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.clicks import Click
from hnuiseg.interaction.robots.ten_clicks import TenClicks
from hnuiseg.interaction.scene import Robot, Scene


@dataclass(frozen=True, slots=True)
class Human:
    """Clicks of `robot`, moved by a Gaussian and now and then with the wrong sign.

    The robot's clicks come from the generator first, so a hand that is steady and never wrong
    makes just these. Robots without faults overstate what clicks gain (Marinov et al., arXiv
    2404.01816); how large the faults are is our choice.
    """

    robot: Robot = field(default_factory=TenClicks)
    jitter_mm: float = 3.0  # standard deviation along each axis
    wrong: float = 0.05  # probability of the other sign

    def __post_init__(self) -> None:
        if not (self.jitter_mm >= 0.0 and 0.0 <= self.wrong <= 1.0):
            raise WrongCall(
                f"a jitter of {self.jitter_mm} mm, wrong with probability {self.wrong}",
                "a jitter of 0 or more, a probability from 0 to 1",
                "give a standard deviation in mm and a probability",
            )

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """As many clicks as the robot makes, inside the image."""
        meant = self.robot(predicted, scene, generator)
        return tuple(self._made(click, scene, generator) for click in meant)

    def _made(self, click: Click, scene: Scene, generator: np.random.Generator) -> Click:
        moved_mm = generator.normal(0.0, self.jitter_mm, size=3)
        slips = bool(generator.random() < self.wrong)
        z, y, x = (
            min(max(i + round(mm / step), 0), length - 1)
            for i, mm, step, length in zip(
                click.index, moved_mm.tolist(), scene.spacing, scene.truth.shape, strict=True
            )
        )
        return replace(click, index=(z, y, x), positive=click.positive != slips)
