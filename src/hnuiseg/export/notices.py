"""Warnings that only the answer can give rise to."""

from collections.abc import Sequence

from hnuiseg.export.measure import Lesion
from hnuiseg.export.uptake import HIGH_SUV, LEAST_ML, Uptake
from hnuiseg.models import Card
from hnuiseg.study.case import Notice

_NAMED = 3  # lesions by name; a wrong model can find hundreds


def answer_notices(lesions: Sequence[Lesion], outside: Sequence[Uptake]) -> tuple[Notice, ...]:
    """Warnings about lesions at an edge, and about uptake where nothing was searched."""
    notices = []
    cut = [f"{lesion.class_name} {lesion.number}" for lesion in lesions if lesion.at_edge]
    if cut:
        more = f" and {len(cut) - _NAMED} more" if len(cut) > _NAMED else ""
        text = (
            f"At the edge of the searched image, and perhaps cut by it: "
            f"{', '.join(cut[:_NAMED])}{more}."
        )
        notices.append(Notice("lesion-at-edge", text))
    if outside:
        many = f"{len(outside)} pieces" if len(outside) > 1 else "1 piece"
        text = (
            f"{many} of uptake (SUV {HIGH_SUV:g} or more, at least {LEAST_ML:g} ml) outside the "
            "searched field: listed, not contoured."
        )
        notices.append(Notice("uptake-outside", text))
    return tuple(notices)


def model_notices(card: Card) -> tuple[Notice, ...]:
    """What must be known of a model that draws something else than tumours."""
    if not card.classes:
        return ()
    text = (
        f"{card.name} draws no tumours: what is called GTVp (1) and GTVn (2) here is "
        f"{card.classes}. No DICOM object is written."
    )
    return (Notice("no-tumours", text),)
