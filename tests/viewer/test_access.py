"""For everybody: axe finds nothing in any state of the page; nobody else is asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from browsing import Browsing, Viewed, watched
from hnuiseg.errors import InputRefused
from hnuiseg.interaction import Start
from hnuiseg.server.queue import Progress
from hnuiseg.server.sources import Drawing, Source
from hnuiseg.study import Case, LabelMap
from hnuiseg.volume import Volume
from made_case import ball_labels, made_case, made_prediction
from needs import viewer_modules
from served import Served, made_answering, made_source, serving


@pytest.fixture(scope="module")
def axe() -> str:
    return (viewer_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def check(tab: Viewed, axe: str, state: str) -> None:
    tab.page.evaluate(axe)
    found: Any = tab.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    told = [
        f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}"
        for v in found["violations"]
    ]
    assert told == [], state


@contextmanager
def held_back(work: Path) -> Iterator[tuple[Served, threading.Event]]:
    """A pass that goes on when it is told to; and a study that can't be read."""
    go = threading.Event()

    def automatic(case: Case, progress: Progress) -> Start:
        while not go.wait(0.05):
            progress(0.4, "one member")
        return Start.of_prediction(made_prediction(ball_labels(), case.ct.grid))

    def unreadable(_: Progress) -> Case:
        raise InputRefused("a PET without a weight", "a weight in the header", "add --weight-kg")

    sources = [made_source(), Source("no weight", "/secret/none", unreadable)]
    with serving(work, sources=sources, answering=made_answering(start=automatic)) as running:
        try:
            yield running, go
        finally:
            go.set()


def test_every_state_can_be_used_by_everybody(browser: Browsing, tmp_path: Path, axe: str) -> None:
    with (
        held_back(tmp_path / "work") as (served, go),
        browser.visit(served.url, new_here=True) as tab,
    ):
        tab.page.wait_for_selector(".study")
        check(tab, axe, "the list")
        tab.press("Compute automatic contours")
        tab.until(lambda: "40 %" in tab.page.inner_text(".studies"))
        assert "Computing contours" in tab.page.inner_text(".studies")
        check(tab, axe, "a pass that runs")
        tab.press("Cancel")
        tab.until(lambda: "Not opened yet" in tab.page.inner_text(".studies"))
        tab.page.get_by_role("button", name="Compute automatic contours").last.click()
        tab.until(lambda: "A PET without a weight" in tab.page.inner_text(".studies"))
        check(tab, axe, "a study that was refused")
        go.set()
        tab.enter()
        check(tab, axe, "a session with its hint")
        tab.press("Got it")
        tab.brush(0.3, 0.5)
        tab.page.keyboard.press("u")
        tab.frame()
        check(tab, axe, "an edit and a heat map")
        for tool in ("Add", "Eraser", "Merge"):  # each with settings of its own
            tab.press(tool)
            check(tab, axe, tool)
        tab.press("Approve …")
        check(tab, axe, "the dialog of an approval")
        tab.page.get_by_label("Your name").fill("R. Oncologist")
        tab.press("Approve")
        tab.until(lambda: "Approved by" in tab.page.inner_text(".approval"))
        check(tab, axe, "an approval")
        tab.press("Export …")
        tab.press("Write files")
        tab.page.wait_for_selector(".export", timeout=60_000)
        check(tab, axe, "the dialog of an export")
        tab.press("Close")
        tab.page.keyboard.press("?")
        check(tab, axe, "the list of keys")
        tab.press("Close")
        second = watched(tab.page.context.new_page(), tab.page.url)
        second.whole()
        check(second, axe, "a tab that only looks")
        tab.press("‹ Studies")
        tab.page.wait_for_selector(".sessions li")
        check(tab, axe, "a list with an approved session")
        assert tab.elsewhere == second.elsewhere == []
        assert tab.complaints == []
        for text in (tab.page.content(), second.page.content()):
            assert "Research use only" in text
            assert "/secret/" not in text


def test_a_drawing_is_a_beginning_and_a_study_without_pet_says_so(
    browser: Browsing, tmp_path: Path
) -> None:
    """What somebody drew elsewhere, without any automatic pass; nobody knows how sure it is."""

    def begin(case: Case, _: Source) -> Start:
        drawn = LabelMap(Volume(ball_labels(), case.ct.grid, "label"), True)
        return Start.of_labels(drawn, "mine.dcm")

    sources, drawings = [made_source(made_case(with_pet=False))], [Drawing("mine.dcm", "", begin)]
    with (
        serving(tmp_path / "work", sources=sources, drawings=drawings) as served,
        browser.visit(served.url) as tab,
    ):
        tab.press("Begin from mine.dcm")
        tab.whole()
        assert len(tab.lesions) == 3
        tab.until(lambda: "not sampled" in tab.page.inner_text(".readout"))
        assert "no PET" in tab.page.inner_text(".readout")
        assert not tab.page.get_by_label("PET colours").is_visible()
        tab.frame()
        assert tab.complaints == []
