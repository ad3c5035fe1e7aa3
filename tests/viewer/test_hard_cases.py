"""Odd volumes, odd names, haste, and troubles in the middle of things."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browsing import Browsing, Viewed, axial_labels, watched
from hnuiseg.interaction import Start
from hnuiseg.server.queue import Progress
from hnuiseg.study import Case
from hnuiseg.volume import Grid
from made_case import ball_labels, made_case, made_prediction
from served import Served, array_of, made_answering, made_source, serving


@contextmanager
def shown(browser: Browsing, work: Path, case: Case, labels: np.ndarray) -> Iterator[Any]:
    """The page of a case with these labels."""

    def start(case: Case, _: Progress) -> Start:
        return Start.of_prediction(made_prediction(labels, case.ct.grid))

    answering = made_answering(start=start)
    with (
        serving(work, sources=[made_source(case)], answering=answering) as served,
        browser.visit(served.url, flat=True) as tab,
    ):
        tab.enter()
        yield served, tab
        assert tab.complaints == []


def painted(served: Served, tab: Viewed) -> np.ndarray:
    """What one dab of the brush in the middle of the axial view changed."""
    path = f"/api/sessions/{tab.session}/maps/labels"
    before, _ = array_of(served.get(path))
    tab.brush(0.5, 0.5)
    after, _ = array_of(served.get(path))
    return np.asarray(after != before)


FLAT = Grid.axial((1, 40, 48), (3.0, 2.0, 2.0), (-47.0, -39.0, 100.0), "1.2.3")
LONG = Grid.axial((24, 60, 72), (5.0, 1.0, 1.0), (-36.0, -30.0, 100.0), "1.2.3")


@pytest.mark.parametrize("grid", [FLAT, LONG], ids=["one slice", "1 x 1 x 5 mm"])
def test_volumes_that_are_thin_or_long_are_drawn_where_they_are(
    browser: Browsing, tmp_path: Path, grid: Grid
) -> None:
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[:, 20:24, 10:12], labels[0, 25:27, 30:35] = 1, 2
    with shown(browser, tmp_path / "work", made_case(grid), labels) as (served, tab):
        stored, header = array_of(served.get(f"/api/sessions/{tab.session}/maps/labels"))
        kept = axial_labels(stored, header)
        assert np.array_equal(tab.drawn(kept.shape, header["spacing"]), kept)
        assert painted(served, tab).any()
        for view in ("Coronal", "Sagittal", "Axial"):  # to the end and beyond
            tab.page.mouse.move(*tab.point(0.5, 0.5, view))
            for _ in range(3):
                tab.page.mouse.wheel(0, 100)
        for _ in range(25):
            tab.page.keyboard.press("+")
        tab.page.set_viewport_size({"width": 700, "height": 420})
        tab.click(0.5, 0.5)
        tab.page.keyboard.press("0")
        tab.page.set_viewport_size({"width": 1280, "height": 800})
        tab.frame()


def test_views_that_lie_aslant_say_so_and_edits_land_where_they_were_drawn(
    browser: Browsing, tmp_path: Path
) -> None:
    """Turned by 30 degrees round the long axis: left of the picture is right and anterior."""
    turn = np.deg2rad(30)
    c, s = np.cos(turn), np.sin(turn)
    steps = np.array([[0, 0, 3.0], [-2 * s, 2 * c, 0], [2 * c, 2 * s, 0]])
    grid = Grid.from_steps((16, 40, 48), steps, np.array([-20.0, -50.0, 100.0]), "1.2.3")
    with shown(browser, tmp_path / "work", made_case(grid), ball_labels(grid)) as (served, tab):
        changed = painted(served, tab)
        (line,) = served.shown(f"/api/sessions/{tab.session}")["edits"]
        x, y, z = line["edit"]["positions_mm"][0]
        _, header = array_of(served.get(f"/api/sessions/{tab.session}/maps/labels"))
        at = np.linalg.inv(np.asarray(header["affine_lps"])) @ [x, y, z, 1]
        middle = np.argwhere(changed).mean(axis=0)
        assert np.allclose(at[2::-1], middle, atol=1.0)


def test_what_half_a_pet_does_not_cover_is_hatched(browser: Browsing, tmp_path: Path) -> None:
    """The lower half of the patient lies beyond it; read-out, slice and projection say so."""
    half = Grid.axial((6, 20, 24), (4.0, 4.0, 4.0), (-46.0, -38.0, 124.0), "1.2.3")
    case = made_case(pet_grid=half)
    with shown(browser, tmp_path / "work", case, ball_labels()) as (_, tab):
        tab.page.get_by_label("Fusion").fill("0.5")
        tab.slice(14)
        tab.page.mouse.move(*tab.point(0.5, 0.5))
        tab.until(lambda: "beyond the PET" in tab.page.inner_text(".readout"))
        beyond = tab.pixels()
        tab.page.get_by_label("Fusion").fill("0")
        tab.frame()
        assert tab.pixels() != beyond
        tab.slice(2)
        tab.until(lambda: "SUV" in tab.page.inner_text(".readout"))
        tab.until(lambda: "beyond the PET" not in tab.page.inner_text(".readout"))


def test_three_hundred_lesions_are_listed_and_the_page_stays_quick(
    browser: Browsing, tmp_path: Path
) -> None:
    labels = np.zeros((16, 40, 48), dtype=np.uint8)
    labels[4:12:2, 6:36:3, 6:42:4] = 2
    labels[4:12:2, 6:36:3, 8:42:12] = 1
    with shown(browser, tmp_path / "work", made_case(), labels) as (_, tab):
        assert len(tab.lesions) > 300
        tab.page.evaluate("""() => {
          window.longest = 0;
          new PerformanceObserver((list) => {
            const found = list.getEntries().map((e) => e.duration);
            window.longest = Math.max(window.longest, ...found);
          }).observe({ type: 'longtask' });
        }""")
        tab.press("Look")
        longest = []
        for k in range(3):
            tab.page.evaluate("() => { window.longest = 0; }")
            tab.page.mouse.move(*tab.point(0.4 + 0.02 * k, 0.5))
            tab.page.mouse.wheel(0, 100)
            tab.page.keyboard.press("n")
            tab.page.wait_for_timeout(200)
            longest.append(tab.page.evaluate("() => window.longest"))
        assert min(longest) <= 100, longest
        tab.page.locator(".lesion .go").last.click()
        assert painted_count(tab) == 1


def painted_count(tab: Viewed) -> int:
    tab.brush(0.5, 0.5)
    return len(tab.edits)


def test_nothing_drawn_is_a_beginning_too(browser: Browsing, tmp_path: Path) -> None:
    case = made_case(with_pet=False)
    with shown(browser, tmp_path / "work", case, np.zeros((16, 40, 48), np.uint8)) as (_, tab):
        assert "No lesion is drawn" in tab.page.inner_text(".side.right")
        tab.page.keyboard.press("Delete")
        assert "no lesion under the cross" in tab.message
        tab.page.keyboard.press("x")  # there is no PET to lay over
        assert painted_count(tab) == 1
        tab.until(lambda: len(tab.lesions) == 1)


def test_names_are_text_and_long_ones_break_nothing(browser: Browsing, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>" + "long_" * 60
    with (
        serving(tmp_path / "work", sources=[made_source(label=hostile)]) as served,
        browser.visit(served.url) as tab,
    ):
        tab.page.on("dialog", lambda _: pytest.fail("it ran"))
        tab.page.wait_for_selector(".study")
        assert tab.page.inner_text(".study h2") == hostile
        tab.enter()
        assert tab.page.inner_text(".bar h1") == hostile
        assert tab.page.locator("img").count() == 0
        export = tab.page.get_by_role("button", name="Export …").bounding_box()
        assert export is not None
        assert export["x"] + export["width"] <= 1280
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1280
        assert tab.complaints == []


def test_haste_does_no_harm(served: Served, browser: Browsing) -> None:
    """Many clicks, undos and redos faster than any answer; more undos than there are edits."""
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.press("Brush")
        for k in range(4):
            tab.click(0.3 + 0.05 * k, 0.5)
        for key in "zzyzzzzzzyyyz":
            tab.page.keyboard.press(key)
        tab.settle()
        assert len(tab.edits) == 2  # 4, 2 back, 1 again, all back, 3 again, 1 back
        assert "wrong" not in (tab.page.locator(".message").get_attribute("class") or "")
        kept = served.shown(f"/api/sessions/{tab.session}")["edits"]
        assert len(kept) == 2


def test_a_key_that_is_held_down_acts_once(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.page.locator(".lesion .go", has_text="GTVp 1").click()
        tab.page.locator('[data-view="Axial"] canvas.image').focus()
        for key in ("l", "b", "ArrowLeft", "Enter"):
            for _ in range(12):  # 24 mm to the right: out of the lesion
                tab.page.keyboard.down(key)
            tab.page.keyboard.up(key)
        tab.settle()
        assert [edit.split()[0] for edit in tab.edits] == ["brush", "lock"]


def test_edits_that_wait_are_made_though_the_user_leaves(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        session = tab.session
        tab.press("Brush")
        for k in range(4):
            tab.click(0.3 + 0.05 * k, 0.5)
        tab.press("‹ Studies")
        tab.page.wait_for_selector(".sessions li")
        assert served.http.post(f"/api/sessions/{session}/open").status_code == 200
        assert len(served.shown(f"/api/sessions/{session}")["edits"]) == 4


def test_a_full_disk_is_said_and_the_next_edit_goes_on(served: Served, browser: Browsing) -> None:
    refused = {"error": {"code": "output-failed", "came": "x", "allowed": "y", "remedy": "z"}}
    with browser.visit(served.url) as tab:
        tab.enter()
        address = "**/edits"
        tab.page.route(address, lambda route: route.fulfill(status=507, body=json.dumps(refused)))
        tab.brush(0.3, 0.5)
        assert "Make room" in tab.message
        assert tab.edits == []
        tab.page.unroute(address)
        tab.click(0.3, 0.5)
        tab.settle()
        assert len(tab.edits) == 1


def test_a_button_let_go_elsewhere_draws_no_further(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.press("Brush")
        tab.drag((0.3, 0.5), (0.32, 0.5), settle=False)
        x, y = tab.point(0.6, 0.5)
        tab.page.locator('[data-view="Axial"] canvas.image').dispatch_event(
            "pointermove", {"clientX": x, "clientY": y, "buttons": 0, "pointerId": 1}
        )
        tab.settle()
        (line,) = served.shown(f"/api/sessions/{tab.session}")["edits"]
        x_mm = [p[0] for p in line["edit"]["positions_mm"]]
        assert max(x_mm) - min(x_mm) < 10
        tab.page.mouse.up()


def test_taken_over_in_the_middle_of_a_line(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as first:
        first.enter()
        first.press("Brush")
        first.drag((0.3, 0.5), (0.35, 0.5), settle=False)
        second = watched(first.page.context.new_page(), first.page.url)
        second.whole()
        second.press("Take over")
        second.until(lambda: not second.page.locator(".middle .banner").is_visible())
        first.page.mouse.move(*first.point(0.4, 0.5))
        first.page.mouse.up()
        first.settle()
        first.until(lambda: "Another tab" in first.page.inner_text(".middle .banner"))
        assert served.shown(f"/api/sessions/{first.session}")["edits"] == []


def test_a_closed_tab_lets_go_at_once(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as first:
        first.enter()
        second = first.page.context.new_page()
        address = first.page.url
        first.page.close(run_before_unload=True)
        served.wait(lambda: not served.shown(f"/api/sessions/{address.split('=')[1]}")["held"])
        tab = watched(second, address)
        tab.whole()
        assert not tab.page.locator(".middle .banner").is_visible()
        assert painted_count(tab) == 1


def test_who_goes_back_while_images_open_is_at_the_list(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        session = tab.page.url
        tab.press("‹ Studies")
        tab.page.wait_for_selector(".sessions li")
        tab.page.evaluate(
            """(address) => {
              location.href = address;
              setTimeout(() => { location.hash = ''; }, 5);
            }""",
            session,
        )
        tab.page.wait_for_timeout(800)
        tab.page.wait_for_selector(".sessions li")
        assert tab.page.query_selector(".panes") is None
        tab.page.evaluate(
            """(address) => {
              location.href = address;
              setTimeout(() => { location.hash = ''; }, 300);
              setTimeout(() => { location.href = address; }, 302);
            }""",
            session,
        )
        tab.page.wait_for_timeout(600)
        tab.whole()
        assert painted_count(tab) == 1


def test_windows_marks_and_saved_work_come_back(served: Served, browser: Browsing) -> None:
    """The SUV window changes the picture and is kept; what was checked is flagged no more."""
    with browser.visit(served.url) as tab:
        tab.enter()
        mip = tab.pixels("PET MIP")
        tab.page.get_by_label("Highest SUV shown").fill("4")
        tab.page.get_by_label("Lowest SUV shown").fill("7")  # above the highest
        tab.page.get_by_label("Lowest SUV shown").blur()
        tab.frame()
        assert tab.page.get_by_label("Highest SUV shown").input_value() == "7.5"
        assert tab.pixels("PET MIP") != mip
        assert tab.page.locator(".lesion.flagged").count() == 2
        tab.page.locator(".lesion.flagged button", has_text="Checked").first.click()
        tab.settle()
        tab.until(lambda: tab.page.locator(".lesion.flagged").count() == 1)
        assert "checked" in tab.page.inner_text(".lesions")
        tab.press("‹ Studies")
        tab.page.wait_for_selector(".sessions li")
        assert "Work saved" in tab.page.inner_text(".studies")
        tab.page.locator(".sessions button", has_text="Open").click()
        tab.whole()
        assert len(tab.edits) == 1
        assert tab.page.locator(".lesion.flagged").count() == 1


def test_letters_are_short_cuts_though_a_list_has_the_focus(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        window = tab.page.get_by_label("CT window")
        window.select_option("Wide")
        window.focus()
        tab.page.keyboard.press("b")  # the brush, and not "Bone"
        assert window.input_value() == "Wide"
        assert tab.page.locator("[data-tool=brush]").get_attribute("aria-pressed") == "true"
        tab.page.keyboard.press("ArrowUp")
        assert window.input_value() == "Lung"
