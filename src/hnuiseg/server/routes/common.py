"""What routes share: errors in OpenAPI, what a change must bring, waiting for what computes."""

import asyncio
from typing import Annotated, Any

from fastapi import Header, Path, Request
from fastapi.responses import StreamingResponse

from hnuiseg.server.arrays import HEADER, Sent
from hnuiseg.server.open_session import Grant
from hnuiseg.server.queue import Job
from hnuiseg.server.refusals import Refused
from hnuiseg.server.wire import ErrorBody

LEASE_HEADER = "Hnuiseg-Lease"

Responses = dict[int | str, dict[str, Any]]


def refusing(*statuses: int) -> Responses:
    """What a route may answer beside its own, all in the one shape."""
    every = sorted({400, 401, 403, 422, 500, *statuses})
    return {status: {"model": ErrorBody, "description": _MEANING[status]} for status in every}


_MEANING = {
    400: "The request can't be understood.",
    401: "No cookie or token of this server.",
    403: "Another host name or another page.",
    404: "An id that names nothing.",
    409: "Not now: stale revision, held elsewhere, not open, not ready. A stale revision's answer "
    "has the present one as ETag.",
    413: "The body is too large.",
    422: "The study, the drawing or a field of the request was refused.",
    428: "A change without the revision that it saw.",
    429: "Too much at once.",
    500: "A fault of hnuiseg.",
    503: "The server is ending.",
    507: "The disk is full, or can't be written.",
}
CHANGING = refusing(404, 409, 413, 428, 429, 503, 507)

Id = Annotated[str, Path(max_length=64, description="an opaque id")]
LeaseHeader = Annotated[
    str, Header(alias=LEASE_HEADER, max_length=128, description="the lease of the session")
]
_IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=128, description="the revision that the change saw"),
]


def grant(if_match: _IfMatch = None, lease: LeaseHeader = "") -> Grant:
    """What a change brings; Refused where it doesn't say which revision it saw."""
    if not if_match:
        raise Refused(
            428,
            "revision-required",
            "a change that doesn't say which revision it saw",
            'header If-Match: "<revision>"',
            "send the revision of the session that is shown",
        )
    return Grant(lease, if_match.strip().removeprefix("W/").strip('"'))


async def ended(job: Job) -> Any:
    """What a job comes to; its error is this request's.

    A request that is broken off leaves the job as it is: a change that was asked for is made.
    """
    return await asyncio.shield(asyncio.wrap_future(job.future))


def sent(request: Request, array: Sent, revision: str | None = None) -> StreamingResponse:
    """An array as an answer, packed where the client can unpack it."""
    gzipped = "gzip" in request.headers.get("accept-encoding", "")
    headers = {HEADER: array.header(), "Vary": "Accept-Encoding"}
    if gzipped:
        headers["Content-Encoding"] = "gzip"
    if revision is not None:
        headers["ETag"] = f'"{revision}"'
    return StreamingResponse(
        array.pieces(gzipped=gzipped), media_type="application/octet-stream", headers=headers
    )


BINARY: Responses = {
    200: {
        "description": f"Bytes, described by header {HEADER} (docs/reference/server.md).",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            HEADER: {"description": "what the bytes are, as JSON", "schema": {"type": "string"}}
        },
    }
}
