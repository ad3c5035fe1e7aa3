"""More than one tab, a reload in the middle, and the limits of what another page may do."""

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from browsing import Browsing, watched
from hnuiseg.interaction import Answer, Network, Question
from hnuiseg.server.limits import Limits
from hnuiseg.study import Case
from random_network import RandomNetwork
from served import Served, made_answering, serving

SLOW_S = 1.5


class SlowNetwork(RandomNetwork):
    """As a laptop answers."""

    def answer(self, question: Question) -> Answer:
        time.sleep(SLOW_S)
        return super().answer(question)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Served]:
    def network(_: Case) -> Network:
        return SlowNetwork(np.random.default_rng(0))

    with serving(tmp_path / "work", answering=made_answering(network=network)) as running:
        yield running


def test_a_second_tab_looks_and_may_take_over(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as first:
        first.enter()
        second = watched(first.page.context.new_page(), first.page.url)
        second.whole()
        assert "Another tab is editing" in second.page.inner_text(".middle .banner")
        assert second.page.get_by_role("button", name="Brush").is_disabled()
        first.press("Brush")
        first.click(0.3, 0.5)
        first.settle()
        assert second.edits == []
        second.page.wait_for_timeout(2100)
        second.page.mouse.move(*second.point(0.5, 0.5))  # who looks is shown what was done
        second.until(lambda: "brush" in "".join(second.edits))
        second.press("Take over")
        second.until(lambda: not second.page.locator(".middle .banner").is_visible())
        second.press("Brush")
        second.click(0.3, 0.6)
        second.settle()
        assert len(second.edits) == 2
        first.click(0.3, 0.45)
        first.settle()
        first.until(lambda: "Another tab" in first.page.inner_text(".middle .banner"))
        assert len(served.shown(f"/api/sessions/{first.session}")["edits"]) == 2
        first.press("Take over")
        first.until(lambda: len(first.edits) == 2)


def test_a_stale_page_shows_what_is_and_keeps_its_place(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.slice(5)
        session = served.desk.session(tab.session)
        interactive = session.interactive
        with session.turns.writing():  # as a program does that holds the same lease
            interactive.delete("GTVn")
        tab.brush(0.3, 0.5)
        tab.until(lambda: "changed elsewhere" in tab.message)
        tab.until(lambda: len(tab.lesions) == 1)
        assert tab.page.locator('[data-view="Axial"] .slice').input_value() == "5"
        tab.click(0.3, 0.5)
        tab.settle()
        assert len(tab.edits) == 2


def test_a_reload_amid_an_edit_opens_what_was_saved(slow: Served, browser: Browsing) -> None:
    with browser.visit(slow.url) as tab:
        tab.enter()
        tab.press("Add")
        tab.click(0.3, 0.5)
        tab.page.wait_for_selector(".work.waits")
        tab.page.reload()
        tab.whole()
        tab.until(lambda: slow.shown(f"/api/sessions/{tab.session}")["edits"] != [])
        # it holds its lease still: the next edit is made, after the state is read anew
        for _ in range(2):
            if len(slow.shown(f"/api/sessions/{tab.session}")["edits"]) < 2:
                tab.brush(0.3, 0.4)
        assert [e.split()[0] for e in tab.edits] == ["brush", "click"]


def test_the_page_stays_quick_while_the_network_thinks(slow: Served, browser: Browsing) -> None:
    """No task over 100 ms; the best of three rounds, as the machine may be busy with others."""
    watch = """
    () => {
      window.longest = 0;
      new PerformanceObserver((list) => {
        for (const e of list.getEntries()) window.longest = Math.max(window.longest, e.duration);
      }).observe({ type: 'longtask' });
    }
    """
    with browser.visit(slow.url) as tab:
        tab.enter()
        tab.page.evaluate(watch)
        tab.press("Add")
        longest = []
        for k in range(3):
            tab.page.evaluate("() => { window.longest = 0; }")
            tab.click(0.3 + 0.02 * k, 0.5)
            tab.page.wait_for_selector(".work.waits")
            before = tab.pixels()
            for _ in range(5):
                tab.page.mouse.wheel(0, 100 if k % 2 else -100)
                tab.page.wait_for_timeout(40)
            assert tab.pixels() != before, "it scrolls while it waits"
            assert tab.page.query_selector(".work.waits"), "the network had answered too early"
            tab.settle()
            longest.append(tab.page.evaluate("() => window.longest"))
        assert min(longest) <= 100, longest


def test_edits_wait_their_turn_one_after_another(slow: Served, browser: Browsing) -> None:
    with browser.visit(slow.url) as tab:
        tab.enter()
        tab.press("Brush")
        for k in range(3):
            tab.click(0.3 + 0.05 * k, 0.5)
        tab.settle()
        assert len(tab.edits) == 3


def test_work_that_was_put_away_goes_on(browser: Browsing, tmp_path: Path) -> None:
    """A session that nobody used is closed; the page says so, and opens it again."""
    limits = Limits(idle_s=2.0, lease_s=1.5)
    with serving(tmp_path / "work", limits=limits) as served, browser.visit(served.url) as tab:
        tab.enter()
        tab.brush(0.3, 0.5)
        tab.page.mouse.move(2, 2)
        tab.until(lambda: "put away" in tab.page.inner_text(".middle .banner"))
        tab.press("Go on")
        tab.until(lambda: not tab.page.locator(".middle .banner").is_visible())
        tab.press("Undo")
        tab.settle()
        tab.until(lambda: tab.edits == [])


HOSTILE = """<!doctype html><title>elsewhere</title><script>
const there = '%s';
const tried = {};
const note = (name) => (promise) => promise.then(
  (answer) => { tried[name] = answer.type === 'opaque' ? 'opaque' : answer.status; },
  () => { tried[name] = 'refused'; });
const json = { method: 'POST', credentials: 'include', body: '{"study":"%s"}' };
window.done = Promise.all([
  note('read')(fetch(there + '/api/studies', { credentials: 'include' })),
  note('begin')(fetch(there + '/api/sessions', {
    ...json, headers: { 'Content-Type': 'application/json' } })),
  note('simple')(fetch(there + '/api/sessions', { ...json, mode: 'no-cors' })),
  note('automatic')(fetch(there + '/api/studies/%s/automatic', {
    method: 'POST', credentials: 'include', mode: 'no-cors' })),
  new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.src = there + '/';
    frame.onload = () => {
      try { tried.frame = frame.contentDocument ? 'blank' : 'foreign'; }
      catch { tried.frame = 'foreign'; }
      resolve();
    };
    document.documentElement.append(frame);
  }),
]).then(() => tried);
</script>"""


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Another server of this machine, at another port: to a browser the same site."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_page_from_elsewhere_reads_nothing_and_changes_nothing(
    served: Served, browser: Browsing, tmp_path: Path
) -> None:
    """With the user's cookie in the same browser, from a site that shares the host's name."""
    study = served.study
    content = HOSTILE % (served.site.origins[0], study, study)
    (tmp_path / "index.html").write_text(content)
    with browser.visit(served.url) as tab, elsewhere(tmp_path) as foreign:
        tab.enter()
        before = [r.about.id for r in served.desk.roll.rows()[0].sessions]
        hostile = tab.page.context.new_page()
        hostile.goto(foreign)
        tried = hostile.evaluate("() => window.done")
        assert tried["read"] == tried["begin"] == "refused"
        assert tried["simple"] in ("refused", "opaque")
        assert [r.about.id for r in served.desk.roll.rows()[0].sessions] == before
        frames = [f for f in hostile.frames if f != hostile.main_frame]
        assert all("Studies" not in f.content() for f in frames)
        assert tab.elsewhere == []
