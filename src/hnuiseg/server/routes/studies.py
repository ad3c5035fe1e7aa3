"""Studies, their automatic passes, the queue, and pictures of CT and PET."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from hnuiseg.interaction.boxes import whole
from hnuiseg.server import arrays
from hnuiseg.server.desk import Desk
from hnuiseg.server.refusals import Refused
from hnuiseg.server.routes.common import BINARY, Id, refusing, sent
from hnuiseg.server.routes.where import Where
from hnuiseg.server.wire import (
    ImageBody,
    JobBody,
    NoticeBody,
    QueueBody,
    StartBody,
    StudiesBody,
    StudyBody,
    job_body,
    study_body,
)


def study_routes(desk: Desk) -> APIRouter:
    """Everything below /api/studies and /api/queue."""
    router = APIRouter(tags=["studies"])

    @router.get("/api/studies", summary="Studies with their state", responses=refusing())
    def studies() -> StudiesBody:
        return StudiesBody(
            studies=[study_body(row) for row in desk.roll.rows()],
            starts=[StartBody(id=key, label=d.label) for key, d in desk.drawings.items()],
        )

    @router.get("/api/studies/{study}", summary="One study", responses=refusing(404))
    def study(study: Id) -> StudyBody:
        return study_body(desk.roll.row(study))

    @router.post(
        "/api/studies/{study}/automatic",
        status_code=202,
        summary="Begin the automatic pass, or find the one that is there",
        responses=refusing(404, 429, 503),
    )
    def automatic(study: Id) -> JobBody:
        return job_body(desk.queue.view_of(desk.roll.predict(study)))

    @router.get("/api/queue", summary="What computes and what waits", responses=refusing())
    def queue() -> QueueBody:
        return QueueBody(jobs=[job_body(view) for view in desk.queue.view()])

    @router.delete(
        "/api/queue/{job}",
        status_code=204,
        summary="Cancel an automatic pass",
        responses=refusing(404, 409),
    )
    def cancel(job: Id) -> Response:
        desk.queue.cancel(job)
        return Response(status_code=204)

    @router.get(
        "/api/studies/{study}/image",
        summary="Size of the images, and what to know of them",
        responses=refusing(404, 409),
    )
    def image(study: Id) -> ImageBody:
        loaded = desk.roll.loaded(study)
        case = loaded.case
        (z, y, x), grid = loaded.body, case.ct.grid
        return ImageBody(
            shape=grid.shape,
            spacing=grid.spacing,
            body_start=(z.start, y.start, x.start),
            body_shape=(z.stop - z.start, y.stop - y.start, x.stop - x.start),
            pet=case.pet is not None,
            notices=[NoticeBody(code=n.code, text=n.text) for n in case.notices],
        )

    @router.get(
        "/api/studies/{study}/ct",
        summary="CT in HU, int16",
        responses={**refusing(404, 409), **BINARY},
        response_class=Response,
    )
    async def ct(request: Request, study: Id, where: Where) -> StreamingResponse:
        loaded = desk.roll.loaded(study)
        volume = loaded.case.ct
        return sent(request, arrays.ct(volume.array, where.of(volume.grid, loaded.body)))

    @router.get(
        "/api/studies/{study}/pet",
        summary="PET in SUV, uint16 with a slope",
        responses={**refusing(404, 409), **BINARY},
        response_class=Response,
    )
    async def pet(
        request: Request,
        study: Id,
        where: Where,
        grid: Annotated[
            Literal["ct", "native"], Query(description="on the CT's grid, or the PET's own")
        ] = "ct",
    ) -> StreamingResponse:
        loaded = desk.roll.loaded(study)
        image = loaded.case.pet
        if image is None:
            raise Refused(
                404, "no-pet", "a PET of a study without one", "CT", "look at `pet` of its image"
            )
        volume = image.on_ct if grid == "ct" else image.native
        usual = loaded.body if grid == "ct" else whole(volume.grid.shape)
        asked = where.of(volume.grid, usual)
        coverage = image.coverage if grid == "ct" else None
        return sent(request, arrays.pet(volume.array, coverage, loaded.suv_largest, asked))

    return router
