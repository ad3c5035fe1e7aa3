"""A server of made cases on a real port of this machine, and a client that knows its token."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from hnuiseg.interaction import Network, Start
from hnuiseg.server.app import guarded_app
from hnuiseg.server.binding import Binding
from hnuiseg.server.desk import Desk
from hnuiseg.server.door import Door
from hnuiseg.server.limits import Limits
from hnuiseg.server.queue import Progress
from hnuiseg.server.run import listening
from hnuiseg.server.site import Site
from hnuiseg.server.sources import Answering, Drawing, Source
from hnuiseg.server.web_server import web_server
from hnuiseg.server.work_folder import WorkFolder
from hnuiseg.study import Case
from hnuiseg.volume import Grid
from made_case import CARD, GRID, ball_labels, made_case, made_prediction
from random_network import RandomNetwork

INSIDE_MM = (0.0, 0.0, 121.0)  # of the made body


@dataclass(frozen=True)
class Served:
    """What a test holds of a running server."""

    desk: Desk
    door: Door
    site: Site
    http: httpx.Client  # comes in by Authorization: Bearer

    @property
    def url(self) -> str:
        """What a real server prints."""
        return f"{self.site.origins[0]}/?token={self.door.token}"

    @property
    def study(self) -> str:
        return self.desk.roll.rows()[0].id

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(path, **more)

    def shown(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ready(self) -> None:
        """Until the first study's automatic result is there."""
        self.http.post(f"/api/studies/{self.study}/automatic")
        self.wait(lambda: self.shown(f"/api/studies/{self.study}")["state"] in _READY)

    def wait(self, until: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.005)

    def begun(self) -> "Tab":
        """A new session of the first study, held by a tab."""
        self.ready()
        answer = self.http.post("/api/sessions", json={"study": self.study})
        assert answer.status_code == 201, answer.text
        return Tab(self, answer.json()["id"]).held()


_READY = ("ready", "saved", "in-session", "approved")


@dataclass
class Tab:
    """A page with a session: it remembers lease and revision."""

    served: Served
    id: str
    lease: str = ""
    revision: str = ""

    @property
    def at(self) -> str:
        return f"/api/sessions/{self.id}"

    def held(self) -> "Tab":
        answer = self.served.http.post(f"{self.at}/lease", json={})
        assert answer.status_code == 200, answer.text
        self.lease = answer.json()["lease"]
        self.seen()
        return self

    def seen(self) -> Any:
        body = self.served.shown(self.at)
        self.revision = body["revision"]
        return body

    def change(
        self, method: str, path: str, body: Any = None, *, revision: str | None = None
    ) -> httpx.Response:
        """A change as this tab sends it; it learns the revision of a change that was made."""
        headers = {
            "Hnuiseg-Lease": self.lease,
            "If-Match": f'"{self.revision if revision is None else revision}"',
        }
        answer = self.served.http.request(method, f"{self.at}{path}", headers=headers, json=body)
        if answer.is_success and "ETag" in answer.headers:
            self.revision = answer.headers["ETag"].strip('"')
        return answer

    def edit(self, edit: dict[str, Any]) -> Any:
        answer = self.change("POST", "/edits", {"edit": edit})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def array(self, path: str, **query: Any) -> tuple[np.ndarray, dict[str, Any]]:
        return array_of(self.served.get(f"{self.at}{path}", params=query))


def array_of(answer: httpx.Response) -> tuple[np.ndarray, dict[str, Any]]:
    """Bytes and header as docs/reference/server.md says."""
    assert answer.status_code == 200, answer.text
    header: dict[str, Any] = json.loads(answer.headers["Hnuiseg-Array"])
    array = np.frombuffer(answer.content, dtype=header["dtype"]).reshape(header["shape"])
    return array, header


def brush(at: Sequence[float] = INSIDE_MM, region: str = "GTVp") -> dict[str, Any]:
    return {"edit": "brush", "class": region, "positions_mm": [list(at)], "brush_mm": 5.0}


def click(at: Sequence[float] = INSIDE_MM, region: str = "GTVn") -> dict[str, Any]:
    return {"edit": "click", "class": region, "position_mm": list(at)}


def made_source(case: Case | None = None, label: str = "Nobody^No 4711") -> Source:
    return Source(label, f"/secret/path/{label}", lambda _: case or made_case())


def made_answering(
    start: Callable[[Case, Progress], Start] | None = None,
    network: Callable[[Case], Network] | None = None,
) -> Answering:
    def automatic(case: Case, progress: Progress) -> Start:
        progress(0.5, "one member")
        labels = ball_labels() if case.ct.grid.shape == GRID.shape else zeros(case.ct.grid)
        return Start.of_prediction(made_prediction(labels, case.ct.grid))

    def at_random(_: Case) -> Network:
        return RandomNetwork(np.random.default_rng(0))

    return Answering(CARD, network or at_random, start or automatic, lambda _: None)


def zeros(grid: Grid) -> np.ndarray:
    return np.zeros(grid.shape, dtype=np.uint8)


@contextmanager
def serving(
    work: Path,
    *,
    sources: Sequence[Source] | None = None,
    drawings: Sequence[Drawing] = (),
    answering: Answering | None = None,
    limits: Limits | None = None,
    static: Path | None = None,
) -> Iterator[Served]:
    """A real server in a thread of this process; `http` is a program's, browsers use `url`."""
    folder = WorkFolder(work)
    desk = Desk(
        folder,
        [made_source()] if sources is None else sources,
        drawings,
        answering or made_answering(),
        limits,
    )
    with listening(Binding(port=0)) as bound:
        port = bound.getsockname()[1]
        site, door = Site.loopback("127.0.0.1", port), Door.new(port, secure=False)
        app = guarded_app(desk, door, site, *([] if static is None else [static]))
        server = web_server(app, Binding(port=0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        headers = {"Authorization": f"Bearer {door.token}"}
        try:
            with httpx.Client(base_url=site.origins[0], headers=headers, timeout=30) as http:
                yield Served(desk, door, site, http)
        finally:
            desk.refuse_more()
            server.should_exit = True
            thread.join(30)
            desk.stop()
