"""The application: routes round a `Desk`, one shape for every error, static files, the guard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from hnuiseg.errors import HnuisegError
from hnuiseg.export import FORMATS
from hnuiseg.server.desk import Desk
from hnuiseg.server.door import Door
from hnuiseg.server.guard import App, Guard
from hnuiseg.server.refusals import Refused, body_of, by_status, fault, status_of
from hnuiseg.server.routes.common import refusing
from hnuiseg.server.routes.pictures import picture_routes
from hnuiseg.server.routes.results import result_routes
from hnuiseg.server.routes.sessions import session_routes
from hnuiseg.server.routes.studies import study_routes
from hnuiseg.server.site import Site
from hnuiseg.server.static_files import STATIC, static_file
from hnuiseg.server.wire import ServerBody

_SWEEP_S = 5.0
_SHOWN = 3  # of the faults of a request
_ABOUT = (
    "Sessions of edits over automatic contours of head and neck tumours. For research only. "
    "Positions are LPS millimetres (x, y, z); voxel indices are (z, y, x) of the CT as stored."
)


def guarded_app(desk: Desk, door: Door, site: Site, static: Path = STATIC) -> Guard:
    """What a web server runs."""
    app: App = plain_app(desk, static)
    return Guard(app, door, site)


def plain_app(desk: Desk, static: Path = STATIC) -> FastAPI:
    """The application without its guard: never to be served. Whoever made the desk stops it."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweeping(desk))
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping

    app = FastAPI(
        title="hnuiseg serve",
        version=metadata.version("hnuiseg"),
        description=_ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    _errors(app)
    for made in (study_routes, session_routes, picture_routes, result_routes):
        app.include_router(made(desk))

    @app.get("/api/server", tags=["server"], summary="This server", responses=refusing())
    def server() -> ServerBody:
        return ServerBody(
            version=metadata.version("hnuiseg"),
            model=desk.model_name,
            formats=list(FORMATS),
            lease_s=desk.limits.lease_s,
            audit_last=desk.history.last,
        )

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        return static_file(static, path)

    return app


async def _sweeping(desk: Desk) -> None:
    """Look for idle sessions now and then."""
    every = min(_SWEEP_S, desk.limits.idle_s / 4)
    while True:
        await asyncio.sleep(every)
        with suppress(HnuisegError):  # the server is ending
            desk.sweep()


def _errors(app: FastAPI) -> None:
    @app.exception_handler(HnuisegError)
    def ours(_: Request, error: HnuisegError) -> JSONResponse:
        status, _code = status_of(error)
        body = body_of(error) if status != 500 else body_of(fault())
        headers = {}
        if isinstance(error, Refused) and error.revision is not None:
            headers["ETag"] = f'"{error.revision}"'
        return JSONResponse(body, status, headers)

    @app.exception_handler(Exception)
    def of_ours(_: Request, _error: Exception) -> JSONResponse:  # the guard then logs its kind
        return JSONResponse(body_of(fault()), 500)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(body_of(_invalid(error)), 422)

    @app.exception_handler(HTTPException)
    def framework(_: Request, error: HTTPException) -> JSONResponse:
        refused = by_status(error.status_code)
        return JSONResponse(body_of(refused), error.status_code, error.headers)


def _invalid(error: RequestValidationError) -> Refused:
    """Fields by their names, never by their values: those may be a patient's."""
    faults: list[Any] = list(error.errors())
    told = [
        f"{'.'.join(str(part) for part in fault['loc'][1:])[:60] or 'body'}: {fault['msg'][:100]}"
        for fault in faults[:_SHOWN]
    ]
    more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return Refused(
        422,
        "invalid-request",
        "; ".join(told) + more,
        "what /api/openapi.json describes",
        "mend these fields",
    )
