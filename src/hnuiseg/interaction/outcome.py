"""The present state of a session as a `Prediction`: what every output is written from."""

from collections import Counter
from collections.abc import Sequence

from hnuiseg.inference import Prediction
from hnuiseg.interaction.edits import kind_of
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.state import State
from hnuiseg.interaction.undrawn import not_drawn


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
