"""What the model was too unsure of to draw, as long as nobody has said what it is."""

from collections.abc import Iterator, Sequence

import numpy as np

from hnuiseg.inference import CLASSES, NotDrawn
from hnuiseg.interaction.clicks import TUMOURS, Index
from hnuiseg.interaction.edits import ClickEdit, EraserEdit, ScribbleEdit, voxel
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.lesions import reach_mm
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.state import State
from hnuiseg.volume import Triple


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
