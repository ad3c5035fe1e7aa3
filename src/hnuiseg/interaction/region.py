"""Region R: where an edit may change anything. Known before any network answers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.boxes import Box, box_of, shape_of, start_of, tight, whole
from hnuiseg.interaction.clicks import TUMOURS, Index
from hnuiseg.interaction.edits import (
    MOST_MM,
    AcceptEdit,
    BoxEdit,
    BrushEdit,
    ClickEdit,
    DeleteEdit,
    DeleteSeveralEdit,
    Edit,
    EraserEdit,
    LockEdit,
    MergeEdit,
    RelabelEdit,
    ScribbleEdit,
    SplitEdit,
    ThresholdEdit,
    UnlockEdit,
    voxel,
)
from hnuiseg.interaction.lesions import (
    Piece,
    ball,
    balls,
    lesion_at,
    named,
    reach_mm,
    touched_radius,
    union,
)
from hnuiseg.interaction.state import State
from hnuiseg.volume import Triple


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The voxels that an edit may change, as a mask within their box; locked ones are not among
    them.

    `radius_mm` of the ball, where it is one.
    """

    box: Box
    mask: Bool[np.ndarray, "z y x"]
    radius_mm: float | None = None

    @property
    def count(self) -> int:
        """Voxels."""
        return int(np.count_nonzero(self.mask))


def region_of(edit: Edit, state: State) -> Region:
    """The region of an edit; it follows from edit and state alone.

    Click and scribble: a ball in mm round each clicked voxel, of 1.5 × the equivalent radius of the
    lesion that is touched, 15 to 40 mm, or of the stated radius. Box: its voxels. Brush and eraser:
    what they pass over. Lesion and class edits: the voxels that are named; of a threshold, also
    where the class's probability reaches it, for a lesion within a ball round its middle. WrongCall
    where the edit doesn't fit the state.
    """
    piece, radius = _voxels(edit, state)
    mask = piece.mask & ~state.locked[piece.box] if _minds_locks(edit) else piece.mask
    return Region(piece.box, mask, radius)


def _minds_locks(edit: Edit) -> bool:
    return not isinstance(edit, LockEdit | UnlockEdit | AcceptEdit)


def _voxels(  # noqa: PLR0911 - one return a kind of edit
    edit: Edit, state: State
) -> tuple[Piece, float | None]:
    grid = state.grid
    match edit:
        case ClickEdit() | ScribbleEdit():
            many = (edit.position_mm,) if isinstance(edit, ClickEdit) else edit.positions_mm
            places = list(dict.fromkeys(voxel(p, grid) for p in many))
            radius = edit.radius_mm or touched_radius(state, edit.region, places[0])
            return balls(grid, places, radius), radius
        case BoxEdit():
            return _box(edit, state), None
        case BrushEdit() | EraserEdit():
            return _stroke(edit.positions_mm, edit.brush_mm, state), None
        case LockEdit() | AcceptEdit():
            return named(state, edit.region, edit.position_mm), None
        case UnlockEdit():
            return _locked(edit, state), None
        case DeleteEdit() | RelabelEdit():
            return named(state, edit.region, edit.position_mm), None
        case DeleteSeveralEdit():
            pairs = zip(edit.regions, edit.positions_mm, strict=True)
            return union([lesion_at(state, r, p) for r, p in pairs]), None
        case MergeEdit():
            first = lesion_at(state, edit.region, edit.position_mm)
            second = lesion_at(state, edit.other_region, edit.other_position_mm)
            return union([first, second, bridge(first, second, state)]), None
        case SplitEdit():
            return lesion_at(state, edit.region, edit.position_mm), None
        case ThresholdEdit():
            return _passing(edit, state)


def _box(edit: BoxEdit, state: State) -> Piece:
    a, b = voxel(edit.corner_mm, state.grid), voxel(edit.opposite_mm, state.grid)
    low = [min(p, q) for p, q in zip(a, b, strict=True)]
    high = [max(p, q) + 1 for p, q in zip(a, b, strict=True)]
    sides = [(q - p) * s for p, q, s in zip(low, high, state.grid.spacing, strict=True)]
    if max(sides) > 2 * MOST_MM:
        raise WrongCall(
            f"a box with a side of {max(sides):.0f} mm",
            f"sides up to {2 * MOST_MM:g} mm",
            "draw it tighter round one lesion",
        )
    box = box_of(low, high)
    return Piece(box, np.ones(shape_of(box), dtype=bool))


