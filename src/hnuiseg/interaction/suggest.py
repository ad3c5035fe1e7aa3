"""Where to look next, from the state alone: nobody knows the truth here.

Doubt is added up over connected components of uncertain voxels, so that a doubtful node outweighs
many single voxels. Along every contour lies a thin shell of doubt that is no error: voxels count
the more the farther they lie from the predicted surface. Uptake, where there is a PET, counts up to
threefold, and a piece of uptake that nobody labelled, no larger than a tumour, is a candidate by
itself. What was clicked at, accepted or locked isn't suggested again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.interaction.boxes import Box, around, moved, placed, shape_of, start_of, tight
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
_DEEP_MM = 6.0  # from the surface: beyond, depth counts no more
_DONE_MM = 5.0  # round a click
_LEAST_ML = 0.1  # of a component, as of a lesion that is reported
_MOST = 1000  # components that are ranked, largest first


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A place worth a click, and why; sign and class are the user's to say."""

    position_mm: Triple
    score: float  # ml of doubt, weighted; only its order means anything
    volume_ml: float  # of the component
    doubt: float  # its mean entropy, in nats
    suv_max: float | None  # g/ml on the CT's grid
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
    uncertain = state.entropy >= np.float32(DOUBT * math.log(3))
    masks = [(uncertain, (_LEAST_ML, math.inf))]
    if pet is not None:
        masks.append(((pet >= HOT_SUV) & (state.labels == 0) & ~uncertain, UPTAKE_ML))
    found = []
    for mask, volumes in masks:
        free = mask & ~state.locked
        _leave_out(free, state, layers)
        found += _candidates(free, volumes, state, pet)
    return tuple(sorted(found, key=lambda s: -s.score)[:count])


def _candidates(
    mask: Bool[np.ndarray, "z y x"],
    volumes_ml: tuple[float, float],
    state: State,
    pet: Float[np.ndarray, "z y x"] | None,
) -> list[Suggestion]:
    """The components of a mask that are neither too small nor too large, rated."""
    box = tight(mask)
    if box is None:
        return []
    numbers, _ = components(mask[box])
    found = []
    for number, part in enumerate(ndimage.find_objects(numbers)[:_MOST], start=1):
        own = numbers[part] == number
        volume = int(np.count_nonzero(own)) * state.grid.voxel_ml
        if volume < volumes_ml[0]:
            break  # they come by falling volume
        if volume <= volumes_ml[1]:
            found.append(_rated(state, moved(part, start_of(box)), own, pet))
    return found


def _leave_out(uncertain: Bool[np.ndarray, "z y x"], state: State, layers: Sequence[Layer]) -> None:
    for click in standing_clicks(layers, state):
        done = ball(state.grid, click.index, (_DONE_MM, _DONE_MM, _DONE_MM))
        uncertain[done.box] &= ~done.mask
    for layer in layers:
        if layer.mark == "accept" and layer.count:
            uncertain[layer.box] &= ~layer.mask()


def _rated(
    state: State,
    box: Box,
    mask: Bool[np.ndarray, "z y x"],
    pet: Float[np.ndarray, "z y x"] | None,
) -> Suggestion:
    entropy = state.entropy[box]
    weight = entropy / math.log(3) + np.float32(0.05)  # hot voxels count without doubt, a little
    weight = weight * (0.1 + np.minimum(_depth_mm(state, box), _DEEP_MM) / _DEEP_MM)
    suv = None
    if pet is not None:
        weight = weight * (1.0 + 2.0 * np.clip(pet[box] / 10.0, 0.0, 1.0))
        suv = float(pet[box][mask].max())
    weight = np.where(mask, weight, 0.0)
    place = np.unravel_index(int(weight.argmax()), weight.shape)
    z, y, x = (int(i) + s for i, s in zip(place, start_of(box), strict=True))
    index: Index = (z, y, x)
    return Suggestion(
        position(index, state.grid),
        float(weight.sum(dtype=np.float64)) * state.grid.voxel_ml,
        int(np.count_nonzero(mask)) * state.grid.voxel_ml,
        float(entropy[mask].mean(dtype=np.float64)),
        suv,
        int(state.labels[index]),
    )


def _depth_mm(state: State, box: Box) -> Float[np.ndarray, "z y x"]:
    """Distance of each voxel from the nearest voxel of another label, as far as it matters."""
    reach = [math.ceil(_DEEP_MM / s) for s in state.grid.spacing]
    middle = [(s.start + s.stop) // 2 for s in box]
    half = [math.ceil(n / 2) + r for n, r in zip(shape_of(box), reach, strict=True)]
    wide = around(middle, half, state.grid.shape)
    labels = state.labels[wide]
    depth = np.full(labels.shape, _DEEP_MM)
    for value in np.unique(labels):
        own = labels == value
        if own.all():
            break
        distance = ndimage.distance_transform_edt(own, sampling=state.grid.spacing)
        depth[own] = distance[own]
    return placed(depth, wide, box, _DEEP_MM)
