"""What the whole server lets in and out, over a real connection."""

import json
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hnuiseg.server import web_server
from hnuiseg.server.guard import MOST_BODY_BYTES
from hnuiseg.server.refusals import Refused
from hnuiseg.server.static_files import static_file
from served import Served, Tab, serving

_PARTS = {"code", "came", "allowed", "remedy"}


def routes(served: Served) -> Iterator[tuple[str, str]]:
    """Every method and address of the API, with ids that name nothing."""
    paths: dict[str, Any] = served.shown("/api/openapi.json")["paths"]
    for path, methods in paths.items():
        filled = path.replace("{edit}", "1").replace("{map_name}", "labels")
        for method in methods:
            yield method.upper(), re.sub(r"\{\w+\}", "x" * 22, filled)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == _PARTS
    assert error["code"] == code
    assert all(error.values())
    assert "no-store" in answer.headers["cache-control"]


def test_law_every_route_refuses_without_a_token(served: Served) -> None:
    every = [*routes(served), ("GET", "/"), ("GET", "/plain.css"), ("GET", "/api/openapi.json")]
    assert len(every) > 25
    with httpx.Client(base_url=served.site.origins[0]) as stranger:
        for method, path in every:
            refused(stranger.request(method, path), 401, "not-admitted")
        refused(stranger.get("/?token=wrong"), 401, "not-admitted")


def test_law_every_change_refuses_a_foreign_page_and_a_foreign_name(served: Served) -> None:
    own = {"Cookie": f"{served.door.cookie_name}={served.door.cookie}"}
    changes = [(m, p) for m, p in routes(served) if m != "GET"]
    assert len(changes) > 10
    with httpx.Client(base_url=served.site.origins[0], headers=own) as page:
        for method, path in changes:
            for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
                answer = page.request(method, path, headers={"Origin": origin})
                refused(answer, 403, "foreign-origin")
            refused(page.request(method, path), 403, "foreign-origin")
        for method, path in routes(served):
            answer = page.request(method, path, headers={"Host": "evil.example"})
            refused(answer, 403, "foreign-host")
        ours = {"Origin": served.site.origins[0], "Sec-Fetch-Site": "same-origin"}
        answer = page.post(f"/api/studies/{served.study}/automatic", headers=ours)
        assert answer.status_code == 202


def test_the_printed_url_becomes_a_cookie_and_loses_its_token(served: Served) -> None:
    with httpx.Client(base_url=served.site.origins[0]) as browser:
        answer = browser.get("/", params={"token": served.door.token, "study": "x"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/?study=x"
        assert served.door.token not in str(answer.headers)
        page = browser.get(answer.headers["location"])
        assert page.status_code == 200
        assert "text/html" in page.headers["content-type"]
        assert browser.get("/api/studies").status_code == 200
        rebound = {"Host": "evil.example"}
        given = {"token": served.door.token}
        refused(browser.get("/", params=given, headers=rebound), 403, "foreign-host")


def test_every_answer_says_what_a_page_may_do(served: Served) -> None:
    stranger = httpx.get(f"{served.site.origins[0]}/api/studies")
    for answer in (served.get("/"), served.get("/api/studies"), served.get("/no"), stranger):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_the_page_loads_nothing_from_elsewhere_and_holds_no_script(served: Served) -> None:
    page = served.get("/").text
    for content in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL):
        assert content.strip() == ""
    assert "style=" not in page
    assert not re.search(r"https?://", page)
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert served.get(address).status_code == 200
    assert served.get("/index.css").headers["content-type"].startswith("text/css")
    assert served.get("/viewer.js").headers["content-type"].startswith("text/javascript")


def test_errors_of_every_kind_have_one_shape(served: Served) -> None:
    refused(served.get("/api/none"), 404, "not-found")
    refused(served.get("/api/studies/none"), 404, "not-found")
    refused(served.http.patch("/api/studies"), 405, "method-not-allowed")
    refused(served.http.post("/api/sessions", json={"study": 3}), 422, "invalid-request")
    refused(served.http.post("/api/sessions", content=b"{"), 422, "invalid-request")
    refused(served.http.post("/api/sessions", json={"study": "x", "no": 1}), 422, "invalid-request")
    deep = b'{"study":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert 400 <= served.http.post("/api/sessions", content=deep).status_code < 500


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
jsons = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["edit", "class", "value", "name", "study"]), inner)
    ),
    max_leaves=6,
)
edits = st.fixed_dictionaries(
    {"edit": st.sampled_from(["click", "box", "brush", "lock", "split", "delete-several"])},
    optional=dict.fromkeys(["class", "position_mm", "positions_mm", "brush_mm", "to"], jsons),
)


@settings(max_examples=60)
@given(body=jsons | st.fixed_dictionaries({"edit": edits}), where=st.integers(0, 100))
def test_law_no_request_is_a_fault_of_ours(served: Served, body: Any, where: int) -> None:
    """Whatever JSON comes to whatever route, of a session that is there."""
    tab = session_of(served)
    posts = [path for method, path in addresses(served) if method == "POST"]
    path = posts[where % len(posts)].replace("{session}", tab.id).replace("{study}", served.study)
    headers = {"Hnuiseg-Lease": tab.lease, "If-Match": tab.seen()["revision"]}
    headers["Content-Type"] = "application/json"
    answer = served.http.post(path, content=json.dumps(body), headers=headers)
    assert answer.status_code < 500, (path, answer.text)
    if path.endswith("/close") and answer.is_success:
        assert served.http.post(f"{tab.at}/open").is_success
        tab.held()


