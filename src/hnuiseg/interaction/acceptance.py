"""What of a network's answer is taken: the part of it that the click asked for, within region R.

A positive click lets voxels become its class, a negative one lets them stop being it; of these
changes the connected piece that holds the click is taken, and nothing else. A click on what already
has the said class speaks for the piece that it lies in: changes that touch this piece are taken.
Where for a negative click in a lesion the network takes away half of its part in R or more, the
rest goes too, unless that would overturn an earlier click: a crumb would cost one click more.
Where the network has nothing of the kind, the click's own ball is set and the edit is *forced*,
unless the clicked voxel is already what the user says.
Of what stops being the class, specks that would be new lesions of the other one become background.
Voxels of the other class change only where the click lies on them: that piece goes over to the
clicked class, within R. The clicked voxel always gets what the user said.
Where all this would overturn an earlier click, what lies nearer to that one stays as it is.

Everything here is about arrays of R's box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from hnuiseg.interaction.boxes import Box, placed, shared, within
from hnuiseg.interaction.clicks import Click, Index
from hnuiseg.interaction.lesions import ball
from hnuiseg.interaction.nearer import nearer_part, overturned
from hnuiseg.interaction.network import Answer
from hnuiseg.interaction.region import Region
from hnuiseg.interaction.state import NOT_SAMPLED, State, Values
from hnuiseg.volume import Triple

_SPECK_ML = 0.1  # smaller lesions are flagged in reports: nobody asked for one here
_HALF = 0.5  # of a lesion's part in R
_TOUCHING = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """The voxels that change, as a mask of R's box, and what they get."""

    mask: Bool[np.ndarray, "z y x"]
    values: Values  # in C order of the mask
    forced: bool


def accept(
    state: State,
    region: Region,
    answer: Answer,
    value: int,
    *,
    positive: bool,
    at: Sequence[Index],
    ball_mm: Triple,
    earlier: Sequence[Click] = (),
) -> Accepted:
    """What an answer may change for clicks of one class and sign.

    `at` are their voxels; `earlier` are the clicks that stand already.
    """
    here = set(at)
    elsewhere = [click for click in earlier if click.index not in here]
    denied_here = [click.index for click in earlier if click.index in here and not click.positive]
    kept: list[Index] = []
    part, crumbs = region, not positive
    while True:
        found = _accept(
            state,
            part,
            answer,
            value,
            positive=positive,
            at=at,
            ball_mm=ball_mm,
            neither=() if positive else denied_here,
            crumbs=crumbs,
        )
        after = state.labels[region.box].copy()
        after[found.mask] = found.values.labels
        denied = overturned(elsewhere, state.labels, region.box, after)
        if not denied:
            return found
        if crumbs:
            crumbs = False
        else:
            kept += [click.index for click in denied]
            part = nearer_part(region, at, kept, state.grid.spacing)


def _accept(
    state: State,
    region: Region,
    answer: Answer,
    value: int,
    *,
    positive: bool,
    at: Sequence[Index],
    ball_mm: Triple,
    neither: Sequence[Index],
    crumbs: bool,
) -> Accepted:
    before = state.labels[region.box]
    seen = answer.on(region.box)
    said = seen.labels()
    clicked = _clicked(at, region.box, before.shape)
    may = region.mask
    own = before == value
    piece = np.zeros_like(may)  # of the other class, where it was clicked
    if positive:
        piece = _holding(may & (before != 0) & ~own, clicked)
        changes = may & (said == value) & (before == 0)
        seeds = clicked | piece | _holding(may & own, clicked)
    else:
        changes = may & own & (said != value)
        seeds = clicked
        clicked = clicked & own  # elsewhere the click is true already, and nothing is to be set
    taken = _holding(changes | seeds, seeds) & changes
    left = _crumbs(_holding(may & own, clicked), taken) if crumbs else np.zeros_like(may)
    untrue = [index for index in at if (state.labels[index] == value) != positive]
    forced = bool(untrue) and not (taken.any() or piece.any())
    own_ball = np.zeros_like(may)
    if forced:
        for index in untrue:
            one = ball(state.grid, index, ball_mm)
            both = shared(one.box, region.box)
            if both is not None:
                own_ball[within(both, region.box)] |= one.mask[within(both, one.box)]
        own_ball &= may & ((before == 0) if positive else own)
    mask = (taken | left | piece | clicked | own_ball) & may
    values = _answered(seen, mask)
    handed = (piece & (said != value))[mask]
    own_values = state.values(region.box, mask)
    values.put(swapped(own_values.of(handed), value), handed)
    label = value if positive else 0
    agreed = (said == value) if positive else (said != value)
    nothing = _clicked(neither, region.box, before.shape)  # of either class: both were denied
    firm = (own_ball | left | nothing | (clicked & ~agreed & ~(piece & (said != value))))[mask]
    values.put(Values.said(int(np.count_nonzero(firm)), label), firm)
    if not positive:
        values.labels[_specks(before, mask, values, 3 - value, state.grid.voxel_ml)] = 0
    return Accepted(mask, values, forced)


