"""How the web server under the application is set: no log of its own, no trust in proxies."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hnuiseg.server.binding import Binding
from hnuiseg.server.guard import Guard

GRACE_S = 30  # for an edit that is being made
MOST_CONNECTIONS = 256
REQUEST_S = 20.0  # to send the head of a request; the guard times bodies


class Prompt(H11Protocol):
    """Closes connections on which no whole head of a request comes.

    Whoever opens enough of them and says nothing would keep everybody else out, without a token.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait anew where a later request has begun."""
        super().data_received(data)
        if self._asks_nothing:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)

    @property
    def _asks_nothing(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(REQUEST_S, self._waited)

    def _waited(self) -> None:
        self._waiting = None
        if self._asks_nothing:
            self.transport.close()


class Quiet(uvicorn.Server):
    """Signals are ours: uvicorn would raise them again after it has ended cleanly."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield


def web_server(app: Guard, binding: Binding) -> Quiet:
    """A server that runs on sockets that are given to it."""
    config = uvicorn.Config(
        app,
        access_log=False,  # ours has no queries
        log_config=None,
        proxy_headers=False,  # whoever sends X-Forwarded-For may be anybody
        server_header=False,
        date_header=False,
        http=Prompt,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MOST_CONNECTIONS,
        ssl_certfile=binding.tls_cert,
        ssl_keyfile=None if binding.tls_key is None else str(binding.tls_key),
    )
    return Quiet(config)
