"""The layers over the start as arrays: the only thing here that changes.

What it holds follows from start and layers alone (`compose` makes it from scratch). An edit, an
undo or a removal recomputes the box that it touches and no more.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int16, Shaped

from hnuiseg.interaction.boxes import Box, joined, shared, tight, within
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.start import Start, writable
from hnuiseg.interaction.state import NOT_SAMPLED, State


class Canvas:
    """Arrays of the present state."""

    def __init__(self, start: Start, layers: Iterable[Layer] = ()) -> None:
        self._start = start
        self._labels = writable(start.labels)
        if start.origin == "labels":  # made, not copied: its zeros take no memory until written on
            made = Start.from_array(start.labels, start.grid, {})
            self._probabilities, self._entropy = made.probabilities, made.entropy
        else:
            self._probabilities = writable(start.probabilities)
            self._entropy = writable(start.entropy)
        shape = start.labels.shape
        self._shared = (
            np.full(shape, NOT_SAMPLED, dtype=np.float32)
            if start.mutual_information is None
            else writable(start.mutual_information)
        )
        self._votes = _votes(start)
        self._locked = np.zeros(shape, dtype=bool)
        self._occupied = tight(start.labels != 0)
        for layer in layers:
            self.put(layer)

    @property
    def state(self) -> State:
        """The present state; its arrays can't be written on."""
        return State(
            _seen(self._labels),
            _seen(self._probabilities),
            _seen(self._entropy),
            _seen(self._shared),
            _seen(self._votes),
            _seen(self._locked),
            self._start.grid,
            self._occupied,
        )

    def put(self, layer: Layer) -> None:
        """One more layer on top."""
        if layer.count:
            self._paint(layer, layer.box)

    def recompose(self, box: Box, layers: Sequence[Layer]) -> None:
        """What the layers make of a box, from the start on."""
        start = self._start
        self._labels[box] = start.labels[box]
        self._probabilities[(slice(None), *box)] = start.probabilities[(slice(None), *box)]
        self._entropy[box] = start.entropy[box]
        self._shared[box] = (
            NOT_SAMPLED if start.mutual_information is None else start.mutual_information[box]
        )
        self._votes[box] = start.least_votes if start.votes is None else start.votes[box]
        self._locked[box] = False
        for layer in layers:
            both = shared(layer.box, box) if layer.count else None
            if both is not None:
                self._paint(layer, both)

    def _paint(self, layer: Layer, box: Box) -> None:
        """A layer's voxels within a box."""
        there = within(box, layer.box)
        mask = layer.mask()
        if layer.mark in ("lock", "unlock"):
            self._locked[box][mask[there]] = layer.mark == "lock"
        if layer.packed_values is None:
            return
        values = layer.values()
        cut = mask[there]
        if int(np.count_nonzero(cut)) != layer.count:
            inner = np.zeros_like(mask)
            inner[there] = cut
            values = values.of(inner[mask])
        self._labels[box][cut] = values.labels
        for k in range(3):
            self._probabilities[k][box][cut] = values.probabilities[k]
        self._entropy[box][cut] = values.entropy
        self._shared[box][cut] = values.mutual_information
        self._votes[box][cut] = values.votes
        if values.labels.any():
            self._occupied = box if self._occupied is None else joined(self._occupied, box)


def _seen(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _votes(start: Start) -> Int16[np.ndarray, "z y x"]:
    if start.votes is not None:
        return writable(start.votes)
    return np.full(start.labels.shape, start.least_votes, dtype=np.int16)


def compose(start: Start, layers: Iterable[Layer]) -> State:
    """The state that layers in their order make over a start."""
    return Canvas(start, layers).state


def touched(before: Sequence[Layer], after: Sequence[Layer]) -> tuple[Box, ...]:
    """Boxes in which two lists may differ: of the layers that only one of them has.

    Layers that both have stand in the same order: no act changes it.
    """
    old, new = {layer.edit_id for layer in before}, {layer.edit_id for layer in after}
    return tuple(
        layer.box for layer in (*before, *after) if layer.edit_id in old ^ new and layer.count
    )