def beyond(state: State, region: Region, answer: Answer) -> int:
    """Voxels outside R that the answer would give another label."""
    changed = answer.labels() != state.labels[answer.box]
    return int(np.count_nonzero(changed & ~placed(region.mask, region.box, answer.box)))


def swapped(values: Values, value: int) -> Values:
    """The same voxels as the other class, with the two tumours' probabilities exchanged."""
    return Values(
        np.full_like(values.labels, value),
        values.probabilities[[0, 2, 1]],
        values.entropy,
        values.mutual_information,
        values.votes,
    )


def _crumbs(
    lesions: Bool[np.ndarray, "z y x"], taken: Bool[np.ndarray, "z y x"]
) -> Bool[np.ndarray, "z y x"]:
    """What is left of those components of which half is taken or more."""
    numbers, count = ndimage.label(lesions, structure=_TOUCHING)
    sizes, gone = (np.bincount(numbers[of], minlength=count + 1) for of in (lesions, taken))
    return lesions & ~taken & (gone >= _HALF * sizes)[numbers]


def _specks(
    before: UInt8[np.ndarray, "z y x"],
    mask: Bool[np.ndarray, "z y x"],
    values: Values,
    value: int,
    voxel_ml: float,
) -> Bool[np.ndarray, " n"]:
    """Of the mask's voxels, those of small components of a class in which nothing was so before."""
    after = before.copy()
    after[mask] = values.labels
    numbers, count = ndimage.label(after == value, structure=_TOUCHING)
    sizes, old = (
        np.bincount(numbers[where], minlength=count + 1) for where in (numbers > 0, before == value)
    )
    small = (sizes * voxel_ml < _SPECK_ML) & (old == 0)
    small[0] = False
    return small[numbers][mask]


def _clicked(at: Sequence[Index], box: Box, shape: tuple[int, ...]) -> Bool[np.ndarray, "z y x"]:
    mask = np.zeros(shape, dtype=bool)
    for index in at:
        mask[tuple(i - s.start for i, s in zip(index, box, strict=True))] = True
    return mask


def _holding(
    mask: Bool[np.ndarray, "z y x"], clicked: Bool[np.ndarray, "z y x"]
) -> Bool[np.ndarray, "z y x"]:
    """The 26-connected components of a mask in which a clicked voxel lies."""
    numbers, count = ndimage.label(mask, structure=_TOUCHING)
    chosen = np.zeros(count + 1, dtype=bool)
    chosen[numbers[clicked]] = True
    chosen[0] = False
    return chosen[numbers]


def _answered(seen: Answer, mask: Bool[np.ndarray, "z y x"]) -> Values:
    """The answer's values at the voxels of a mask."""
    probabilities = seen.probabilities[:, mask]
    shared = seen.mutual_information
    return Values(
        probabilities.argmax(axis=0).astype(np.uint8),
        probabilities,
        seen.entropy[mask],
        np.full(probabilities.shape[1], NOT_SAMPLED, dtype=np.float32)
        if shared is None
        else shared[mask],
        seen.votes[mask],
    )
