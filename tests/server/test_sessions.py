"""Sessions over HTTP: what is shown, what an edit sends, two tabs, revisions, restarts."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hnuiseg.errors import InputRefused
from hnuiseg.inference import Prediction, PredictOptions, predict
from hnuiseg.interaction import Answer, CaseNetwork, Click, Question, Start, edit_to_json
from hnuiseg.interaction.boxes import whole
from hnuiseg.server.cases import shown_box
from hnuiseg.server.limits import Limits
from hnuiseg.server.queue import ComputeQueue, Progress
from hnuiseg.server.sources import Drawing, Source, labels_of
from hnuiseg.server.work_folder import WorkFolder
from hnuiseg.study import Case
from hnuiseg.volume import Grid, Volume
from made_case import GRID, ball_labels, made_case, made_prediction, undrawn_prediction
from random_network import RandomNetwork, random_edit
from served import (
    INSIDE_MM,
    Served,
    Tab,
    array_of,
    brush,
    click,
    made_answering,
    made_source,
    serving,
)
from small_model import small_case, small_model, small_network_registered

MAPS = ("labels", "locked", "probability", "entropy", "mutual-information")


def everything(tab: Tab) -> dict[str, bytes]:
    """All that a session shows of the whole image."""
    box = ",".join(str(v) for v in [0, 0, 0, *GRID.shape])
    found = {name: tab.array(f"/maps/{name}", box=box)[0].tobytes() for name in MAPS}
    return {**found, "edits": repr(tab.seen()["edits"]).encode()}


def differing(before: np.ndarray, after: np.ndarray, header: dict[str, Any]) -> np.ndarray:
    return np.argwhere(before != after) + np.asarray(header["start"])


def error_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_law_05_what_changed_lies_in_the_region_that_was_shown_and_in_the_box_that_was_sent(
    served: Served, seed: int
) -> None:
    """Any edit: preview R first, then do it; nothing outside R, nothing outside the box."""
    tab = shared_tab(served)
    generator = np.random.default_rng(seed)
    edit = edit_to_json(random_edit(served.desk.session(tab.id).interactive.state, generator))
    preview = served.http.post(f"{tab.at}/region", json={"edit": edit})
    before = {name: tab.array(f"/maps/{name}") for name in MAPS}
    answer = tab.change("POST", "/edits", {"edit": edit})
    if answer.status_code != 201:  # an edit that doesn't fit this state
        assert answer.status_code == 400, answer.text
        assert everything_is(tab, before)
        return
    mask, where = array_of(preview)
    done = answer.json()
    allowed = np.zeros(GRID.shape, dtype=bool)
    z, y, x = (slice(a, a + n) for a, n in zip(where["start"], mask.shape, strict=True))
    allowed[z, y, x] = mask
    for name, (was, header) in before.items():
        now, _ = tab.array(f"/maps/{name}")
        changed = differing(was, now, header)
        assert allowed[tuple(changed.T)].all(), (name, edit)
        if len(changed):
            start = np.asarray(done["changed"]["start"])
            assert (changed >= start).all()
            assert (changed < start + done["changed"]["shape"]).all()


def everything_is(tab: Tab, before: dict[str, Any]) -> bool:
    return all((tab.array(f"/maps/{n}")[0] == was).all() for n, (was, _) in before.items())


_TABS: dict[str, Tab] = {}


def shared_tab(served: Served) -> Tab:
    """One session for many examples: a state that others left is as good as a fresh one."""
    key = served.site.origins[0]
    if key not in _TABS:
        _TABS[key] = served.begun()
    return _TABS[key]


def test_law_06_undo_redo_and_removal_are_exact(served: Served) -> None:
    tab = served.begun()
    states = [everything(tab)]
    for edit in (brush(), click(), {"edit": "lock", "class": "GTVp"}, {"edit": "accept"}):
        tab.edit(edit)
        states.append(everything(tab))
    for state in reversed(states[:-1]):
        assert tab.change("POST", "/undo").status_code == 200
        assert everything(tab) == state
    assert tab.change("POST", "/undo").status_code == 400
    for state in states[1:]:
        assert tab.change("POST", "/redo").status_code == 200
        assert everything(tab) == state
    assert tab.change("DELETE", "/edits/2").status_code == 200
    assert [edit["id"] for edit in tab.seen()["edits"]] == [1, 3, 4]
    assert tab.change("DELETE", "/edits/2").status_code == 400
    tab.change("POST", "/undo")
    assert everything(tab) == states[-1]
    close(tab)


def close(tab: Tab) -> None:
    assert tab.change("POST", "/close").status_code == 204


def test_two_tabs_one_edits(served: Served) -> None:
    first = served.begun()
    second = Tab(served, first.id)
    answer = served.http.post(f"{second.at}/lease", json={})
    assert (answer.status_code, error_of(answer)) == (409, "held-elsewhere")
    assert second.seen()["held"]
    assert not second.seen()["held_by_you"]
    answer = second.change("POST", "/edits", {"edit": brush()})
    assert (answer.status_code, error_of(answer)) == (409, "not-held")

    taken = served.http.post(f"{second.at}/lease", json={"take_over": True})
    second.lease = taken.json()["lease"]
    second.edit(brush())
    answer = first.change("POST", "/edits", {"edit": brush(INSIDE_MM, "GTVn")})
    assert (answer.status_code, error_of(answer)) == (409, "not-held")
    renewed = served.http.put(f"{first.at}/lease", headers={"Hnuiseg-Lease": first.lease})
    assert error_of(renewed) == "not-held"
    mine = {"Hnuiseg-Lease": second.lease}
    assert served.http.put(f"{first.at}/lease", headers=mine).status_code == 200
    assert served.http.delete(f"{first.at}/lease", headers=mine).status_code == 204
    close(first.held())


def test_law_a_change_of_a_state_that_is_no_longer_there_is_refused(served: Served) -> None:
    tab = served.begun()
    old = tab.revision
    tab.edit(brush())
    for method, path, body in (
        ("POST", "/edits", {"edit": brush(INSIDE_MM, "GTVn")}),
        ("POST", "/undo", None),
        ("POST", "/redo", None),
        ("DELETE", "/edits/1", None),
        ("POST", "/approval", {"name": "A"}),
        ("POST", "/exports", {}),
    ):
        answer = tab.change(method, path, body, revision=old)
        assert (answer.status_code, error_of(answer)) == (409, "stale-revision"), path
        assert answer.headers["ETag"] == f'"{tab.revision}"'
        answer = tab.change(method, path, body, revision="")
        assert answer.status_code in (409, 428), path
        plain = served.http.request(method, f"{tab.at}{path}", json=body)
        assert (plain.status_code, error_of(plain)) == (428, "revision-required")
    tab.change("POST", "/undo")
    tab.change("POST", "/redo")
    close(tab)


def test_one_of_two_changes_of_the_same_revision_is_done(served: Served) -> None:
    tab = served.begun()
    headers = {"Hnuiseg-Lease": tab.lease, "If-Match": f'"{tab.revision}"'}
    statuses: list[int] = []

    def send(region: str) -> None:
        with httpx.Client(base_url=served.site.origins[0], headers=served.http.headers) as http:
            edit = {"edit": brush(INSIDE_MM, region)}
            statuses.append(http.post(f"{tab.at}/edits", json=edit, headers=headers).status_code)

    threads = [threading.Thread(target=send, args=(name,)) for name in ("GTVp", "GTVn")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(statuses) == [201, 409]
    assert len(tab.seen()["edits"]) == 1
    close(tab)


@pytest.mark.parametrize(
    "edit",
    [
        {"edit": "nothing"}, {}, {"edit": "click"}, {**brush(), "brush_mm": 1e400},
        {"edit": ["click"]}, {"edit": {"a": 1}},
        {**brush(), "brush_mm": 10**400}, {**brush(), "positions_mm": [[0, 0]]},
        {**click(), "class": "GTVx"}, {**click(), "more": 1}, click((0.0, 0.0, 9e5)),
        {**click(), "position_mm": [0, 0, None]}, {**brush(), "positions_mm": [[0, 0, 0]] * 10_001},
    ],
)  # fmt: skip
def test_what_is_no_edit_is_refused_and_changes_nothing(
    served: Served, edit: dict[str, Any]
) -> None:
    tab = shared_tab(served)
    before = tab.seen()["revision"]
    content = json.dumps({"edit": edit})
    headers = {"Hnuiseg-Lease": tab.lease, "If-Match": before, "Content-Type": "application/json"}
    answer = served.http.post(f"{tab.at}/edits", content=content, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert set(answer.json()["error"]) == {"code", "came", "allowed", "remedy"}
    assert tab.seen()["revision"] == before


def test_the_voxel_under_the_cursor_is_what_the_maps_show(served: Served) -> None:
    tab = served.begun()
    tab.edit(brush())
    x, y, z = INSIDE_MM
    value = served.shown(f"{tab.at}/value?x={x}&y={y}&z={z}")
    index = tuple(value["index"])
    assert value["label"] == 1
    assert value["probabilities"] == [0, 1, 0]
    assert value["entropy"] is None  # a person's word; nobody was asked
    assert value["hu"] == made_case().ct.array[index]
    for name in ("labels", "probability"):
        array, header = tab.array(f"/maps/{name}")
        at = tuple(np.asarray(index) - header["start"])
        assert array[at] * header["slope"] == pytest.approx(1)
    answer = served.get(f"{tab.at}/value", params={"x": 9e5, "y": 0, "z": 0})
    assert answer.status_code == 400
    assert served.get(f"{tab.at}/value", params={"x": "nan", "y": 0, "z": 0}).status_code == 422
    close(tab)


def test_lesions_come_flagged_first_and_suggestions_lie_in_the_image(served: Served) -> None:
    tab = served.begun()
    tab.edit(brush((-30.0, 20.0, 130.0)))
    lesions = served.shown(f"{tab.at}/lesions")["lesions"]
    assert {lesion["class"] for lesion in lesions} == {"GTVp", "GTVn"}
    flagged = [bool(lesion["reasons"]) for lesion in lesions]
    assert flagged == sorted(flagged, reverse=True)
    assert any(flagged)
    places = served.shown(f"{tab.at}/suggestions?count=3")["suggestions"]
    assert len(places) <= 3
    for place in places:
        x, y, z = place["position_mm"]
        assert served.get(f"{tab.at}/value?x={x}&y={y}&z={z}").status_code == 200
    close(tab)


def test_what_the_model_was_too_unsure_of_is_listed_until_it_is_drawn(tmp_path: Path) -> None:
    found = undrawn_prediction()
    answering = made_answering(lambda case, progress: Start.of_prediction(found))
    with serving(tmp_path / "work", answering=answering) as served:
        tab = served.begun()
        (one,) = served.shown(f"{tab.at}/lesions")["not_drawn"]
        assert one["class"] == "GTVn"
        tab.edit(click(one["inside_mm"], one["class"]))
        assert served.shown(f"{tab.at}/lesions")["not_drawn"] == []
        close(tab)


def test_what_lies_beyond_the_pictures_is_counted(tmp_path: Path) -> None:
    """Hardly anybody draws in the air, but whoever does must be told."""
    hu = np.full(GRID.shape, -1000, dtype=np.int16)
    hu[2:14, 8:32, 16:40] = 40
    case = replace(made_case(), ct=Volume(hu, GRID, "HU"))
    with serving(tmp_path / "w", sources=[made_source(case)]) as served:
        tab = served.begun()
        before = served.shown(f"{tab.at}/lesions")["beyond_voxels"]
        assert served.desk.session(tab.id).loaded.body[2].start > 0
        corner = [float(v) for v in GRID.to_world(np.zeros((1, 3)))[0]]
        tab.edit({**brush(corner), "brush_mm": 0.5})
        assert served.shown(f"{tab.at}/lesions")["beyond_voxels"] == before + 1


def test_the_box_of_pictures_holds_the_body() -> None:
    for spacing in ((1.0, 1.0, 1.0), (5.0, 0.7, 0.9), (3.0, 4.5, 2.0)):
        shape = (24, 90, 100)
        grid = Grid.axial(shape, spacing)
        hu = np.full(shape, -1000, dtype=np.int16)
        hu[2:21, 20:70, 31:82] = 40
        found = shown_box(Volume(hu, grid, "HU"))
        for side, inner, n in zip(found, ((2, 21), (20, 70), (31, 82)), shape, strict=True):
            assert 0 <= side.start <= inner[0]
            assert inner[1] <= side.stop <= n


def test_a_threshold_does_what_its_preview_showed(served: Served) -> None:
    tab = served.begun()
    asked = {"class": "GTVp", "value": 0.5}
    labels, header = array_of(served.http.post(f"{tab.at}/threshold-preview", json=asked))
    tab.edit({"edit": "threshold", **asked})
    stop = np.asarray(header["start"]) + labels.shape
    box = ",".join(str(v) for v in [*header["start"], *stop])
    np.testing.assert_array_equal(tab.array("/maps/labels", box=box)[0], labels)
    assert header["report"]["changed_ml"] >= 0
    close(tab)


def test_images_of_a_study_are_those_of_the_case(served: Served) -> None:
    served.ready()
    at, case = f"/api/studies/{served.study}", made_case()
    box = ",".join(str(v) for v in [0, 0, 0, *GRID.shape])
    ct, _ = array_of(served.get(f"{at}/ct", params={"box": box}))
    np.testing.assert_array_equal(ct, case.ct.array)
    told = served.shown(f"{at}/image")
    cropped, header = array_of(served.get(f"{at}/ct"))
    assert header["start"] == told["body_start"]
    assert list(cropped.shape) == told["body_shape"]
    coarse, _ = array_of(served.get(f"{at}/ct", params={"step": 4}))
    np.testing.assert_array_equal(coarse, cropped[::4, ::4, ::4])
    assert case.pet is not None
    pet, header = array_of(served.get(f"{at}/pet", params={"grid": "native"}))
    native = case.pet.native.array
    np.testing.assert_allclose(pet * header["slope"], native, atol=header["slope"])
    on_ct, header = array_of(served.get(f"{at}/pet", params={"box": box}))
    np.testing.assert_array_equal(on_ct == header["not_covered"], ~case.pet.coverage)
    assert told["notices"][0]["code"] == "not-head-neck"
    plain = served.get(f"{at}/ct", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert served.get(f"{at}/ct").headers["content-encoding"] == "gzip"


def test_a_study_goes_from_not_opened_to_approved(tmp_path: Path) -> None:
    gate = threading.Event()

    def slowly(case: Case, progress: Progress) -> Start:
        for k in range(2000):
            progress(k / 2000, "window")
            if gate.wait(0.002):
                break
        return Start.of_prediction(made_prediction(ball_labels()))

    with serving(tmp_path / "w", answering=made_answering(slowly)) as served:
        at = f"/api/studies/{served.study}"
        assert served.shown(at)["state"] == "not-opened"
        begin = {"study": served.study}
        answer = served.http.post("/api/sessions", json=begin)
        assert (answer.status_code, error_of(answer)) == (409, "not-ready")
        assert error_of(served.get(f"{at}/ct")) == "study-not-open"
        first = served.http.post(f"{at}/automatic").json()
        served.wait(lambda: (served.shown(at)["job"]["eta_s"] or 0) > 0)
        assert served.shown(at)["state"] == "predicting"
        assert served.http.post(f"{at}/automatic").json()["id"] == first["id"]
        assert [job["id"] for job in served.shown("/api/queue")["jobs"]] == [first["id"]]
        assert served.http.delete(f"/api/queue/{first['id']}").status_code == 204
        served.wait(lambda: bool(served.shown(at)["state"] == "not-opened"))
        gate.set()
        tab = served.begun()
        assert served.shown(at)["state"] == "in-session"
        assert tab.change("POST", "/approval", {"name": "Dr A"}).status_code == 201
        assert served.shown(at)["state"] == "approved"
        tab.edit(brush())
        assert served.shown(at)["state"] == "in-session"
        close(tab)
        assert served.shown(at)["state"] == "saved"


@contextmanager
def thinking_of_a_click(work: Path) -> Iterator[tuple[Served, Tab, Callable[[], Any]]]:
    """Within: the network thinks of a click, until the answer is asked for."""
    thinking, gate = threading.Event(), threading.Event()

    class Slow(RandomNetwork):
        def answer(self, question: Question) -> Answer:
            thinking.set()
            assert gate.wait(20)
            return super().answer(question)

    slow = made_answering(network=lambda _: Slow(np.random.default_rng(0)))
    with serving(work, answering=slow) as served, ThreadPoolExecutor(1) as pool:
        tab = served.begun()
        clicked = pool.submit(tab.edit, click())
        assert thinking.wait(20)

        def answered() -> Any:
            gate.set()
            return clicked.result(20)

        try:
            yield served, tab, answered
        finally:
            gate.set()


def test_pictures_come_while_a_click_is_answered(tmp_path: Path) -> None:
    with thinking_of_a_click(tmp_path / "w") as (served, tab, answered):
        with httpx.Client(base_url=served.site.origins[0], headers=served.http.headers) as other:
            answer = other.get(f"{tab.at}/maps/labels")
            assert answer.headers["ETag"] == f'"{tab.revision}"'
            assert [j["kind"] for j in other.get("/api/queue").json()["jobs"]] == ["edit"]
        assert answered()["edit_id"] == 1


def test_a_click_that_is_being_answered_when_the_server_is_told_to_end_is_whole(
    tmp_path: Path,
) -> None:
    with thinking_of_a_click(tmp_path / "w") as (served, tab, answered):
        served.desk.refuse_more()
        with httpx.Client(base_url=served.site.origins[0], headers=served.http.headers) as other:
            answer = other.post(f"{tab.at}/open")
            assert (answer.status_code, error_of(answer)) == (503, "stopping")
        done = answered()["revision"]
    with serving(tmp_path / "w") as served:
        shown = served.http.post(f"{tab.at}/open").json()
        assert (shown["revision"], len(shown["edits"])) == (done, 1)


@pytest.mark.parametrize("error", [InputRefused("no CT", "one CT", "give one"), MemoryError("/x")])
def test_a_study_that_fails_says_why_and_may_be_tried_again(
    error: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [error]

    def read(_: Progress) -> Case:
        for failure in failures:
            raise failure
        return made_case()

    with serving(tmp_path / "w", sources=[Source("a", "a", read)]) as served:
        at = f"/api/studies/{served.study}"
        served.http.post(f"{at}/automatic")
        served.wait(lambda: bool(served.shown(at)["state"] == "failed"))
        problem = served.shown(at)["problem"]
        assert problem["came"] == "no CT" or problem["code"] == "fault"
        assert "/x" not in str(problem)
        assert ("a fault: " in caplog.text) == (problem["code"] == "fault")
        assert "/x" not in caplog.text
        failures.clear()
        served.begun()
        assert served.shown(at)["problem"] is None


def test_law_03_a_pass_that_let_a_click_through_is_the_same_to_the_bit() -> None:
    """The click is answered in the middle of the pass, by the same thread."""
    with small_network_registered():
        case, model = small_case(), small_model()
        options = PredictOptions(members=3, threads=1)
        plain = predict(case, model, options)
        network = CaseNetwork(case, model, options)
        labels = np.zeros(case.ct.grid.shape, dtype=np.uint8)
        clicked = Click("GTVp", True, (3, 4, 4))
        question = Question((clicked,), (clicked.index,), whole(case.ct.grid.shape), labels, 2)
        answers: list[Answer] = []
        queue = ComputeQueue()

        def work(progress: Progress) -> Prediction:
            def told(fraction: float, what: str) -> None:
                if not answers:
                    queue.submit("edit", lambda _: answers.append(network.answer(question)))
                progress(fraction, what)

            return predict(case, model, options, told)

        found = queue.submit("automatic", work).future.result(60)
        assert queue.stop()
        assert answers
        for name in ("labels", "probabilities", "entropy", "mutual_information", "votes"):
            assert getattr(found, name).tobytes() == getattr(plain, name).tobytes()
        alone = network.answer(question)
        assert alone.probabilities.tobytes() == answers[0].probabilities.tobytes()


def test_a_session_may_begin_with_a_drawing(tmp_path: Path) -> None:
    drawn = ball_labels()[:, ::-1]

    def begin(case: Case, _: object) -> Start:
        return Start.from_array(drawn.copy(), case.ct.grid, {"start": "rt.dcm"}, ("one left out",))

    def unfit(_case: Case, _: object) -> Start:
        raise InputRefused("a drawing of another CT", "drawings of this CT", "name another")

    drawings = [Drawing("rt.dcm", "a", begin), Drawing("other.dcm", "b", unfit)]
    with serving(tmp_path / "w", drawings=drawings) as served:
        one, two = served.shown("/api/studies")["starts"]
        answer = served.http.post("/api/sessions", json={"study": served.study, "start": one["id"]})
        tab = Tab(served, answer.json()["id"]).held()
        assert answer.json()["notes"] == ["one left out"]
        assert answer.json()["start"] == "rt.dcm"
        box = ",".join(str(v) for v in [0, 0, 0, *GRID.shape])
        np.testing.assert_array_equal(tab.array("/maps/labels", box=box)[0], drawn)
        answer = served.http.post("/api/sessions", json={"study": served.study, "start": two["id"]})
        assert error_of(answer) == "input-refused"
        answer = served.http.post("/api/sessions", json={"study": served.study, "start": "x"})
        assert answer.status_code == 404
        assert len(served.shown(f"/api/studies/{served.study}")["sessions"]) == 1


def test_law_06_a_restarted_server_shows_the_same_bits(tmp_path: Path) -> None:
    with serving(tmp_path / "w") as served:
        tab = served.begun()
        for edit in (brush(), click(), {"edit": "lock", "class": "GTVn"}):
            tab.edit(edit)
        tab.change("POST", "/undo")
        before, revision, study = everything(tab), tab.revision, served.study
    with serving(tmp_path / "w") as served:
        assert served.study == study  # a page that stayed open finds it again
        assert served.shown(f"/api/studies/{study}")["state"] == "saved"
        assert error_of(served.get(tab.at)) == "session-closed"
        again = Tab(served, tab.id)
        assert served.http.post(f"{again.at}/open").json()["revision"] == revision
        assert everything(again.held()) == before
        assert again.change("POST", "/redo").status_code == 200


def test_too_many_open_sessions_are_refused_and_idle_ones_closed(tmp_path: Path) -> None:
    limits = Limits(sessions=2, idle_s=0.4)
    with serving(tmp_path / "w", limits=limits) as served:
        tabs = [served.begun(), served.begun()]
        answer = served.http.post("/api/sessions", json={"study": served.study})
        assert (answer.status_code, error_of(answer)) == (429, "too-many-sessions")
        tabs[0].edit(brush())
        end = time.monotonic() + 10
        while True:  # heartbeats keep no session open
            headers = {"Hnuiseg-Lease": tabs[0].lease}
            answer = served.http.put(f"{tabs[0].at}/lease", headers=headers)
            if answer.status_code == 409:
                break
            assert time.monotonic() < end
            time.sleep(0.02)
        assert error_of(answer) == "session-closed"
        shown = served.http.post(f"{tabs[0].at}/open").json()
        assert len(shown["edits"]) == 1


def test_asked_for_again_and_again_one_pass_and_one_sweep_wait(tmp_path: Path) -> None:
    with serving(tmp_path / "w", limits=Limits(idle_s=600.0)) as served:
        tab = served.begun()
        desk, began, gate = served.desk, threading.Event(), threading.Event()

        def long(_: Progress) -> None:
            began.set()
            gate.wait(5)

        desk.queue.submit("edit", long)
        assert began.wait(5)
        desk.session(tab.id).used -= 601.0
        for _ in range(5):
            desk.sweep()
        together = threading.Barrier(8)

        def ask(_: int) -> str:
            together.wait()
            return desk.roll.predict(served.study).id

        with ThreadPoolExecutor(8) as many:
            assert len(set(many.map(ask, range(8)))) == 1
        assert len(desk.queue._urgent) == 1
        gate.set()
        served.wait(lambda: not served.shown(f"/api/studies/{served.study}")["sessions"][0]["open"])


def test_studies_of_one_name_are_told_apart_by_their_folders() -> None:
    paths = [Path(p) for p in ("/d/a/study", "/d/b/study", "/e/b/study", "/d/ct.nii", "/d/a/study")]
    assert labels_of(paths) == ["a/study", "d/b/study", "e/b/study", "ct.nii", "a/study"]
    assert labels_of([Path("/")]) == ["/"]


def test_ids_say_nothing_and_cannot_be_guessed(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        with serving(tmp_path / name, sources=[made_source(), made_source(label="x")]) as served:
            rows = served.shown("/api/studies")["studies"]
            tab = served.begun()
            found += [*(row["id"] for row in rows), tab.id, tab.lease]
    assert len(set(found)) == len(found)  # another work folder, other ids of the same studies
    assert min(map(len, found)) >= 22  # 128 bits and more


def test_one_server_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    with serving(tmp_path / "w"), pytest.raises(InputRefused, match="open in another program"):
        WorkFolder(tmp_path / "w")
    WorkFolder(tmp_path / "w").let_go()


def test_lesions_are_listed_where_a_class_has_none(tmp_path: Path) -> None:
    with serving(tmp_path / "work") as served:
        tab = served.begun()
        tab.edit({"edit": "delete", "class": "GTVn"})
        listed = served.shown(f"{tab.at}/lesions")["lesions"]
        assert [lesion["class"] for lesion in listed] == ["GTVp"]
        tab.edit({"edit": "delete", "class": "GTVp"})
        assert served.shown(f"{tab.at}/lesions")["lesions"] == []
