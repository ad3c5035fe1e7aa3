"""Warnings that only the answer can give rise to."""

from collections.abc import Sequence

from hnuiseg.export.measure import Lesion
from hnuiseg.export.uptake import HIGH_SUV, LEAST_ML, Uptake
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
