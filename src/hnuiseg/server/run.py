"""Run the server until it is told to end."""

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from hnuiseg.errors import OutputFailed, WrongCall
from hnuiseg.server.binding import Binding
from hnuiseg.server.desk import Desk
from hnuiseg.server.door import Door
from hnuiseg.server.limits import Limits
from hnuiseg.server.sources import Answering, Drawing, Source
from hnuiseg.server.work_folder import WorkFolder

if TYPE_CHECKING:
    from hnuiseg.server.web_server import Quiet

_BACKLOG = 128
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Served:
    """What is served: by whom it is answered, from where, how much of it."""

    work: WorkFolder
    sources: Sequence[Source]
    drawings: Sequence[Drawing]
    answering: Answering
    limits: Limits
    ahead: bool = False  # every automatic pass at once


def serve(served: Served, binding: Binding, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; `ready` hears the URL once the server listens.

    At the end nothing new is begun, what a person waits for is finished, sessions are closed.
    WrongCall where nothing can listen there; OutputFailed where the extra isn't installed.
    """
    try:
        import fastapi  # noqa: F401 - said here, and not in the middle of an import
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise OutputFailed(
            "serving needs the packages fastapi and uvicorn, which aren't installed",
            "hnuiseg with its serving extra",
            "pip install 'hnuiseg[serve]'",
        ) from error
    logging.getLogger("hnuiseg.server").setLevel(logging.INFO)  # shown with --debug alone
    from hnuiseg.server.app import guarded_app
    from hnuiseg.server.web_server import web_server

    binding.check_certificate()  # before a URL is shown that nothing would answer at
    with listening(binding) as step:
        port = int(step.getsockname()[1])
        site = binding.site(port)
        door = Door.new(port, secure=site.secure)
        desk = Desk(served.work, served.sources, served.drawings, served.answering, served.limits)
        try:
            server = web_server(guarded_app(desk, door, site), binding)
            with _ending(server, desk):
                if served.ahead:
                    for row in desk.roll.rows():
                        desk.roll.predict(row.id)
                ready(f"{site.origins[0]}/?token={door.token}")
                try:
                    server.run(sockets=[step])
                    desk.stop()
                except KeyboardInterrupt:  # told twice: what runs isn't waited for
                    desk.stop(0.0)
                    raise
        finally:
            desk.stop()


@contextlib.contextmanager
def listening(binding: Binding) -> Iterator[socket.socket]:
    """A socket on the address; connections wait there until the server answers."""
    with contextlib.ExitStack() as stack:
        try:
            found = socket.getaddrinfo(
                binding.host.strip("[]"), binding.port, type=socket.SOCK_STREAM
            )
            family, kind, protocol, _, address = found[0]
            bound = stack.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(_BACKLOG)
        except OSError as error:
            raise WrongCall(
                f"nothing can listen at --host {binding.host!r:.80} --port {binding.port} "
                f"({error.strerror or error})",
                "an address of this machine and a port that is free",
                "name another --port, or 0 for any",
            ) from error
        yield bound


@contextlib.contextmanager
def _ending(server: "Quiet", desk: Desk) -> Iterator[None]:
    """While it serves, signals end it: a first one cleanly, a second one at once."""

    def end(_number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            raise KeyboardInterrupt
        server.should_exit = True
        # in its own thread: a lock that this very thread holds must not be waited for
        threading.Thread(target=desk.refuse_more, daemon=True).start()

    heard = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]  # nohup
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
