"""What answers clicks, seen from the session: a question, an answer, and nothing of how.

A test network that answers at random stands in as easily as a server far away.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int16, UInt8

from hnuiseg.inference import likeliest
from hnuiseg.interaction.boxes import Box, placed, shape_of
from hnuiseg.interaction.clicks import Click, Index
from hnuiseg.interaction.state import NOT_SAMPLED
from hnuiseg.volume import Triple


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """All clicks that stand, at voxels of the CT as stored, and what the answer is wanted for."""

    clicks: tuple[Click, ...]  # in their order; those of this edit last
    asked: tuple[Index, ...]  # the voxels of this edit
    box: Box  # holds region R
    labels: UInt8[np.ndarray, "z y x"]  # of the whole image: the answer before
    members: int = 0  # stochastic members; 0: one pass without chance


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Probabilities and doubt within a box of the CT as stored; beyond it no label would change."""

    box: Box
    probabilities: Float[np.ndarray, "3 z y x"]
    entropy: Float[np.ndarray, "z y x"]
    mutual_information: Float[np.ndarray, "z y x"] | None  # None: one pass
    votes: Int16[np.ndarray, "z y x"]  # members that looked; 1 of one pass without chance
    zoomed_out: int = 0  # how often the window grew

    def labels(self) -> UInt8[np.ndarray, "z y x"]:
        """The likeliest class; the first of equals."""
        return likeliest(self.probabilities)

    def on(self, box: Box) -> "Answer":
        """The same on another box; where the network didn't look, background without votes."""
        if box == self.box:
            return self
        probabilities = np.empty((3, *shape_of(box)), dtype=np.float32)
        for k in range(3):
            beyond = 1.0 if k == 0 else 0.0
            probabilities[k] = placed(self.probabilities[k], self.box, box, beyond)
        shared = self.mutual_information
        return Answer(
            box,
            probabilities,
            placed(self.entropy, self.box, box),
            None if shared is None else placed(shared, self.box, box, float(NOT_SAMPLED)),
            placed(self.votes, self.box, box),
            self.zoomed_out,
        )


class Network(Protocol):
    """Answers a question about one case, without knowing of regions and locks."""

    @property
    def sha256(self) -> str:
        """Of the model file: what a session is bound to."""

    @property
    def ball_mm(self) -> Triple:
        """Radii of a click's own ball along the stored axes: three voxels of the working grid."""

    def answer(self, question: Question) -> Answer:
        """What the clicks make of the labels before, as far as the network sees: within the
        question's box, and wherever a label would change.
        """
