"""The lesions of the present state, with what a list of them shows.

Uptake here is read on the CT's grid, which lowers a maximum: it serves to rank and to flag. Figures
for a report are measured on the PET's own grid (`hnuiseg.export.measure`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnuiseg.interaction.boxes import start_of
from hnuiseg.interaction.clicks import TUMOURS, Index, Tumour
from hnuiseg.interaction.confirmed import accepted, confirmed
from hnuiseg.interaction.edits import position
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.lesions import Piece, numbered
from hnuiseg.interaction.state import State
from hnuiseg.study import Case, Outline
from hnuiseg.volume import Triple


@dataclass(frozen=True, slots=True)
class LesionSummary:
    """One 26-connected component of a class."""

    region: Tumour
    number: int  # from 1 within the class, by falling volume
    inside_mm: Triple  # a voxel of it, near its middle: names it in an edit
    location: str  # side, depth and height in words (`Outline`)
    voxels: int
    volume_ml: float
    mean_probability: float  # of its class
    peak_probability: float  # of its class, in its most probable voxel
    mean_entropy: float | None  # nats, where sampled; None: nothing of it was
    mean_disagreement: float | None  # mutual information in nats, where sampled
    suv_max: float | None  # g/ml on the CT's grid; None without PET there
    apart_mm: float  # from the largest lesion of all, between nearest voxels; 0 for itself
    in_field: bool  # its middle lies in the part that was searched
    locked: bool  # all of it
    accepted: bool  # all of it
    confirmed: bool  # a person's word stands in it, or all of it is accepted or locked


def lesion_summaries(
    case: Case, state: State, layers: Sequence[Layer] = (), outline: Outline | None = None
) -> tuple[LesionSummary, ...]:
    """GTVp first, then GTVn, each by falling volume.

    Finding the body's outline takes a moment: whoever lists lesions again and again gives it.
    """
    pieces = [
        (region, number, piece)
        for region in TUMOURS
        for number, piece in enumerate(numbered(state, region).pieces(), start=1)
    ]
    if not pieces:
        return ()
    outline = outline or Outline.of(case.ct)
    largest = max(pieces, key=lambda p: p[2].count)[2]
    apart = _distances([piece for _, _, piece in pieces], largest, state)
    return tuple(
        _summary(case, state, layers, outline, region, number, piece, mm)
        for (region, number, piece), mm in zip(pieces, apart, strict=True)
    )


def middle(piece: Piece) -> Index:
    """The voxel of a piece that is nearest to its centre of mass."""
    places = np.argwhere(piece.mask)
    nearest = int(((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin())
    z, y, x = (int(v) + s for v, s in zip(places[nearest], start_of(piece.box), strict=True))
    return z, y, x


def _summary(
    case: Case,
    state: State,
    layers: Sequence[Layer],
    outline: Outline,
    region: Tumour,
    number: int,
    piece: Piece,
    apart_mm: float,
) -> LesionSummary:
    box, mask = piece.box, piece.mask
    index = middle(piece)
    shared = state.mutual_information[box][mask]
    sampled = np.isfinite(shared)
    entropy = state.entropy[box][mask]
    suv = None
    if case.pet is not None:
        reached = mask & case.pet.coverage[box]
        if reached.any():
            suv = float(case.pet.on_ct.array[box][reached].max())
    own = state.probabilities[TUMOURS[region]][box][mask]
    locked = bool(state.locked[box][mask].all())
    taken = bool(accepted(layers, piece)[mask].all())
    return LesionSummary(
        region,
        number,
        position(index, state.grid),
        outline.words(np.argwhere(mask) + start_of(box)),
        piece.count,
        piece.count * state.grid.voxel_ml,
        float(own.mean(dtype=np.float64)),
        float(own.max()),
        float(entropy[sampled].mean(dtype=np.float64)) if sampled.any() else None,
        float(shared[sampled].mean(dtype=np.float64)) if sampled.any() else None,
        suv,
        apart_mm,
        case.field is None
        or all(s.start <= i < s.stop for i, s in zip(index, case.field, strict=True)),
        locked,
        taken,
        locked or taken or confirmed(layers, piece, region),
    )


def _distances(pieces: Sequence[Piece], largest: Piece, state: State) -> list[float]:
    from scipy.spatial import cKDTree

    spacing = np.asarray(state.grid.spacing)
    tree = cKDTree((np.argwhere(largest.mask) + start_of(largest.box)) * spacing)
    found = []
    for piece in pieces:
        if piece is largest:
            found.append(0.0)
            continue
        places = (np.argwhere(piece.mask) + start_of(piece.box)) * spacing
        found.append(float(tree.query(places)[0].min()))
    return found
