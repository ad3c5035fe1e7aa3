"""What the server refuses, and how every error becomes the same JSON.

`{"error": {"code", "came", "allowed", "remedy"}}`: the three parts of the error family, and a short
stable word for programs. A fault of ours says nothing of where it happened: that is for the log of
whoever runs the server with `--debug`.
"""

import traceback
from pathlib import PurePath
from typing import Any

from hnuiseg.errors import HnuisegError, InputRefused, ModelMismatch, OutputFailed, WrongCall


class Refused(WrongCall):
    """A request that can't be answered as it came; `status` is that of HTTP."""

    def __init__(
        self,
        status: int,
        code: str,
        came: str,
        allowed: str,
        remedy: str,
        revision: str | None = None,
    ) -> None:
        super().__init__(came, allowed, remedy)
        self.status = status
        self.code = code
        self.revision = revision  # the present one, where another was named


_STATUS: tuple[tuple[type[HnuisegError], int, str], ...] = (
    (InputRefused, 422, "input-refused"),
    (ModelMismatch, 422, "model-mismatch"),
    (OutputFailed, 507, "output-failed"),
    (WrongCall, 400, "wrong-call"),
)
_FRAMES = 6  # of a fault's way, in the log
_BY_STATUS = {
    400: "wrong-call",
    401: "not-admitted",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
}


def status_of(error: HnuisegError) -> tuple[int, str]:
    """Status of HTTP and code of an error."""
    if isinstance(error, Refused):
        return error.status, error.code
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return status, code
    return 500, "fault"


def body_of(error: HnuisegError) -> dict[str, Any]:
    """The one shape."""
    came, allowed, remedy = (str(part) for part in error.args)
    _, code = status_of(error)
    return {"error": {"code": code, "came": came, "allowed": allowed, "remedy": remedy}}


def fault() -> Refused:
    """What a stranger may know of a fault of ours."""
    return Refused(
        500,
        "fault",
        "a fault of hnuiseg; nothing that was acknowledged is lost",
        "a request that hnuiseg can answer",
        "run `hnuiseg --debug serve …` and report what it prints",
    )


def where_of(error: BaseException) -> str:
    """Kind and place of a fault for the log, innermost first; never its text, which may name files
    and so patients.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)]
    return f"{type(error).__name__} at {' < '.join(places)}"


def by_status(status: int) -> Refused:
    """What the framework refuses by a number alone."""
    came, allowed, remedy = {
        404: ("nothing is at this address", "what /api/openapi.json lists", "check the address"),
        405: (
            "a method that this address doesn't take",
            "the methods that /api/openapi.json lists",
            "use one of these",
        ),
    }.get(
        status,
        (
            "a request that can't be read",
            "what /api/openapi.json describes",
            "mend it and send it again",
        ),
    )
    return Refused(status, _BY_STATUS.get(status, "wrong-call"), came, allowed, remedy)


def unknown(what: str) -> Refused:
    """An id that names nothing."""
    return Refused(
        404,
        "not-found",
        f"no {what} has this id",
        "an id from a list of this server",
        "read the list again",
    )
