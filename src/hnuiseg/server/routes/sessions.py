"""Sessions: begin, open, hold and change them."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from hnuiseg.interaction import edit_from_json
from hnuiseg.server.desk import Desk
from hnuiseg.server.open_session import Grant, OpenSession
from hnuiseg.server.queue import Job
from hnuiseg.server.routes.common import CHANGING, Id, LeaseHeader, ended, grant, refusing
from hnuiseg.server.wire import (
    BeginBody,
    ChangeBody,
    EditAsked,
    LeaseAsked,
    LeaseBody,
    SessionBody,
    change_body,
    session_body,
)

Granted = Annotated[Grant, Depends(grant)]
EditId = Annotated[int, Path(ge=1, le=10_000_000)]


def session_routes(desk: Desk) -> APIRouter:
    """Everything below /api/sessions that changes one, and what it is now."""
    router = APIRouter(tags=["sessions"])

    def told(session: OpenSession, response: Response, lease: str) -> SessionBody:
        body = session_body(session, lease, desk.history.approval(session.about.id))
        response.headers["ETag"] = f'"{body.revision}"'
        return body

    async def changed(session_id: str, job: Job, response: Response) -> ChangeBody:
        session = desk.session(session_id)
        done = await ended(job)
        response.headers["ETag"] = f'"{done.revision}"'
        return change_body(done, session)

    @router.post(
        "/api/sessions",
        status_code=201,
        summary="Begin a session from the automatic result or a drawing",
        responses=refusing(404, 409, 413, 429, 503, 507),
    )
    async def begin(body: BeginBody, response: Response) -> SessionBody:
        return told(await ended(desk.begin(body.study, body.start)), response, "")

    @router.post(
        "/api/sessions/{session}/open",
        summary="Open a session that lies on disk, bit for bit as it was",
        responses=refusing(404, 409, 429, 503),
    )
    async def open_again(session: Id, response: Response) -> SessionBody:
        return told(await ended(desk.open_again(session)), response, "")

    @router.get(
        "/api/sessions/{session}",
        summary="A session with its edits",
        responses=refusing(404, 409),
    )
    def show(session: Id, response: Response, lease: LeaseHeader = "") -> SessionBody:
        return told(desk.session(session), response, lease)

    @router.post(
        "/api/sessions/{session}/close",
        status_code=204,
        summary="Close a session; every edit is kept",
        responses=refusing(404, 409, 503),
    )
    async def close(session: Id, lease: LeaseHeader = "") -> Response:
        await ended(desk.close(session, lease))
        return Response(status_code=204)

    @router.post(
        "/api/sessions/{session}/lease",
        summary="Hold a session: one tab at a time edits it",
        responses=refusing(404, 409, 413),
    )
    def take(session: Id, body: LeaseAsked, lease: LeaseHeader = "") -> LeaseBody:
        found = desk.session(session).lease
        token = found.take(time.monotonic(), over=body.take_over, token=lease)
        return LeaseBody(lease=token, lasts_s=found.lasts_s)

    @router.put(
        "/api/sessions/{session}/lease",
        summary="Hold it longer; that alone doesn't count as use",
        responses=refusing(404, 409),
    )
    def renew(session: Id, lease: LeaseHeader = "") -> LeaseBody:
        found = desk.session(session, use=False).lease
        found.renew(lease, time.monotonic())
        return LeaseBody(lease=lease, lasts_s=found.lasts_s)

    @router.delete(
        "/api/sessions/{session}/lease",
        status_code=204,
        summary="Let others have it",
        responses=refusing(404, 409),
    )
    def drop(session: Id, lease: LeaseHeader = "") -> Response:
        desk.session(session).lease.drop(lease)
        return Response(status_code=204)

    @router.post(
        "/api/sessions/{session}/edits",
        status_code=201,
        summary="Do an edit; acknowledged once it is on disk",
        responses=CHANGING,
    )
    async def edit(
        session: Id, body: EditAsked, granted: Granted, response: Response
    ) -> ChangeBody:
        asked = edit_from_json(body.edit)
        return await changed(session, desk.edit(session, granted, asked, body.members), response)

    @router.delete(
        "/api/sessions/{session}/edits/{edit}",
        summary="Take one edit out; later ones keep what they set",
        responses=CHANGING,
    )
    async def remove(session: Id, edit: EditId, granted: Granted, response: Response) -> ChangeBody:
        return await changed(session, desk.remove(session, granted, edit), response)

    @router.post(
        "/api/sessions/{session}/undo", summary="Take the last act back", responses=CHANGING
    )
    async def undo(session: Id, granted: Granted, response: Response) -> ChangeBody:
        return await changed(session, desk.undo(session, granted), response)

    @router.post("/api/sessions/{session}/redo", summary="Do it again", responses=CHANGING)
    async def redo(session: Id, granted: Granted, response: Response) -> ChangeBody:
        return await changed(session, desk.redo(session, granted), response)

    return router
