"""The one way to the application: nothing behind it is reached without passing every check.

In this order, cheapest and most suspicious first: Host, token or cookie, Origin, size of the body
(as it says, then as it comes). Whatever leaves, refusals included, carries the headers of
`headers.py`, and every failure has the shape of `refusals.py`. Logs name methods, the patterns of
addresses, statuses and times, and of a fault the lines of code; never a query, an id, a name or a
path.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import ClientDisconnect

from hnuiseg.errors import HnuisegError
from hnuiseg.server.door import Door
from hnuiseg.server.headers import with_security
from hnuiseg.server.refusals import Refused, body_of, fault, status_of, where_of
from hnuiseg.server.site import READING, Site

MOST_BODY_BYTES = 1 << 20  # a brush of 10,000 positions has 600 kB
BODY_S = 30.0  # to send it
_LOG = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application round another one."""

    def __init__(
        self, app: App, door: Door, site: Site, most_body_bytes: int = MOST_BODY_BYTES
    ) -> None:
        self._app = app
        self._door = door
        self._site = site
        self._most = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no sockets of any other kind
            await send({"type": "websocket.close", "code": 1008})
            return
        began = time.monotonic()
        answer = _Answer(send)
        try:
            if self._traded(scope):
                await answer.redirect(self._without_token(scope), self._door.set_cookie())
            else:
                self._check(scope)
                # parts of a file are nobody's need, and refused in another shape than ours
                scope["headers"] = [h for h in scope["headers"] if h[0].lower() != b"range"]
                body = await self._body(scope, receive)
                await self._app(scope, _replayed(body, receive), answer.pass_on)
        except HnuisegError as error:
            await answer.refuse(error)
        except ClientDisconnect:  # a page that went on elsewhere: nobody is there to be told
            pass
        except Exception as error:
            _LOG.error("a fault: %s", where_of(error))
            await answer.refuse(fault())
        finally:
            spent = 1000 * (time.monotonic() - began)
            pattern = getattr(scope.get("route"), "path", "(none)")
            _LOG.info("%s %s %s %.0f ms", scope["method"], pattern, answer.status, spent)

    def _traded(self, scope: Scope) -> bool:
        """Whether a browser brings the token of the printed URL."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if not given:
            return False
        self._site.check_host(_headers(scope, b"host"))
        return len(given) == 1 and self._door.knows(given[0])

    def _without_token(self, scope: Scope) -> str:
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        rest = urlencode({k: v for k, v in asked.items() if k != "token"}, doseq=True)
        return "/" + (f"?{rest}" if rest else "")

    def _check(self, scope: Scope) -> None:
        self._site.check_host(_headers(scope, b"host"))
        cookies = "; ".join(_headers(scope, b"cookie"))
        bearer = _headers(scope, b"authorization")
        way = self._door.way_in(cookies, bearer[0] if len(bearer) == 1 else "")
        if way is None:
            raise Refused(
                401,
                "not-admitted",
                "a request without this server's cookie or token",
                "the page opened by the URL that `hnuiseg serve` printed",
                "open that URL again; each start of the server prints a new one",
            )
        self._site.check_origin(
            scope["method"], _headers(scope, b"origin"), _headers(scope, b"sec-fetch-site"), way
        )

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """All of a body that is small enough, before anything looks at it."""
        said = _headers(scope, b"content-length")
        if said and not (said[0].isdecimal() and int(said[0][:20]) <= self._most):
            raise self._too_large()
        if scope["method"] in READING and not said and not _headers(scope, b"transfer-encoding"):
            return b""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return b""
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._most:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError as error:
            raise Refused(
                408,
                "too-slow",
                f"a body that took more than {BODY_S:g} s",
                "one that comes at once",
                "send it again",
            ) from error

    def _too_large(self) -> Refused:
        return Refused(
            413,
            "too-large",
            f"a body of more than {self._most} bytes",
            f"up to {self._most} bytes",
            "send less at once, such as a brush in several strokes",
        )


class _Answer:
    """What goes back, and whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": with_security(list(message.get("headers", [])))}
        await self._send(message)

    async def refuse(self, error: HnuisegError) -> None:
        if self.status is not None:  # begun: all that can be done is to break it off
            return
        status, _ = status_of(error)
        content = json.dumps(body_of(error)).encode()
        await self._whole(status, content, [(b"content-type", b"application/json")])

    async def redirect(self, place: str, cookie: str) -> None:
        headers = [(b"location", place.encode()), (b"set-cookie", cookie.encode())]
        await self._whole(303, b"", headers)

    async def _whole(self, status: int, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        length = (b"content-length", str(len(content)).encode())
        start = {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        await self.pass_on(start)
        await self.pass_on({"type": "http.response.body", "body": content})


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body again, then whatever else comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
