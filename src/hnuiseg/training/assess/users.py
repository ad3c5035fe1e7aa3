"""Simulated users: whom a model is measured with, and after which of their steps."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from hnuiseg.evaluation import judged_truth
from hnuiseg.inference import likeliest
from hnuiseg.interaction import Click, Human, Robot, Scene, one_after_the_other, robot
from hnuiseg.interaction.boxes import Box
from hnuiseg.interaction.clicks import Index
from hnuiseg.interaction.window import Windows
from hnuiseg.training.sample_store import StoredSample


class Network(Protocol):
    """A model asked in one way: see `WholeAnswers`."""

    def probabilities(
        self,
        sample: StoredSample,
        clicks: tuple[Click, ...] = (),
        before: UInt8[np.ndarray, "z y x"] | None = None,
        *,
        with_pet: bool = True,
        box: Box | None = None,
    ) -> Float[np.ndarray, "3 z y x"]:
        """Mean probability of each class on the working grid, or within a box of it."""

    def windows(self, shape: Index) -> Windows:
        """The boxes that it may be asked for on a patient of that shape."""


@dataclass(frozen=True, slots=True)
class User:
    """A robot, how often it clicks, and when is looked at what came of it."""

    name: str
    robot: Robot | None  # None: one that follows the session's suggestions (`Guided`)
    measured_after: tuple[int, ...]  # steps, rising; the last one ends it
    said: str
    only_confirmed: bool = False  # at the end, every component without a positive click is deleted
    deletes: bool = False  # a wholly invented lesion instead of saying no in it


def _nobody(
    predicted: UInt8[np.ndarray, "z y x"], scene: Scene, generator: np.random.Generator
) -> tuple[Click, ...]:
    return ()


USERS: Mapping[str, User] = {
    user.name: user
    for user in (
        User("automatic", _nobody, (0,), "no click"),
        User(
            "each-lesion",
            robot("each-lesion"),
            (1,),
            "one click where each lesion of the truth is deepest, chosen beforehand",
        ),
        User(
            "ten-clicks",
            robot("ten-clicks"),
            (1,),
            "up to five clicks a class at the largest errors of the automatic answer, all at once",
        ),
        User(
            "corrective",
            robot("ten-clicks", per_class=1),
            (1, 2, 3, 4, 5),
            "in each step one click a class at the largest error of the last answer",
        ),
        User(
            "unsteady",
            Human(robot("ten-clicks", per_class=1)),
            (1, 3, 5),
            "the same with a hand that is off by 3 mm along each axis (standard deviation) and "
            "says the opposite one time in twenty",
        ),
        User(
            "suggested",
            None,
            (1, 3, 5),
            "in each step the two places that `suggest` ranks first; the truth says only what is "
            "there",
        ),
        User(
            "predicted-places",
            robot("predicted-places"),
            (1, 3, 5),
            "in each step two places on the predicted border or in the middle of the largest "
            "components, by chance; the truth says only what is there",
        ),
        User(
            "each-lesion-alone",
            robot("each-lesion"),
            (1,),
            "the same one click a lesion, then all that has no click is deleted in one edit",
            only_confirmed=True,
        ),
        User(
            "deleting",
            robot("inventions-first"),
            (1, 2, 3, 4, 5),
            "in each step one act a class: what is wholly invented is deleted, the largest first; "
            "where nothing is, a click at the largest error",
            deletes=True,
        ),
    )
}
USUAL = ("automatic", "each-lesion", "ten-clicks", "corrective")
"""Who is measured where nobody asks for others."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What a network is asked: all clicks so far, and the labels that they correct, if any."""

    clicks: tuple[Click, ...] = ()
    before: UInt8[np.ndarray, "z y x"] | None = None  # on the working grid


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came of it, on the working grid: probabilities, and the labels that the user sees."""

    question: Question
    probabilities: Float[np.ndarray, "3 z y x"]
    labels: UInt8[np.ndarray, "z y x"]

    @classmethod
    def plain(cls, question: Question, probabilities: Float[np.ndarray, "3 z y x"]) -> "Answer":
        """Labelled by the likeliest class of each voxel."""
        return cls(question, probabilities, likeliest(probabilities))


Ask = Callable[[Question], Answer]


def judging(robot: Robot) -> Robot:
    """The robot as it sees what is measured: rims of lesions in 255 are no errors to click at."""

    def clicks(
        predicted: UInt8[np.ndarray, "z y x"], scene: Scene, generator: np.random.Generator
    ) -> tuple[Click, ...]:
        judged = replace(scene, truth=judged_truth(predicted, scene.truth))
        return robot(predicted, judged, generator)

    return clicks


def answers_to(
    user: User,
    robot: Robot,
    ask: Ask,
    automatic: Answer,
    scene: Scene,
    generator: np.random.Generator,
) -> Iterator[tuple[int, Answer]]:
    """The steps that are measured, with the answer after each; `robot` is the user's own.

    A user who finds nothing more to click keeps the last answer: it stands for later steps too.
    """
    last = automatic

    def predict(clicks: tuple[Click, ...]) -> UInt8[np.ndarray, "z y x"]:
        nonlocal last
        if clicks:
            last = ask(Question(clicks, last.labels))
        return last.labels

    steps = user.measured_after[-1]
    done = 0
    for done, _ in enumerate(one_after_the_other(robot, predict, scene, steps, generator)):
        if done in user.measured_after:
            yield done, last
    for step in user.measured_after:
        if step > done:
            yield step, last
