"""Users with a session's guarantee: each click changes its own region and nothing else (law 5)."""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from hnuiseg.errors import WrongCall
from hnuiseg.inference import entropy, likeliest
from hnuiseg.interaction import Answer as Answered
from hnuiseg.interaction import (
    Canvas,
    ClickEdit,
    DeleteEdit,
    Layer,
    Start,
    change_of,
    invented,
    places_in_doubt,
)
from hnuiseg.interaction import Question as Asked
from hnuiseg.interaction.asking import BALL_VOXELS
from hnuiseg.interaction.boxes import Box, shape_of
from hnuiseg.interaction.clicks import TUMOURS, Click, Index
from hnuiseg.interaction.component import component_at
from hnuiseg.interaction.edits import position, voxel
from hnuiseg.training.assess.users import Answer, Network, Question
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.volume import Grid, Triple


class WithinRegions:
    """Answers to one user's clicks as a session gives them, one click after the other.

    The session's own rules and windows, on the working grid. A click that a session refuses (it
    contradicts an earlier one at the same voxel) changes nothing.
    """

    sha256 = ""  # nothing is bound to it

    def __init__(
        self,
        sample: StoredSample,
        network: Network,
        automatic: Answer,
        *,
        doubt: Float[np.ndarray, "z y x"] | None = None,
        suv: Float[np.ndarray, "z y x"] | None = None,
        with_pet: bool = True,
        deletes_by: UInt8[np.ndarray, "z y x"] | None = None,
    ) -> None:
        """`doubt`: predictive entropy (nats) of the automatic answer, by default its own pass'.

        `deletes_by`: the truth of a user who deletes; a negative click in a lesion that is wholly
        invented by it is the lesion's deletion.
        """
        self._sample = sample
        self._network = network
        self._with_pet = with_pet
        self._suv = suv
        self._deletes_by = deletes_by
        self._grid = Grid.axial(sample.shape, sample.spacing)
        entropy = entropy_of(automatic.probabilities) if doubt is None else doubt
        labels, probabilities = automatic.labels, automatic.probabilities
        start = Start("automatic", labels, probabilities, entropy, None, None, self._grid)
        self._canvas = Canvas(start)
        self._layers: list[Layer] = []
        self._seen = 0  # clicks

    def __call__(self, question: Question) -> Answer:
        """The state after all clicks of the question; those of earlier calls stand."""
        for click in question.clicks[self._seen :]:
            edit = self._edit(click)
            try:
                change = change_of(edit, self._canvas.state, self._layers, self)
            except WrongCall:
                continue
            layer = change.layer(len(self._layers) + 1, edit)
            self._layers.append(layer)
            self._canvas.put(layer)
        self._seen = len(question.clicks)
        state = self._canvas.state
        return Answer(question, state.probabilities.copy(), state.labels.copy())

    def _edit(self, click: Click) -> ClickEdit | DeleteEdit:
        """What the user does where this click was meant."""
        at, truth = position(click.index, self._grid), self._deletes_by
        if truth is not None and not click.positive:
            drawn = self._canvas.state.labels == TUMOURS[click.region]
            if drawn[click.index] and invented(component_at(drawn, click.index), truth):
                return DeleteEdit(click.region, at)
        return ClickEdit(click.region, at, click.positive)

    def in_doubt(self, count: int) -> tuple[Index, ...]:
        """The voxels that a session would suggest now, the most promising first."""
        found = places_in_doubt(self._canvas.state, self._suv, self._layers, count)
        return tuple(voxel(one.position_mm, self._grid) for one in found)

    @property
    def ball_mm(self) -> Triple:
        """Of a click that the network doesn't follow."""
        z, y, x = (BALL_VOXELS * mm for mm in self._grid.spacing)
        return z, y, x

    def answer(self, question: Asked) -> Answered:
        """The network's, within the last window that it looked through."""
        windows = self._network.windows(self._sample.shape)

        def look(
            window: Box,
        ) -> tuple[Float[np.ndarray, "3 z y x"], Bool[np.ndarray, "z y x"]]:
            found = self._network.probabilities(
                self._sample, question.clicks, question.labels, with_pet=self._with_pet, box=window
            )
            return found, likeliest(found) != question.labels[window]

        first = windows.first([s.start for s in question.box], [s.stop for s in question.box])
        window, probabilities, grew = windows.looked(first, question.asked, look)
        votes = np.ones(shape_of(window), dtype=np.int16)
        return Answered(window, probabilities, entropy_of(probabilities), None, votes, grew)


def entropy_of(probabilities: Float[np.ndarray, "3 z y x"]) -> Float[np.ndarray, "z y x"]:
    """Predictive entropy in nats."""
    return entropy(torch.from_numpy(probabilities)).numpy()