def _stroke(positions_mm: tuple[Triple, ...], brush_mm: float, state: State) -> Piece:
    places = list(dict.fromkeys(voxel(p, state.grid) for p in positions_mm))
    return balls(state.grid, places, brush_mm)


def _locked(edit: UnlockEdit, state: State) -> Piece:
    """Of the named voxels those that are locked; of no name all that are."""
    if edit.region is None:
        inner = tight(state.locked)
        piece = None if inner is None else Piece(inner, state.locked[inner])
    else:
        piece = named(state, edit.region, edit.position_mm)
        piece = Piece(piece.box, piece.mask & state.locked[piece.box])
    if piece is None or not piece.mask.any():
        raise WrongCall("an unlock where nothing is locked", "locked voxels", "lock them first")
    return piece


def _passing(edit: ThresholdEdit, state: State) -> tuple[Piece, float | None]:
    channel = state.probabilities[TUMOURS[edit.region]]
    if edit.position_mm is None:
        box = whole(state.grid.shape)
        mask = channel >= np.float32(edit.value)
        if state.occupied is not None:
            mask[state.occupied] |= state.labels[state.occupied] == TUMOURS[edit.region]
        inner = tight(mask)
        if inner is None:
            empty = box_of(start_of(box), start_of(box))
            return Piece(empty, np.zeros((0, 0, 0), dtype=bool)), None
        return Piece(inner, mask[inner]), None
    lesion = lesion_at(state, edit.region, edit.position_mm)
    radius = reach_mm(lesion.count, state.grid.voxel_ml)
    reach = ball(state.grid, _middle(lesion), (radius, radius, radius))
    near = Piece(reach.box, reach.mask & (channel[reach.box] >= np.float32(edit.value)))
    # another lesion of the class is not this one's to change
    others = state.labels[near.box] == TUMOURS[edit.region]
    near = Piece(near.box, near.mask & ~(others & ~lesion.on(near.box)))
    return union([lesion, near]), radius


def _middle(piece: Piece) -> Index:
    """The voxel nearest to the mean of all."""
    z, y, x = (
        round(float(m)) + s.start
        for m, s in zip(np.argwhere(piece.mask).mean(axis=0), piece.box, strict=True)
    )
    return z, y, x


def bridge(first: Piece, second: Piece, state: State) -> Piece:
    """A line of voxels between the nearest of two lesions; nothing where they touch.

    WrongCall where they lie more than 40 mm apart, or something locked lies between.
    """
    from scipy.spatial import cKDTree

    spacing = np.asarray(state.grid.spacing)
    a = np.argwhere(first.mask) + start_of(first.box)
    b = np.argwhere(second.mask) + start_of(second.box)
    distance, nearest = cKDTree(b * spacing).query(a * spacing)
    k = int(np.argmin(distance))
    if distance[k] > MOST_MM:
        raise WrongCall(
            f"two lesions {distance[k]:.0f} mm apart to be merged",
            f"lesions up to {MOST_MM:g} mm apart",
            "leave them apart, or draw what joins them with the brush",
        )
    start, stop = a[k], b[nearest[k]]
    steps = int(np.abs(stop - start).max())
    line = np.rint(start + (stop - start) * np.linspace(0.0, 1.0, steps + 1)[:, None]).astype(int)
    low, high = line.min(axis=0), line.max(axis=0) + 1
    box = box_of([int(v) for v in low], [int(v) for v in high])
    mask = np.zeros(shape_of(box), dtype=bool)
    mask[tuple((line - low).T)] = True
    both = union([first, second])
    if (mask & state.locked[box] & ~both.on(box)).any():
        raise WrongCall(
            "something locked between two lesions to be merged", "nothing locked", "unlock it first"
        )
    return Piece(box, mask)
