"""Where to look next, from the state alone: nobody knows the truth here.

A voxel is expected to be wrong as often as its label isn't what it would be: 1 less the probability
of its label. These expectations are added up in each place's neighbourhood, so that a doubtful node
or a thick doubtful rim outweighs the thin shell of doubt along every contour, which is no error;
and they are taken as a share of what is drawn of their class, so that a small node isn't outweighed
by the rim of a large primary. A piece of uptake that nobody labelled, no larger than a tumour,
counts a little by itself. What was clicked at, accepted or locked isn't suggested again.

How large a neighbourhood, how far apart and which share: chosen on calibration patients. What comes
of it on others: docs/results/session.md.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.interaction.boxes import Box, around, box_of, moved, start_of, tight
from hnuiseg.interaction.change import standing_clicks
from hnuiseg.interaction.clicks import Index
from hnuiseg.interaction.edits import position
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.lesions import ball
from hnuiseg.interaction.state import State
from hnuiseg.study import Case
from hnuiseg.volume import Triple, components

DOUBT = 0.25  # of the largest entropy, ln 3: below, a voxel is no candidate
HOT_SUV = 4.0  # g/ml, unlabelled: a candidate without any doubt of the network's
UPTAKE_ML = (0.5, 60.0)  # of such a piece: noise is smaller, a brain larger
_HOT = 0.1  # how often a voxel of such a piece is expected to be wrong, at least
_NEAR_MM = 4.0  # standard deviation of the neighbourhood
_APART_MM = 12.0  # from one place to the next, and to what was clicked
_COARSE_MM = 3.0  # voxels are joined up to this side before their neighbourhoods are looked at
_SMALL_ML = 2.0  # added to what is drawn of a class: one that has nothing isn't worth everything
_LEAST_ML = 0.01  # expected to be wrong


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A place worth a click, and why; sign and class are the user's to say."""

    position_mm: Triple
    score: float  # ml expected to be wrong near it, per ml drawn of its class and 2
    volume_ml: float  # of the voxels in doubt, or of unlabelled uptake, near it
    doubt: float  # their mean entropy, in nats
    suv_max: float | None  # their greatest, g/ml on the CT's grid
    label: int  # what is said there now: 0, 1 GTVp, 2 GTVn


def suggest(
    case: Case, state: State, layers: Sequence[Layer] = (), count: int = 5
) -> tuple[Suggestion, ...]:
    """Up to so many places, the most promising first; none where nothing is in doubt."""
    pet = None if case.pet is None else case.pet.on_ct.array
    return places_in_doubt(state, pet, layers, count)


def places_in_doubt(
    state: State,
    pet: Float[np.ndarray, "z y x"] | None,
    layers: Sequence[Layer] = (),
    count: int = 5,
) -> tuple[Suggestion, ...]:
    """`suggest` of a state alone, with SUV (g/ml) on its grid or without."""
    doubtful = state.entropy >= np.float32(DOUBT * math.log(3))
    hot = np.zeros_like(doubtful) if pet is None else _unlabelled_uptake(state, pet)
    free = (doubtful | hot) & ~state.locked
    _leave_out(free, state, layers)
    box = tight(free)
    if box is None:
        return ()
    wrong, lost = _expected_loss(state, box, free[box], hot[box])
    return tuple(
        _suggestion(state, box, place, score, free[box], pet)
        for place, score in _peaks(wrong, lost, state.grid.spacing, count)
    )


