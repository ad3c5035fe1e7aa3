"""What a session shows: arrays, previews, lesions, suggestions, the voxel under the cursor."""

import threading
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from hnuiseg.interaction import ThresholdEdit, doubtful, edit_from_json
from hnuiseg.interaction.boxes import Box as Voxels
from hnuiseg.interaction.edits import voxel
from hnuiseg.server import arrays
from hnuiseg.server.arrays import Sent
from hnuiseg.server.boxes_asked import Asked, exactly
from hnuiseg.server.desk import Desk
from hnuiseg.server.open_session import OpenSession
from hnuiseg.server.routes.common import BINARY, Id, refusing, sent
from hnuiseg.server.routes.where import Where
from hnuiseg.server.wire import (
    LesionsBody,
    RegionAsked,
    SuggestionsBody,
    ThresholdAsked,
    ValueBody,
    lesion_body,
    not_drawn_body,
    report_body,
    suggestion_body,
)

_HEAVY_AT_ONCE = 2  # lists that search the whole image; more would only slow each other down
Map = Literal["labels", "locked", "probability", "entropy", "mutual-information"]
Tumour = Annotated[Literal["GTVp", "GTVn"], Query(alias="class", description="of a probability")]
Millimetres = Annotated[float, Query(ge=-1e6, le=1e6, allow_inf_nan=False)]


def picture_routes(desk: Desk) -> APIRouter:
    """Everything below /api/sessions that only looks."""
    router = APIRouter(tags=["pictures"])
    heavy = threading.BoundedSemaphore(_HEAVY_AT_ONCE)
    refused = {**refusing(404, 409, 413), **BINARY}

    @router.get(
        "/api/sessions/{session}/maps/{map_name}",
        summary="Labels, locks, a probability or doubt, as uint8",
        responses={**refusing(404, 409), **BINARY},
        response_class=Response,
    )
    def show_map(
        request: Request,
        session: Id,
        map_name: Map,
        where: Where,
        tumour: Tumour = "GTVp",
    ) -> StreamingResponse:
        found = desk.session(session)
        asked = where.of(found.loaded.case.ct.grid, found.loaded.body)
        with found.turns.reading():
            array = _map(found, map_name, tumour, asked)
            return sent(request, array, found.revision)

    @router.post(
        "/api/sessions/{session}/region",
        summary="Where an edit could change anything; nothing is done",
        responses=refused,
        response_class=Response,
    )
    def region(request: Request, session: Id, body: RegionAsked) -> StreamingResponse:
        found = desk.session(session)
        edit = edit_from_json(body.edit)
        with heavy, found.turns.reading():
            preview = found.interactive.region(edit)
            revision = found.revision
        array = _boxed(found, preview.box, preview.mask, "mask")
        array = array.saying(radius_mm=preview.radius_mm, voxels=preview.count)
        return sent(request, array, revision)

    @router.post(
        "/api/sessions/{session}/threshold-preview",
        summary="Labels at a threshold, within its region; nothing is done",
        responses=refused,
        response_class=Response,
    )
    def threshold(request: Request, session: Id, body: ThresholdAsked) -> StreamingResponse:
        found = desk.session(session)
        edit = ThresholdEdit(body.region, body.value, body.position_mm)
        with heavy, found.turns.reading():
            where, labels, report = found.interactive.threshold_preview(
                edit.region, edit.value, edit.position_mm
            )
            revision = found.revision
        array = _boxed(found, where.box, labels, "label")
        return sent(request, array.saying(report=report_body(report).model_dump()), revision)

    @router.get(
        "/api/sessions/{session}/lesions",
        summary="Lesions, flagged ones first",
        responses=refusing(404, 409),
    )
    def lesions(session: Id) -> LesionsBody:
        found = desk.session(session)
        with heavy, found.turns.reading():
            listed = found.interactive.lesions()
            undrawn = found.interactive.not_drawn()
            flagged = {f.lesion: f.reasons for f in doubtful(listed)}
            beyond = _beyond(found)
            revision = found.revision
        ordered = sorted(listed, key=lambda lesion: lesion not in flagged)
        return LesionsBody(
            revision=revision,
            lesions=[lesion_body(lesion, flagged) for lesion in ordered],
            not_drawn=[not_drawn_body(component) for component in undrawn],
            beyond_voxels=beyond,
        )

    @router.get(
        "/api/sessions/{session}/suggestions",
        summary="The next uncertain places",
        responses=refusing(404, 409),
    )
    def suggestions(session: Id, count: Annotated[int, Query(ge=1, le=50)] = 5) -> SuggestionsBody:
        found = desk.session(session)
        with heavy, found.turns.reading():
            places = found.interactive.suggest(count)
            revision = found.revision
        return SuggestionsBody(
            revision=revision, suggestions=[suggestion_body(place) for place in places]
        )

    @router.get(
        "/api/sessions/{session}/value",
        summary="HU, SUV, probabilities and doubt at a position (LPS mm)",
        responses=refusing(404, 409),
    )
    def value(session: Id, x: Millimetres, y: Millimetres, z: Millimetres) -> ValueBody:
        found = desk.session(session)
        index = voxel((x, y, z), found.loaded.case.ct.grid)
        with found.turns.reading():
            return _value(found, index)

    return router


def _map(session: OpenSession, name: Map, tumour: str, where: Asked) -> Sent:
    state = session.interactive.state
    match name:
        case "labels":
            return arrays.labels(state.labels, where)
        case "locked":
            return arrays.mask(state.locked, where)
        case "probability":
            return arrays.probability(state.probabilities[1 if tumour == "GTVp" else 2], where)
        case "entropy":
            return arrays.doubt(state.entropy, state.votes, where)
        case "mutual-information":
            return arrays.doubt(state.mutual_information, state.votes, where)


def _beyond(session: OpenSession) -> int:
    """Labelled voxels that no picture shows by default: a drawing may lie in the air."""
    labels, body = session.interactive.labels, session.loaded.body
    return int(np.count_nonzero(labels)) - int(np.count_nonzero(labels[body]))


def _boxed(session: OpenSession, box: Voxels, values: np.ndarray, unit: str) -> Sent:
    """An array that holds a box alone."""
    where = exactly(session.loaded.case.ct.grid, box)
    return arrays.of_box(values, where, unit)


def _value(session: OpenSession, index: tuple[int, int, int]) -> ValueBody:
    case, state = session.loaded.case, session.interactive.state
    suv = None
    if case.pet is not None and bool(case.pet.coverage[index]):
        suv = float(case.pet.on_ct.array[index])
    votes = int(state.votes[index])
    shared = float(state.mutual_information[index])
    a, b, c = (float(v) for v in state.probabilities[(slice(None), *index)])
    return ValueBody(
        index=index,
        hu=float(case.ct.array[index]),
        suv=suv,
        label=int(state.labels[index]),
        probabilities=(a, b, c),
        entropy=float(state.entropy[index]) if votes >= 2 else None,
        mutual_information=shared if votes >= 2 and np.isfinite(shared) else None,
        votes=votes,
        locked=bool(state.locked[index]),
        revision=session.revision,
    )
