"""All outputs of a session's present state, through the same transaction as a prediction's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hnuiseg.export.outputs import DEFAULT_FORMATS, Contours, Progress, export
from hnuiseg.export.result import Result
from hnuiseg.models import Card
from hnuiseg.study.case import Notice

if TYPE_CHECKING:  # `segment` exports too, and needs no session
    from hnuiseg.interaction import InteractiveSession

_BY_HAND = Card(
    name="by hand",
    recipe="none",
    scale="none",
    summary="A drawing, edited by a person; no network was asked.",
    training_data="none",
    licence_of_training_data="none",
    command="hnuiseg refine",
    seed=0,
    figures={},
    limits="",
)


def export_session(
    session: "InteractiveSession",
    out: Path,
    card: Card | None = None,
    *,
    started: datetime,
    created: datetime,
    formats: Sequence[str] = DEFAULT_FORMATS,
    uid_entropy: str = "",
    contours: Contours | None = None,
    progress: Progress | None = None,
) -> Result:
    """Write the formats and result.json into `out`, all or nothing, as `export` does.

    `card` is of the model that was asked; None where none was. Every edit that stands is in the
    settings of report and result.json, and what was noted of a drawing that it began with is a
    warning. DICOM objects are UNAPPROVED whatever was accepted here.
    """
    noted = tuple(Notice("start", f"{note[:1].upper()}{note[1:]}.") for note in session.start.notes)
    return export(
        replace(session.case, notices=(*session.case.notices, *noted)),
        session.prediction(),
        card or _BY_HAND,
        out,
        formats=formats,
        started=started,
        created=created,
        uid_entropy=uid_entropy,
        contours=contours,
        progress=progress,
    )