def _unlabelled_uptake(state: State, pet: Float[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Pieces of uptake without a label that are neither too small nor too large for a tumour."""
    hot = (pet >= HOT_SUV) & (state.labels == 0)
    box = tight(hot)
    if box is None:
        return hot
    numbers, _ = components(hot[box])
    ml = np.bincount(numbers.ravel()) * state.grid.voxel_ml
    fits = (ml >= UPTAKE_ML[0]) & (ml <= UPTAKE_ML[1])
    fits[0] = False  # what isn't hot
    hot[box] = fits[numbers]
    return hot


def _expected_loss(
    state: State, box: Box, free: Bool[np.ndarray, "z y x"], hot: Bool[np.ndarray, "z y x"]
) -> tuple[Float[np.ndarray, "z y x"], Float[np.ndarray, "z y x"]]:
    """How often the label of each free voxel is wrong, if the probabilities are true; else 0.

    And what that costs its class, or where nothing is labelled both, for each ml drawn of it.
    """
    labels, probabilities = state.labels[box], state.probabilities[(slice(None), *box)]
    drawn = [
        0 if state.occupied is None else np.count_nonzero(state.labels[state.occupied] == value)
        for value in (1, 2)
    ]
    per_ml = [1.0 / (voxels * state.grid.voxel_ml + _SMALL_ML) for voxels in drawn]
    wrong, lost = (np.zeros(free.shape, dtype=np.float32) for _ in range(2))
    for value, each in enumerate(per_ml, start=1):
        own = free & (labels == value)
        wrong[own] = 1.0 - probabilities[value][own]
        lost[own] = wrong[own] * np.float32(each)
    none = free & (labels == 0)
    wrong[none] = 1.0 - probabilities[0][none]
    lost[none] = sum(
        np.float32(each) * probabilities[value][none] for value, each in enumerate(per_ml, start=1)
    )
    seen = free & hot
    wrong[seen] = np.maximum(wrong[seen], np.float32(_HOT))
    lost[seen] = np.maximum(lost[seen], np.float32(_HOT * max(per_ml)))
    return wrong, lost


def _peaks(
    wrong: Float[np.ndarray, "z y x"],
    lost: Float[np.ndarray, "z y x"],
    spacing: Triple,
    count: int,
) -> Iterator[tuple[Index, float]]:
    """The voxels round which most is to be lost, apart from one another, and how much."""
    steps = [max(1, math.floor(_COARSE_MM / mm)) for mm in spacing]
    ends = [(0, -n % step) for n, step in zip(wrong.shape, steps, strict=True)]
    sides = [mm * step for mm, step in zip(spacing, steps, strict=True)]
    padded = np.pad(wrong, ends)
    ml, near = (_near(p, steps, sides) for p in (padded, np.pad(lost, ends)))
    near[ml < _LEAST_ML] = 0.0
    apart = [math.floor(_APART_MM / mm) for mm in sides]
    for _ in range(count):
        cell = [int(i) for i in np.unravel_index(int(near.argmax()), near.shape)]
        most = float(near[tuple(cell)])
        if most <= 0.0:
            return
        low = [i * step for i, step in zip(cell, steps, strict=True)]
        own = padded[box_of(low, [i + step for i, step in zip(low, steps, strict=True)])]
        inner = np.unravel_index(int(own.argmax()), own.shape)
        z, y, x = (min(i + int(k), n - 1) for i, k, n in zip(low, inner, wrong.shape, strict=True))
        yield (z, y, x), most
        near[around(cell, apart, near.shape)] = 0.0


def _near(
    padded: Float[np.ndarray, "z y x"], steps: Sequence[int], sides_mm: Sequence[float]
) -> Float[np.ndarray, "a b c"]:
    """Summed up over ml round each cell of so many voxels, weighted by a Gaussian."""
    a, b, c = (n // step for n, step in zip(padded.shape, steps, strict=True))
    cells = padded.reshape(a, steps[0], b, steps[1], c, steps[2]).mean(axis=(1, 3, 5))
    near = ndimage.gaussian_filter(cells, [_NEAR_MM / mm for mm in sides_mm], mode="constant")
    return near * np.float32((math.sqrt(2 * math.pi) * _NEAR_MM) ** 3 / 1000.0)


def _suggestion(
    state: State,
    box: Box,
    place: Index,
    score: float,
    free: Bool[np.ndarray, "z y x"],
    pet: Float[np.ndarray, "z y x"] | None,
) -> Suggestion:
    z, y, x = (i + s for i, s in zip(place, start_of(box), strict=True))
    index: Index = (z, y, x)
    reach = [math.floor(_APART_MM / mm) for mm in state.grid.spacing]
    near = around(place, reach, free.shape)
    mask, where = free[near], moved(near, start_of(box))
    found = int(np.count_nonzero(mask))
    return Suggestion(
        position(index, state.grid),
        score,
        found * state.grid.voxel_ml,
        float(state.entropy[where][mask].mean(dtype=np.float64)) if found else 0.0,
        float(pet[where][mask].max()) if pet is not None and found else None,
        int(state.labels[index]),
    )


def _leave_out(uncertain: Bool[np.ndarray, "z y x"], state: State, layers: Sequence[Layer]) -> None:
    for click in standing_clicks(layers, state):
        done = ball(state.grid, click.index, (_APART_MM, _APART_MM, _APART_MM))
        uncertain[done.box] &= ~done.mask
    for layer in layers:
        if layer.mark == "accept" and layer.count:
            uncertain[layer.box] &= ~layer.mask()
