"""From an edit and a state to the layer that it makes; nothing is written or drawn here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.errors import ModelMismatch, WrongCall
from hnuiseg.interaction.acceptance import accept, beyond, swapped
from hnuiseg.interaction.boxes import start_of
from hnuiseg.interaction.clicks import TUMOURS, Click, Tumour
from hnuiseg.interaction.edits import (
    NETWORK_EDITS,
    AcceptEdit,
    BrushEdit,
    DeleteEdit,
    DeleteSeveralEdit,
    Edit,
    EraserEdit,
    LockEdit,
    MergeEdit,
    NetworkEdit,
    RelabelEdit,
    SplitEdit,
    ThresholdEdit,
    UnlockEdit,
    check_edit,
    clicks_of,
    voxel,
)
from hnuiseg.interaction.layers import Layer, Mark, Report
from hnuiseg.interaction.network import Network, Question
from hnuiseg.interaction.region import Region, region_of
from hnuiseg.interaction.state import State, Values

_TOUCHING = np.ones((3, 3, 3), dtype=bool)
_MOST_MEMBERS = 100  # of an edit: each is a pass


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The voxels of R's box that an edit sets, and to what; None: it only marks them."""

    region: Region
    mask: Bool[np.ndarray, "z y x"]
    values: Values | None
    report: Report
    mark: Mark = ""

    def layer(self, edit_id: int, edit: Edit) -> Layer:
        """The layer, compressed."""
        return Layer.of(
            edit_id, edit, self.report, self.region.box, self.mask, self.values, self.mark
        )


def change_of(
    edit: Edit,
    state: State,
    standing: Sequence[Layer],
    network: Network | None = None,
    members: int = 0,
) -> Change:
    """What an edit does to a state; `standing` are the layers below, whose clicks still count.

    WrongCall where it can't be done (outside the image, locked, contradictory, nothing there), and
    ModelMismatch where it needs a network and there is none.
    """
    check_edit(edit)
    if isinstance(edit, NETWORK_EDITS):
        return _asked(edit, state, standing, network, members)
    region = region_of(edit, state)
    match edit:
        case LockEdit():
            values = state.values(region.box, region.mask)
            return Change(region, region.mask, values, Report(), "lock")
        case UnlockEdit():
            return Change(region, region.mask, None, Report(), "unlock")
        case AcceptEdit():
            return Change(region, region.mask, None, Report(), "accept")
    if not region.mask.any():
        raise WrongCall(
            "an edit whose voxels are all locked, or that has none",
            "voxels that may be changed",
            "unlock them first, or edit elsewhere",
        )
    mask, values = _direct(edit, state, region)
    return _counted(Change(region, mask, values, Report(radius_mm=region.radius_mm)), state)


def standing_clicks(layers: Sequence[Layer], state: State) -> tuple[Click, ...]:
    """Every click of the layers, in their order."""
    return tuple(
        click
        for layer in layers
        if isinstance(layer.edit, NETWORK_EDITS)
        for click in clicks_of(layer.edit, state.grid)
    )


def _asked(
    edit: NetworkEdit,
    state: State,
    standing: Sequence[Layer],
    network: Network | None,
    members: int,
) -> Change:
    if not 0 <= members <= _MOST_MEMBERS:
        raise WrongCall(f"{members} members", f"0 to {_MOST_MEMBERS}", "ask for 4 or so, or none")
    clicks = clicks_of(edit, state.grid)
    earlier = standing_clicks(standing, state)
    _check_clicks(clicks, earlier, state)
    region = region_of(edit, state)
    if network is None:
        raise ModelMismatch(
            "a click in a session without its network",
            "the model that the session was begun with",
            "open the session with that model, or use brush and eraser",
        )
    at = tuple(click.index for click in clicks)
    question = Question((*earlier, *clicks), at, region.box, state.labels, members)
    answer = network.answer(question)
    value, positive = TUMOURS[edit.region], clicks[0].positive
    accepted = accept(
        state,
        region,
        answer,
        value,
        positive=positive,
        at=at,
        ball_mm=network.ball_mm,
        earlier=earlier,
    )
    report = Report(
        forced=accepted.forced,
        outside_ml=beyond(state, region, answer) * state.grid.voxel_ml,
        radius_mm=region.radius_mm,
        zoomed_out=answer.zoomed_out,
        members=members if members else 1,
    )
    return _counted(Change(region, accepted.mask, accepted.values, report), state)


def _check_clicks(clicks: Sequence[Click], earlier: Sequence[Click], state: State) -> None:
    for click in clicks:
        if state.locked[click.index]:
            raise WrongCall(
                f"a click on a locked voxel {click.index}",
                "voxels that aren't locked",
                "unlock the lesion first, or click elsewhere",
            )
    said = {click.index: click for click in clicks}
    for old in earlier:
        new = said.get(old.index)
        if new is not None and _contradict(old, new):
            raise WrongCall(
                f"contradictory clicks at voxel {new.index}: {_words(old)}, then {_words(new)}",
                "one statement at a voxel",
                "remove the earlier edit first, or click beside it",
            )


