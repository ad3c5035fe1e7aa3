"""A real process of `hnuiseg serve`, ended in every way: no acknowledged edit is lost."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from command_line import Call
from hnuiseg.server.audit import verify
from hnuiseg.server.binding import Binding
from hnuiseg.server.limits import Limits
from hnuiseg.server.queue import Progress
from hnuiseg.server.run import Served, serve
from hnuiseg.server.sources import Source
from hnuiseg.server.work_folder import WorkFolder
from hnuiseg.study import Case
from made_case import made_case
from served import made_answering

_MAIN = [sys.executable, "-c", "from hnuiseg.cli.main import main; main()"]
_AT_MM = [-20.0, -18.0, 34.0]  # in the rod's water


class Running:
    """The process, and a client that its printed URL let in as a browser."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process = process
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        token = parse_qs(parts.query)["token"][0]
        self.http = httpx.Client(base_url=origin, headers={"Origin": origin}, timeout=60)
        assert self.http.get("/", params={"token": token}).status_code == 303
        assert len(token) >= 43

    def begun(self) -> dict[str, str]:
        """A session from the automatic result, held; its path and the headers of a change."""
        study = self.http.get("/api/studies").json()["studies"][0]["id"]
        self.http.post(f"/api/studies/{study}/automatic")
        end = time.monotonic() + 60
        while self.http.get(f"/api/studies/{study}").json()["state"] != "ready":
            assert time.monotonic() < end
            time.sleep(0.02)
        session = self.http.post("/api/sessions", json={"study": study}).json()
        return self.held(f"/api/sessions/{session['id']}")

    def held(self, at: str) -> dict[str, str]:
        lease = self.http.post(f"{at}/lease", json={}).json()["lease"]
        revision = self.http.get(at).json()["revision"]
        return {"at": at, "Hnuiseg-Lease": lease, "If-Match": revision}

    def edit(self, tab: dict[str, str], k: int) -> httpx.Response:
        x, y, z = _AT_MM
        edit = {"edit": "brush", "class": "GTVp", "positions_mm": [[x + k, y, z]], "brush_mm": 4.0}
        headers = {name: value for name, value in tab.items() if name != "at"}
        answer = self.http.post(f"{tab['at']}/edits", json={"edit": edit}, headers=headers)
        if answer.is_success:
            tab["If-Match"] = answer.json()["revision"]
        return answer


