"""Clicks that answer each other: a robot clicks, the network predicts, the robot looks again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import Click
from hnuiseg.interaction.scene import Robot, Scene


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What had been clicked, and what was predicted from it."""

    clicks: tuple[Click, ...]  # all so far, in their order
    predicted: UInt8[np.ndarray, "z y x"]


def one_after_the_other(
    robot: Robot,
    predict: Callable[[tuple[Click, ...]], UInt8[np.ndarray, "z y x"]],
    scene: Scene,
    steps: int,
    generator: np.random.Generator,
) -> Iterator[Step]:
    """The prediction without clicks, then one after each of up to `steps` times the robot clicks.

    Ends early when the robot has nothing more to say. `predict` gets all clicks so far. With
    `LargestError` and ten steps this is the sequential variant of `ten-clicks`; `TenClicks(1)`
    and five steps clicks each class once before the network answers, and `Cvpr2025` with five
    steps is the challenge's protocol.

    One step at a time is in memory: keep the scores, not the maps.
    """
    step = Step((), predict(()))
    yield step
    for _ in range(steps):
        new = robot(step.predicted, scene, generator)
        if not new:
            return
        clicks = (*step.clicks, *new)
        step = Step(clicks, predict(clicks))
        yield step