def _contradict(a: Click, b: Click) -> bool:
    if a.region == b.region:
        return a.positive != b.positive
    return a.positive and b.positive


def _words(click: Click) -> str:
    return f"{'' if click.positive else 'not '}{click.region}"


def _counted(change: Change, state: State) -> Change:
    """With the ml of which the label changes."""
    if change.values is None:
        return change
    before, after = state.labels[change.region.box][change.mask], change.values.labels
    differs = before != after
    moved = differs & (before != 0) & (after != 0)
    ml = state.grid.voxel_ml
    report = replace(
        change.report,
        changed_ml=int(np.count_nonzero(differs)) * ml,
        moved_ml=int(np.count_nonzero(moved)) * ml,
    )
    return replace(change, report=report)


def _direct(  # noqa: PLR0911 - one return a kind of edit
    edit: Edit, state: State, region: Region
) -> tuple[Bool[np.ndarray, "z y x"], Values]:
    """Edits that need no network: which voxels of R they set, and to what."""
    labels, mask = state.labels[region.box], region.mask
    match edit:
        case BrushEdit():
            return mask, _said(mask, TUMOURS[edit.region])
        case EraserEdit():
            there = labels != 0 if edit.region is None else labels == TUMOURS[edit.region]
            return mask & there, _said(mask & there, 0)
        case DeleteEdit() | DeleteSeveralEdit():
            return mask, _said(mask, 0)
        case RelabelEdit():
            return mask, swapped(state.values(region.box, mask), TUMOURS[edit.to])
        case MergeEdit():
            return _merged(edit.region, state, region)
        case SplitEdit():
            return _split(edit, state, region)
        case ThresholdEdit():
            return _thresholded(edit, state, region)
        case _:
            raise AssertionError(f"{edit} is asked elsewhere")


def _said(mask: Bool[np.ndarray, "z y x"], label: int) -> Values:
    return Values.said(int(np.count_nonzero(mask)), label)


def _merged(
    region: Tumour, state: State, where: Region
) -> tuple[Bool[np.ndarray, "z y x"], Values]:
    """The other lesion with probabilities exchanged, and the line between as the user's word."""
    value = TUMOURS[region]
    labels = state.labels[where.box]
    mask = where.mask & (labels != value)
    own = state.values(where.box, mask)
    other = own.labels != 0
    values = swapped(own, value)
    values.put(Values.said(int(np.count_nonzero(~other)), value), ~other)
    return mask, values


def _split(
    edit: SplitEdit, state: State, region: Region
) -> tuple[Bool[np.ndarray, "z y x"], Values]:
    a, b = (voxel(p, state.grid) for p in (edit.position_mm, edit.other_position_mm))
    start = np.asarray(start_of(region.box))
    low, high = start, start + region.mask.shape
    inside = all(lo <= i < hi for lo, i, hi in zip(low, b, high, strict=True))
    if a == b or not inside or not region.mask[tuple(np.asarray(b) - start)]:
        raise WrongCall(
            f"a split of {edit.region} by a position outside the lesion, or by one position twice",
            "two different positions in one lesion, not locked",
            "name a position in each part",
        )
    places = np.argwhere(region.mask)
    spacing = np.asarray(state.grid.spacing)
    to_a, to_b = ((((places + start - p) * spacing) ** 2).sum(axis=1) for p in (a, b))
    second = np.zeros_like(region.mask)
    second[tuple(places[to_b < to_a].T)] = True
    if edit.other_region is not None:
        value = TUMOURS[edit.other_region]
        if edit.other_region == edit.region:
            raise WrongCall(
                f"a part of {edit.region} as {edit.region}", "the other class", "leave it out"
            )
        return second, swapped(state.values(region.box, second), value)
    first = region.mask & ~second
    gap = second & ndimage.binary_dilation(first, structure=_TOUCHING)
    return gap, _said(gap, 0)


def _thresholded(
    edit: ThresholdEdit, state: State, region: Region
) -> tuple[Bool[np.ndarray, "z y x"], Values]:
    """Labels follow the class's probability; probabilities and doubt stay, the other class too."""
    value = TUMOURS[edit.region]
    labels = state.labels[region.box]
    passes = state.probabilities[value][region.box] >= np.float32(edit.value)
    mask = region.mask & ((passes & (labels == 0)) | (~passes & (labels == value)))
    values = state.values(region.box, mask)
    values.labels[:] = np.where(passes[mask], value, 0)
    return mask, values