@contextmanager
def running(work: Path, ct_file: Path, model_file: Path) -> Iterator[Running]:
    options = ["--work", str(work), "--port", "0", "--model", str(model_file), "--samples", "2"]
    process = subprocess.Popen(
        [*_MAIN, "serve", str(ct_file), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a test run in the background inherits ignored signals
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, process.communicate(timeout=30)[1]
        made = Running(process, url)
        with contextlib.closing(made.http):
            yield made
    finally:
        process.kill()
        process.communicate(timeout=30)


def shown(server: Running, at: str) -> tuple[str, list[int], bytes]:
    told = server.http.get(at).json()
    labels = server.http.get(f"{at}/maps/labels").content
    return told["revision"], [edit["id"] for edit in told["edits"]], labels


def test_law_06_killed_between_and_amid_edits_nothing_acknowledged_is_lost(
    tmp_path: Path, ct_file: Path, model_file: Path
) -> None:
    """kill -9 at rest and while edits stream in; ids hold over restarts; SIGTERM ends cleanly."""
    work = tmp_path / "work"
    with running(work, ct_file, model_file) as server:
        tab = server.begun()
        at = tab["at"]
        for k in range(3):
            assert server.edit(tab, k).status_code == 201
        acknowledged = shown(server, at)
        server.process.kill()
        server.process.wait(30)
    with running(work, ct_file, model_file) as server:
        assert server.http.post(f"{at}/open").status_code == 200
        assert shown(server, at) == acknowledged
        tab, done = server.held(at), []

        def stream() -> None:
            for k in range(1000):
                try:
                    answer = server.edit(tab, k % 7)
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    done.append(answer.json())

        thread = threading.Thread(target=stream)
        thread.start()
        while len(done) < 4:
            time.sleep(0.002)
        server.process.kill()
        thread.join(30)
    with running(work, ct_file, model_file) as server:
        server.http.post(f"{at}/open")
        revision, ids, _ = shown(server, at)
        known = [1, 2, 3, *(answer["edit_id"] for answer in done)]
        assert ids[: len(known)] == known
        assert len(ids) <= len(known) + 1  # one may have been written and not acknowledged
        if len(ids) == len(known):
            assert revision == done[-1]["revision"]
        assert server.edit(server.held(at), 2).status_code == 201
        server.process.send_signal(signal.SIGTERM)
        assert server.process.communicate(timeout=30) == ("", "")
        assert server.process.returncode == 0
    found = verify(work / "audit.jsonl")
    assert found.intact
    assert [r["what"] for r in found.records[-2:]] == ["session-closed", "server-stopped"]
    edits = [r["edit"] for r in found.records if r["what"] == "edit"]
    assert set(known) <= set(edits)


def test_ctrl_c_ends_it_cleanly(tmp_path: Path, ct_file: Path, model_file: Path) -> None:
    work = tmp_path / "work"
    with running(work, ct_file, model_file) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.communicate(timeout=30) == ("", "")
        assert server.process.returncode == 0
    what = [record["what"] for record in verify(work / "audit.jsonl").records]
    assert what == ["server-started", "server-stopped"]


def test_told_twice_it_ends_without_waiting_for_what_runs(tmp_path: Path) -> None:
    began, gate = threading.Event(), threading.Event()

    def read(_: Progress) -> Case:
        began.set()
        gate.wait(25)
        return made_case()

    def ready(_: str) -> None:
        def tell() -> None:
            assert began.wait(10)
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.5)

        threading.Thread(target=tell, daemon=True).start()

    work = WorkFolder(tmp_path / "w")
    served = Served(work, [Source("a", "a", read)], [], made_answering(), Limits(), ahead=True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            serve(served, Binding(port=0), ready)
        assert time.monotonic() - start < 10
    finally:
        gate.set()
        signal.signal(signal.SIGINT, before)
    what = [record["what"] for record in verify(work.audit).records]
    assert what == ["server-started", "server-stopped"]


def refusal(called: tuple[int, str, str]) -> str:
    status, out, err = called
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    return err


def test_wrong_calls_are_one_line(call: Call, tmp_path: Path, ct_file: Path) -> None:
    work = ["--work", tmp_path / "w"]
    assert "without --work" in refusal(call("serve", ct_file))
    assert "without TLS" in refusal(call("serve", *work, "--host", "0.0.0.0"))
    assert "doesn't exist" in refusal(call("serve", tmp_path / "none", *work))
    assert "--weight-kg with 0 studies" in refusal(call("serve", *work, "--weight-kg", "70"))
    assert "is no file" in refusal(call("serve", *work, "--start", tmp_path / "none"))
    assert "browsers show" in refusal(call("serve", *work, "--behind-proxy", "http://a.example"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "nothing can listen" in refusal(call("serve", *work, "--port", port))


def test_the_audit_file_is_checked_by_the_command(call: Call, tmp_path: Path) -> None:
    from hnuiseg.server.audit import Audit

    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    for k in range(3):
        audit.append("edit", number=k)
    assert call("serve", "--verify-audit", path) == (
        0,
        f"3 lines, all as written; the last one's hash is {audit.last}\n",
        "",
    )
    content = path.read_bytes()
    path.write_bytes(content + b'{"torn')
    assert call("serve", "--verify-audit", path)[0] == 3
    path.write_bytes(content.replace(b'"number":1', b'"number":2'))
    status, _, err = call("serve", "--verify-audit", path)
    assert status == 3
    assert "line 2 of audit.jsonl isn't as it was written" in err
    assert call("serve", "--verify-audit", tmp_path / "none")[0] == 3


def test_without_the_extra_one_line_says_what_to_install(
    call: Call, tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    status, _, err = call("serve", "--work", tmp_path / "w", "--model", model_file)
    assert status == 6
    assert "pip install 'hnuiseg[serve]'" in err
    assert not (tmp_path / "w" / "audit.jsonl").exists()
