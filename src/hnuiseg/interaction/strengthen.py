"""A network that moves towards what was clicked, but not far enough, is taken at its word.

Networks follow clicks half-heartedly, negative ones most of all: the probability falls all over a
false lesion, and stays above that of background. What the network changes, in logits, is made so
many times stronger as the clicked voxel needs to become what the user says. Where and how smoothly
it changes remains the network's. One that would need more than eight times, or that moves the other
way, isn't strengthened. Nor is anything where a person spoke last, or a contour that was drawn
elsewhere: being less sure than a person isn't a move towards the click.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy import special

from hnuiseg.interaction.boxes import start_of
from hnuiseg.interaction.clicks import Index
from hnuiseg.interaction.network import Answer
from hnuiseg.interaction.state import State

MOST = 8.0  # times as strong
_BEYOND = 1.01  # of what is just enough: rounding must not undo it
_SURE = 1e-4  # probabilities nearer to 0 count as this: their logits mean nothing


def strengthened(
    state: State, answer: Answer, value: int, *, positive: bool, at: Sequence[Index]
) -> Answer:
    """The answer, strong enough for clicks of one class and sign at voxels that aren't so yet.

    `at` are voxels of the image within the answer's box. The answer itself where it is strong
    enough, or no strength up to `MOST` would do for any of them.
    """
    looked = state.votes[answer.box] > 0
    before = _logs(state.probabilities[(slice(None), *answer.box)])
    change = _logs(answer.probabilities) - before
    needed = [
        _needed(before[:, z, y, x], change[:, z, y, x], value, positive=positive)
        for index in at
        if (state.labels[index] == value) != positive
        for z, y, x in [tuple(i - s for i, s in zip(index, start_of(answer.box), strict=True))]
        if looked[z, y, x]
    ]
    times = max((t for t in needed if t <= MOST), default=1.0)
    if times <= 1.0:
        return answer
    logits = before + np.float32(times) * change
    weights = np.exp(logits - logits.max(axis=0))
    probabilities = np.where(looked, weights / weights.sum(axis=0), answer.probabilities)
    doubt = special.entr(probabilities).sum(axis=0)
    shared = answer.mutual_information
    return replace(
        answer,
        probabilities=probabilities,
        entropy=doubt,
        mutual_information=None if shared is None else np.minimum(shared, doubt),
    )


def _needed(
    before: Float[np.ndarray, "3"], change: Float[np.ndarray, "3"], value: int, *, positive: bool
) -> float:
    """How many times the change, until the class wins (or, negative, until another one does)."""
    others = [k for k in range(3) if k != value]
    lead = [float(before[value] - before[k]) for k in others]
    lost = [float(change[k] - change[value]) for k in others]  # of the lead, each time
    if positive:
        return max(
            0.0 if ahead > 0 and less <= 0 else (ahead / less if less < 0 else np.inf) * _BEYOND
            for ahead, less in zip(lead, lost, strict=True)
        )
    return min(
        ahead / less * _BEYOND if less > 0 else np.inf
        for ahead, less in zip(lead, lost, strict=True)
    )


def _logs(probabilities: Float[np.ndarray, "3 z y x"]) -> Float[np.ndarray, "3 z y x"]:
    return np.log(np.clip(probabilities, np.float32(_SURE), np.float32(1.0)))
