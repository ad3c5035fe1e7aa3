"""What a user may do to a segmentation: one small frozen value for each act.

Positions are LPS millimetres (x, y, z); an edit means the voxel in which a position lies. A
lesion is named by its class and a position in it; without a position the whole class is meant.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.clicks import TUMOURS, Click, Index, Tumour
from hnuiseg.volume import Grid, Triple

LEAST_MM, MOST_MM = 15.0, 40.0  # of a region round a click
BRUSH_MM = (0.1, MOST_MM)  # a brush's radius
VALUE = (0.001, 0.999)  # of a threshold
MOST_POINTS = 10_000  # of a brush
MOST_SCRIBBLED = 1_000  # each is a click with a region of its own


@dataclass(frozen=True, slots=True)
class ClickEdit:
    """Here is tumour of this class (positive), or here it isn't; the network answers."""

    region: Tumour
    position_mm: Triple
    positive: bool = True
    radius_mm: float | None = None  # of region R; None: from the lesion that is touched


@dataclass(frozen=True, slots=True)
class ScribbleEdit:
    """A click drawn out into a line: every voxel of it is what the user says."""

    region: Tumour
    positions_mm: tuple[Triple, ...]
    positive: bool = True
    radius_mm: float | None = None


@dataclass(frozen=True, slots=True)
class BoxEdit:
    """Tumour of this class lies in this box, its centre in it; the network finds its edge."""

    region: Tumour
    corner_mm: Triple
    opposite_mm: Triple


@dataclass(frozen=True, slots=True)
class BrushEdit:
    """Paint a class with a round brush along positions; no network."""

    region: Tumour
    positions_mm: tuple[Triple, ...]
    brush_mm: float  # radius


@dataclass(frozen=True, slots=True)
class EraserEdit:
    """Rub out one class (None: both) along positions; no network."""

    region: Tumour | None
    positions_mm: tuple[Triple, ...]
    brush_mm: float  # radius


@dataclass(frozen=True, slots=True)
class LockEdit:
    """No later edit changes these voxels, and no removal of an earlier one does."""

    region: Tumour | None = None  # None: both classes
    position_mm: Triple | None = None


@dataclass(frozen=True, slots=True)
class UnlockEdit:
    """These voxels may be changed again."""

    region: Tumour | None = None
    position_mm: Triple | None = None


@dataclass(frozen=True, slots=True)
class AcceptEdit:
    """A person looked at this and takes it as it is; changes nothing but that mark."""

    region: Tumour | None = None
    position_mm: Triple | None = None


@dataclass(frozen=True, slots=True)
class DeleteEdit:
    """This lesion, or this class, is none."""

    region: Tumour
    position_mm: Triple | None = None


@dataclass(frozen=True, slots=True)
class DeleteSeveralEdit:
    """Several lesions are none: one edit, so that one undo brings all of them back."""

    regions: tuple[Tumour, ...]
    positions_mm: tuple[Triple, ...]  # one a region


@dataclass(frozen=True, slots=True)
class RelabelEdit:
    """This lesion, or this class, belongs to the other class."""

    region: Tumour
    to: Tumour
    position_mm: Triple | None = None


@dataclass(frozen=True, slots=True)
class MergeEdit:
    """Two lesions are one of the first one's class; a line joins them where they don't touch."""

    region: Tumour
    position_mm: Triple
    other_region: Tumour
    other_position_mm: Triple


@dataclass(frozen=True, slots=True)
class SplitEdit:
    """One lesion is two: each voxel goes with the nearer position.

    With `other_region` the second part gets that class; without, a gap of one voxel is cut.
    """

    region: Tumour
    position_mm: Triple
    other_position_mm: Triple
    other_region: Tumour | None = None


@dataclass(frozen=True, slots=True)
class ThresholdEdit:
    """A class, or one lesion, is where its probability reaches a value."""

    region: Tumour
    value: float
    position_mm: Triple | None = None


NetworkEdit = ClickEdit | ScribbleEdit | BoxEdit
NETWORK_EDITS = (ClickEdit, ScribbleEdit, BoxEdit)
Edit = (
    NetworkEdit
    | BrushEdit
    | EraserEdit
    | LockEdit
    | UnlockEdit
    | AcceptEdit
    | DeleteEdit
    | DeleteSeveralEdit
    | RelabelEdit
    | MergeEdit
    | SplitEdit
    | ThresholdEdit
)
EDITS: dict[str, type[Edit]] = {
    "click": ClickEdit,
    "scribble": ScribbleEdit,
    "box": BoxEdit,
    "brush": BrushEdit,
    "eraser": EraserEdit,
    "lock": LockEdit,
    "unlock": UnlockEdit,
    "accept": AcceptEdit,
    "delete": DeleteEdit,
    "delete-several": DeleteSeveralEdit,
    "relabel": RelabelEdit,
    "merge": MergeEdit,
    "split": SplitEdit,
    "threshold": ThresholdEdit,
}
_NAMES = {kind: name for name, kind in EDITS.items()}


