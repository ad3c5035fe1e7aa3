"""How the web server under the application is set: no log of its own, no trust in proxies."""

import contextlib
from collections.abc import Iterator

import uvicorn

from hnuiseg.server.binding import Binding
from hnuiseg.server.guard import Guard

GRACE_S = 30  # for an edit that is being made
MOST_CONNECTIONS = 256


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
        http="h11",
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MOST_CONNECTIONS,
        ssl_certfile=binding.tls_cert,
        ssl_keyfile=None if binding.tls_key is None else str(binding.tls_key),
    )
    return Quiet(config)