_TABS: dict[str, Tab] = {}


def session_of(served: Served) -> Tab:
    key = served.site.origins[0]
    if key not in _TABS:
        _TABS[key] = served.begun()
    return _TABS[key]


def addresses(served: Served) -> list[tuple[str, str]]:
    paths = served.shown("/api/openapi.json")["paths"]
    return [(m.upper(), path) for path, methods in paths.items() for m in methods]


def test_a_fault_of_ours_says_nothing_of_where(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("/secret/path of Nobody^No")

    monkeypatch.setattr(served.desk.roll, "rows", broken)
    answer = served.get("/api/studies")
    refused(answer, 500, "fault")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    served.wait(lambda: "a fault: RuntimeError at test_guard.py:" in caplog.text)
    assert "secret" not in caplog.text


def _raw(served: Served, head: str, body: bytes = b"") -> bytes:
    host = served.site.origins[0].removeprefix("http://")
    with socket.create_connection(host.split(":")) as wire:  # type: ignore[arg-type]
        told = f"{head}\r\nHost: {host}\r\nAuthorization: Bearer {served.door.token}\r\n"
        wire.settimeout(10)
        wire.sendall(told.encode() + body)
        return wire.recv(4096)


def test_a_body_that_says_that_it_is_too_large_is_not_read(served: Served) -> None:
    for length in (MOST_BODY_BYTES + 1, 10**19):
        answer = _raw(
            served, "POST /api/sessions HTTP/1.1", f"Content-Length: {length}\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 413")
    refused(
        served.http.post("/api/sessions", content=b" " * (MOST_BODY_BYTES + 1)), 413, "too-large"
    )


def test_a_body_that_grows_too_large_is_cut(served: Served) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * (MOST_BODY_BYTES // 20)

    try:
        answer = served.http.post("/api/sessions", content=endless())
    except httpx.TransportError:
        return  # closed while it was still being sent
    refused(answer, 413, "too-large")


@pytest.mark.parametrize(
    "path",
    ["../audit.jsonl", "..%2faudit.jsonl", "a/../../x", ".hidden", "%2e%2e/key", "..\\key",
     "/etc/passwd", "static/../../__init__.py", "api/../x", "link.txt", "x\0", "x" * 300,
     "ä" * 200],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_files(path: str, tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (tmp_path / "audit.jsonl").write_text("secret")
    (static / ".hidden").write_text("secret")
    (static / "link.txt").symlink_to(tmp_path / "audit.jsonl")
    for asked in (path, unquote(path)):
        with pytest.raises(Refused) as error:
            static_file(static, asked)
        assert error.value.status == 404


@given(path=st.text(st.sampled_from("./\\%a~:\0 "), max_size=20))
def test_law_static_paths_stay_inside(path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    static = tmp_path_factory.getbasetemp() / "nothing"
    with pytest.raises(Refused):
        static_file(static, path)


def test_a_built_viewer_is_served(tmp_path: Path) -> None:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<p>built")
    (static / "assets" / "viewer.js").write_text("1")
    with serving(tmp_path / "work", static=static) as served:
        assert served.get("/").text == "<p>built"
        script = served.get("/assets/viewer.js")
        assert script.headers["content-type"].startswith("text/javascript")


def test_law_logs_name_no_id_no_query_no_patient(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="hnuiseg"):
        tab = served.begun()
        tab.array("/maps/labels", axis="z", index=3)
        served.get(f"/?token={served.door.token}")
        served.get("/api/studies/Nobody^No?4711")
        served.get("/Nobody^No/4711")
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "GET /api/sessions/{session}/maps/{map_name} 200" in told
    for secret in (served.door.token, tab.id, served.study, "Nobody", "4711", "axis", "secret"):
        assert secret not in told


def test_the_api_is_described(served: Served) -> None:
    described = served.shown("/api/openapi.json")
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            for status in ("401", "403", "500"):
                content = operation["responses"][status]["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorBody")
    edits = described["components"]["schemas"]["EditAsked"]["properties"]["edit"]["oneOf"]
    assert {e["title"] for e in edits} >= {"click", "brush", "threshold"}
    for page in ("/docs", "/redoc", "/api/docs"):
        assert served.get(page).status_code == 404
    assert "http" not in json.dumps(described["paths"])


def test_every_address_is_in_the_reference(served: Served) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "server.md"
    told = page.read_text(encoding="utf-8")
    for path, methods in served.shown("/api/openapi.json")["paths"].items():
        for method in methods:
            assert f"| `{method.upper()} {path}` |" in told


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
def test_who_connects_and_asks_nothing_is_sent_away(
    said: bytes, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_server, "REQUEST_S", 0.2)
    host, _, port = served.site.origins[0].partition("://")[2].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as idle:
        idle.sendall(said)
        assert idle.recv(100) == b""
    with socket.create_connection((host, int(port)), timeout=5) as later:  # after a first request
        later.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert later.recv(20).startswith(b"HTTP/1.1 403")
        later.sendall(said)
        while later.recv(4096):
            pass


def test_nothing_upgrades_to_a_socket(served: Served) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    answer = _raw(served, "GET /api/studies HTTP/1.1", (upgrade + key).encode())
    assert not answer.startswith(b"HTTP/1.1 101")