def kind_of(edit: Edit) -> str:
    """The name of an edit's kind, as in files and reports."""
    return _NAMES[type(edit)]


def check_edit(edit: Edit) -> None:
    """WrongCall for what no state could take: an unknown class, a number out of bounds."""
    for name in ("region", "other_region", "to"):
        value = getattr(edit, name, None)
        if value is not None:
            check_class(value)
    for name in ("radius_mm", "brush_mm", "value"):
        number = getattr(edit, name, None)
        if number is not None:
            _check_number(name, number)
    match edit:
        case ScribbleEdit():
            _check_count(len(edit.positions_mm), MOST_SCRIBBLED)
        case BrushEdit() | EraserEdit():
            _check_count(len(edit.positions_mm))
        case DeleteSeveralEdit():
            _check_count(len(edit.positions_mm))
            for region in edit.regions:
                check_class(region)
            if len(edit.regions) != len(edit.positions_mm):
                raise WrongCall(
                    f"{len(edit.regions)} classes for {len(edit.positions_mm)} positions",
                    "a class for each position",
                    "name each lesion by its class and a position in it",
                )
        case RelabelEdit() if edit.region == edit.to:
            raise WrongCall(
                f"{edit.region} to be relabelled as {edit.to}", "the other class", "name the other"
            )
        case LockEdit() | UnlockEdit() | AcceptEdit() if (
            edit.region is None and edit.position_mm is not None
        ):
            raise WrongCall(
                "a position without a class", "both, a class alone, or neither", "name the class"
            )
        case _:
            pass


def check_class(region: str) -> None:
    """WrongCall where it is no class of tumour."""
    if region not in TUMOURS:
        raise WrongCall(f"class {region!r:.40}", ", ".join(TUMOURS), "name one of these")


def voxel(position_mm: Triple, grid: Grid) -> Index:
    """The voxel in which a position lies; WrongCall outside the image."""
    place = np.asarray(position_mm, dtype=float)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise WrongCall(
            f"position {position_mm!r:.60}", "three finite numbers (x, y, z) in mm", "mend it"
        )
    z, y, x = (math.floor(v + 0.5) for v in grid.to_index(place[None])[0])
    if not all(0 <= i < n for i, n in zip((z, y, x), grid.shape, strict=True)):
        said = ", ".join(f"{v:.6g}" for v in position_mm)
        corners = grid.to_world(np.array([[0, 0, 0], [n - 1 for n in grid.shape]]))
        low, high = corners.min(axis=0), corners.max(axis=0)
        allowed = ", ".join(f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True))
        raise WrongCall(
            f"a position outside the image: ({said}) mm",
            f"positions in the image; its corners span {allowed} mm (x, y, z; LPS)",
            "check that positions are LPS (x, y, z) in mm and of this study",
        )
    return z, y, x


def position(index: Index, grid: Grid) -> Triple:
    """The centre of a voxel."""
    x, y, z = (float(v) for v in grid.to_world(np.array([index], dtype=float))[0])
    return x, y, z


def clicks_of(edit: NetworkEdit, grid: Grid) -> tuple[Click, ...]:
    """What an edit says to the network, at voxels of `grid`; each voxel once."""
    match edit:
        case ClickEdit():
            places: Sequence[Triple] = (edit.position_mm,)
            positive = edit.positive
        case ScribbleEdit():
            places, positive = edit.positions_mm, edit.positive
        case BoxEdit():
            middle = (np.asarray(edit.corner_mm) + np.asarray(edit.opposite_mm)) / 2
            x, y, z = (float(v) for v in middle)
            places, positive = ((x, y, z),), True
    voxels = dict.fromkeys(voxel(place, grid) for place in places)
    return tuple(Click(edit.region, positive, index) for index in voxels)


def _check_number(name: str, number: float) -> None:
    low, high, what = {
        "radius_mm": (LEAST_MM, MOST_MM, "a region's radius"),
        "brush_mm": (*BRUSH_MM, "a brush's radius"),
        "value": (*VALUE, "a threshold"),
    }[name]
    if not low <= number <= high:  # nan too
        unit = "" if name == "value" else " mm"
        raise WrongCall(
            f"{what} of {number:g}{unit}", f"{low:g} to {high:g}{unit}", "choose one of these"
        )


def _check_count(count: int, most: int = MOST_POINTS) -> None:
    if not 1 <= count <= most:
        raise WrongCall(
            f"{count} positions", f"1 to {most}", "name the positions, or split the edit"
        )
