"""Approval by a person, exports, and their files."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import FileResponse

from hnuiseg.server.desk import Desk
from hnuiseg.server.exports import exports_of, file_of
from hnuiseg.server.open_session import Grant
from hnuiseg.server.routes.common import CHANGING, Id, ended, grant, refusing
from hnuiseg.server.wire import (
    ApprovalBody,
    ApproveAsked,
    ExportAsked,
    ExportBody,
    ExportsBody,
    export_body,
)

Granted = Annotated[Grant, Depends(grant)]


def result_routes(desk: Desk) -> APIRouter:
    """What a session comes to."""
    router = APIRouter(tags=["results"])

    @router.post(
        "/api/sessions/{session}/approval",
        status_code=201,
        summary="A person takes the session as it is; DICOM stays UNAPPROVED",
        responses=CHANGING,
    )
    async def approve(session: Id, body: ApproveAsked, granted: Granted) -> ApprovalBody:
        approval = await ended(desk.approve(session, granted, body.name))
        return ApprovalBody(
            name=approval.name, time=approval.time, revision=approval.revision, stands=True
        )

    @router.post(
        "/api/sessions/{session}/exports",
        status_code=201,
        summary="Write outputs of the session as it is",
        responses=CHANGING,
    )
    async def export(session: Id, body: ExportAsked, granted: Granted) -> ExportBody:
        return export_body(await ended(desk.export(session, granted, body.formats)))

    @router.get(
        "/api/sessions/{session}/exports",
        summary="What was exported of a session",
        responses=refusing(404, 409),
    )
    def exports(session: Id) -> ExportsBody:
        desk.session(session)
        return ExportsBody(exports=[export_body(m) for m in exports_of(desk.work, session)])

    @router.get(
        "/api/exports/{export}/{file}",
        summary="One file of an export",
        responses={
            **refusing(404),
            200: {
                "description": "The file, to be saved: never shown as a page of this server.",
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            },
        },
        response_class=Response,
    )
    def download(export: Id, file: Id) -> FileResponse:
        path, found = file_of(desk.work, export, file)
        # an attachment without a type of its own: a report is HTML, and must not run here
        return FileResponse(path, media_type="application/octet-stream", filename=found.name)

    return router
