"""Experimental: the paper's way with clicks, the whole volume predicted again with all of them.

No session, viewer or command offers it, because it changes what nobody clicked at (law 5). It is
here to be compared with: what it says of a state comes with how far from any click its changes lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from hnuiseg.interaction.boxes import placed, whole
from hnuiseg.interaction.clicks import Click
from hnuiseg.interaction.network import Answer
from hnuiseg.interaction.state import State


class WholeNetwork(Protocol):
    """What can look at all of a patient at once (`CaseNetwork`)."""

    def whole(self, clicks: Sequence[Click], labels: UInt8[np.ndarray, "z y x"]) -> Answer:
        """The answer to all clicks, wherever there is patient."""


@dataclass(frozen=True, slots=True, eq=False)
class WholeAgain:
    """An answer that is bound to no region, and how far it went."""

    labels: UInt8[np.ndarray, "z y x"]
    distances_mm: Float[np.ndarray, " n"]  # of each changed voxel from the nearest click
    voxel_ml: float

    @property
    def changed_ml(self) -> float:
        """All that has another label."""
        return len(self.distances_mm) * self.voxel_ml

    @property
    def farthest_mm(self) -> float:
        """The farthest change; 0 where nothing changed."""
        return float(self.distances_mm.max(initial=0.0))

    def beyond_ml(self, distance_mm: float) -> float:
        """What changed farther from every click than this."""
        return int(np.count_nonzero(self.distances_mm > distance_mm)) * self.voxel_ml


def whole_again(network: WholeNetwork, state: State, clicks: Sequence[Click]) -> WholeAgain:
    """The whole volume with all clicks, instead of the state's labels."""
    from scipy.spatial import cKDTree

    answer = network.whole(clicks, state.labels)
    labels = placed(answer.labels(), answer.box, whole(state.grid.shape))
    spacing = np.asarray(state.grid.spacing)
    changed = np.argwhere(labels != state.labels) * spacing
    if not clicks or not len(changed):
        distances = np.full(len(changed), np.inf if len(changed) else 0.0)
    else:
        tree = cKDTree(np.array([click.index for click in clicks]) * spacing)
        distances = np.asarray(tree.query(changed)[0], dtype=np.float64)
    return WholeAgain(labels, distances, state.grid.voxel_ml)
