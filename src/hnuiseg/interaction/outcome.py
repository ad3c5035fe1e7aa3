"""The present state of a session as a `Prediction`: what every output is written from."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from hnuiseg.inference import CLASSES, NotDrawn, Prediction
from hnuiseg.interaction.clicks import TUMOURS, Index
from hnuiseg.interaction.edits import ClickEdit, EraserEdit, ScribbleEdit, kind_of, voxel
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.lesions import reach_mm
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.state import State
from hnuiseg.volume import Triple


def prediction_of(start: Start, state: State, layers: Sequence[Layer]) -> Prediction:
    """Labels as the edits left them, which need not be the likeliest class.

    Votes are those of the start, or of the answer that set a voxel last: none where only a user
    spoke. A temperature was measured on answers without edits, so none holds after one.
    """
    setting = [layer for layer in layers if layer.packed_values is not None and layer.count]
    sampled = start.mutual_information is not None or any(a.report.members > 1 for a in setting)
    counted = bool(setting) or start.votes is not None or start.origin == "labels"
    settings = {
        "device": "no network",
        "precision": "no network",
        "torch threads": "0",
        **start.settings,
        "edits": _told(layers),
        **{f"edit {layer.edit_id:03d}": told(layer) for layer in layers},
    }
    return Prediction(
        labels=state.labels,
        probabilities=state.probabilities,
        entropy=state.entropy,
        mutual_information=state.mutual_information if sampled else None,
        variance=None,
        votes=state.votes if counted else None,
        grid=state.grid,
        members=start.members,
        seed=start.seed,
        settings=settings,
        temperature=None if setting else start.temperature,
        not_drawn=not_drawn(start, state, layers),
    )


def not_drawn(start: Start, state: State, layers: Sequence[Layer]) -> tuple[NotDrawn, ...]:
    """What the model didn't draw, without what edits have drawn since, or said to be nothing.

    The latter is said by a negative click or scribble, or the eraser, where the network still holds
    for that class what nobody drew, within reach of the component's most probable voxel.
    """

    def held(index: Index, value: int) -> bool:
        likeliest = int(state.probabilities[(slice(None), *index)].argmax())
        return not state.labels[index] and likeliest == value

    denied = [
        (value, np.asarray(place))
        for layer in layers
        for value, place in _denials(layer)
        if held(voxel(place, state.grid), value)
    ]

    def stands(one: NotDrawn) -> bool:
        value = CLASSES.index(one.class_name)
        reach = reach_mm(round(one.volume_ml / state.grid.voxel_ml), state.grid.voxel_ml)
        return held(voxel(one.inside_mm, state.grid), value) and not any(
            said == value and float(np.linalg.norm(place - one.inside_mm)) <= reach
            for said, place in denied
        )

    return tuple(one for one in start.not_drawn if stands(one))


def _denials(layer: Layer) -> Iterator[tuple[int, Triple]]:
    """Places where a person says that a class isn't there."""
    match layer.edit:
        case ClickEdit(region, position, positive=False):
            yield TUMOURS[region], position
        case ScribbleEdit(region, places, positive=False) | EraserEdit(region, places):
            values = TUMOURS.values() if region is None else (TUMOURS[region],)
            yield from ((value, place) for value in values for place in places)


def told(layer: Layer) -> str:
    """One line about an edit: what it was and what it did."""
    edit, report = layer.edit, layer.report
    words = [kind_of(edit)]
    region = getattr(edit, "region", None)
    if region is not None:
        words.append(f"{'' if getattr(edit, 'positive', True) else 'not '}{region}")
    position = getattr(edit, "position_mm", None)
    if position is not None:
        words.append(f"at ({', '.join(f'{v:.1f}' for v in position)}) mm")
    did = [f"{report.changed_ml:.2f} ml changed"]
    if report.moved_ml:
        did.append(f"{report.moved_ml:.2f} ml of them moved between the classes")
    if report.forced:
        did.append("forced")
    if report.radius_mm is not None:
        did.append(f"within {report.radius_mm:.1f} mm")
    if report.outside_ml:
        did.append(f"{report.outside_ml:.2f} ml left alone outside")
    return f"{' '.join(words)}: {', '.join(did)}"


def _told(layers: Sequence[Layer]) -> str:
    if not layers:
        return "none"
    kinds = Counter(kind_of(layer.edit) for layer in layers)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())
