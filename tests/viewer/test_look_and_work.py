"""A person at the page of a made case: looks, clicks, undoes, locks, approves, exports."""

import json
import re

import numpy as np

from browsing import Browsing, Viewed, axial_labels
from hnuiseg.server.audit import verify
from served import Served, array_of


def shown_labels(served: Served, tab: Viewed) -> tuple[np.ndarray, np.ndarray]:
    """Labels read from the screen, and the server's."""
    labels, header = array_of(served.get(f"/api/sessions/{tab.session}/maps/labels"))
    kept = axial_labels(labels, header)
    return tab.drawn(kept.shape, header["spacing"]), kept


def test_contours_are_drawn_on_their_voxels_and_follow_every_edit(
    served: Served, browser: Browsing
) -> None:
    """Pixels equal the server's labels after opening, painting, undo, redo, and removal."""
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        first, kept = shown_labels(served, tab)
        assert np.array_equal(first, kept)
        assert set(np.unique(first)) == {0, 1, 2}
        tab.slice(8)
        before = tab.pixels()
        tab.brush(0.3, 0.5)
        assert tab.pixels() != before
        painted, kept = shown_labels(served, tab)
        assert np.array_equal(painted, kept)
        assert (painted == 1).sum() > (first == 1).sum()
        tab.press("Undo")
        tab.settle()
        assert np.array_equal(shown_labels(served, tab)[0], first)
        tab.press("Redo")
        tab.settle()
        assert np.array_equal(shown_labels(served, tab)[0], painted)
        tab.page.get_by_role("button", name="Remove this edit: brush").click()
        tab.settle()
        assert np.array_equal(shown_labels(served, tab)[0], first)
        assert tab.edits == []
        assert tab.complaints == []
        assert tab.elsewhere == []


def test_a_click_asks_the_network_shows_its_reach_before_and_its_answer_after(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        tab.press("Add")
        x, y = tab.point(0.3, 0.5)
        with tab.page.expect_response(lambda r: r.url.endswith("/region")) as asked:
            tab.page.mouse.move(x, y)
        assert asked.value.ok
        before, _ = shown_labels(served, tab)
        tab.page.mouse.click(x, y)
        tab.settle()
        after, kept = shown_labels(served, tab)
        assert np.array_equal(after, kept)
        assert not np.array_equal(after, before)
        assert re.search(r"ml changed .*in [\d.]+ s", tab.message)
        assert "click GTVp" in tab.edits[0]
        tab.click(0.5, 0.1)  # in the black above the image
        tab.settle()
        assert "outside the image" in tab.message
        assert len(tab.edits) == 1
        tab.press("GTVn")
        tab.press("Scribble −")
        tab.page.mouse.move(x, y)
        tab.page.mouse.down()
        tab.page.mouse.move(x + 30, y + 10, steps=4)
        tab.page.mouse.up()
        tab.settle()
        assert "scribble not GTVn" in tab.edits[0]
        drawn, kept = shown_labels(served, tab)
        assert np.array_equal(drawn, kept)


def test_the_voxel_under_the_pointer_is_read_out(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.page.mouse.move(*tab.point(0.63, 0.5))  # in the hot ball, to the patient's left
        tab.until(lambda: "%" in tab.page.inner_text(".readout"))
        told = tab.page.inner_text(".readout").replace("\n", " ")
        x, y, z = map(float, re.findall(r"-?\d+\.\d", told)[:3])
        assert x > 0, "the right of the picture is the patient's left"
        value = served.shown(f"/api/sessions/{tab.session}/value?x={x}&y={y}&z={z}")
        assert f"CT {value['hu']:.0f} HU" in told
        assert f"SUV {value['suv']:.2f}" in told
        assert f"GTVp {100 * value['probabilities'][1]:.1f} %" in told
        assert f"Uncertainty {value['entropy']:.3f} nat" in told
        letters = tab.page.evaluate("document.querySelectorAll('.view').length")
        assert letters == 4


def test_views_are_linked_and_scroll(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        coronal = tab.pixels("Coronal")
        axial = tab.pixels("Axial")
        tab.page.mouse.move(*tab.point(0.5, 0.5))
        tab.page.mouse.wheel(0, 100)
        tab.frame()
        assert tab.pixels("Axial") != axial
        assert tab.pixels("Coronal") == coronal
        tab.click(0.55, 0.55)
        tab.frame()
        assert tab.pixels("Coronal") != coronal
        tab.click(0.6, 0.5, "PET MIP")  # the hottest voxel along that ray
        tab.until(lambda: "SUV 9.0" in tab.page.inner_text(".readout").replace("\n", " "))
        for name in ("Bone", "Lung", "Wide", "Soft tissue"):
            before = tab.pixels("Axial")
            tab.page.get_by_label("CT window").select_option(name)
            tab.frame()
            assert name == "Soft tissue" or tab.pixels("Axial") != before
        before = tab.pixels("PET MIP")
        tab.page.get_by_label("PET colours").select_option("Rainbow")
        tab.frame()
        assert tab.pixels("PET MIP") != before


def test_a_threshold_is_seen_before_it_is_taken(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        first, _ = shown_labels(served, tab)
        slider = tab.page.get_by_label("Probability threshold")
        slider.fill("0.95")
        tab.until(lambda: "Would change" in tab.page.inner_text(".side.left"))
        assert np.array_equal(shown_labels(served, tab)[1], first), "nothing is done yet"
        tab.press("Cancel")
        assert "Would change" not in tab.page.inner_text(".side.left")
        slider.fill("0.94")
        tab.until(lambda: "Would change" in tab.page.inner_text(".side.left"))
        tab.press("Apply")
        tab.settle()
        drawn, kept = shown_labels(served, tab)
        assert np.array_equal(drawn, kept)
        assert (drawn == 1).sum() == 0
        assert np.array_equal(drawn == 2, first == 2)


def test_lesions_are_gone_to_locked_relabelled_and_deleted(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        assert len(tab.lesions) == 3
        first, _ = shown_labels(served, tab)
        tab.press("Delete all 2 flagged")
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 1)
        tab.press("Undo")
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 3)
        others = tab.page.get_by_role("button", name="I didn't confirm")
        assert not others.is_visible(), "while nothing is confirmed"
        tab.page.get_by_role("button", name="Mark as checked: GTVp 1").click()
        tab.settle()
        tab.press("Delete the 2 I didn't confirm")
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 1)
        tab.press("Undo")
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 3)
        tab.page.get_by_role("button", name="Lock GTVp 1").click()
        tab.settle()
        tab.page.get_by_role("button", name="Unlock GTVp 1").wait_for()
        tab.page.locator(".lesion .go", has_text="GTVp 1").click()
        tab.press("Eraser")
        tab.page.locator('[data-view="Axial"] canvas.image').focus()
        tab.page.keyboard.press("Enter")  # rubs where the cross is: in the locked lesion
        tab.settle()
        locked, kept = shown_labels(served, tab)
        assert np.array_equal(locked, kept)
        assert np.array_equal(locked == 1, first == 1)
        tab.page.get_by_role("button", name="Delete GTVn 2").click()
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 2)
        tab.page.get_by_role("button", name="To GTVp: GTVn 1").click()
        tab.settle()
        tab.until(lambda: all("GTVp" in text for text in tab.lesions))
        drawn, kept = shown_labels(served, tab)
        assert np.array_equal(drawn, kept)
        assert set(np.unique(drawn)) == {0, 1}
        tab.press("Next uncertain place")
        tab.until(lambda: "in doubt" in tab.page.inner_text(".side.right"))


def test_uncertainty_and_probability_are_laid_over_slice_by_slice(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        plain = tab.pixels()
        for key in ("u", "p"):
            tab.page.keyboard.press(key)
            tab.until(lambda: tab.pixels() != plain)
            tab.page.keyboard.press(key)
            tab.until(lambda: tab.pixels() == plain)


def test_approval_needs_a_name_and_ends_with_the_next_edit(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        assert tab.page.inner_text(".approval") == "Not approved"
        tab.press("Approve …")
        assert "UNAPPROVED" in tab.page.inner_text("dialog")
        tab.page.get_by_label("Your name").fill("   ")
        tab.press("Approve")
        tab.until(lambda: "type the name" in tab.page.inner_text("dialog .problem"))
        tab.page.get_by_label("Your name").fill("R. Oncologist")
        tab.press("Approve")
        tab.until(lambda: "Approved by R. Oncologist" in tab.page.inner_text(".approval"))
        tab.brush(0.3, 0.5)
        tab.until(lambda: "Changed since R. Oncologist" in tab.page.inner_text(".approval"))
        tab.press("Export …")
        tab.press("Write files")
        tab.page.wait_for_selector(".export", timeout=60_000)
        with tab.page.expect_download() as coming:
            tab.page.get_by_role("link", name="result.json").click()
        assert "brush" in json.dumps(json.loads(coming.value.path().read_text()))
        records = verify(served.desk.work.audit).records
        assert [r["what"] for r in records if r["what"] in ("approved", "exported")] == [
            "approved",
            "exported",
        ]


def test_keys_reach_everything_and_are_shown(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        tab.page.keyboard.press("?")
        listed = tab.page.inner_text("dialog")
        for word in ("Undo", "Next uncertain place", "Lock or unlock", "Wheel"):
            assert word in listed
        tab.page.keyboard.press("Escape")
        tab.page.locator('[data-view="Axial"] canvas.image').focus()
        tab.page.keyboard.press("2")
        tab.page.keyboard.press("b")
        for _ in range(6):
            tab.page.keyboard.press("ArrowLeft")
        tab.page.keyboard.press("PageDown")
        tab.page.keyboard.press("Space")
        tab.settle()
        assert "brush GTVn" in tab.edits[0]
        tab.page.keyboard.press("Control+z")
        tab.settle()
        assert tab.edits == []
        tab.page.keyboard.press("y")
        tab.settle()
        assert len(tab.edits) == 1
        tab.page.keyboard.press("Escape")
        assert tab.page.locator("[data-tool=look]").get_attribute("aria-pressed") == "true"


def test_a_hint_is_given_once(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url, new_here=True) as tab:
        tab.enter()
        tab.press("Got it")
        tab.page.reload()
        tab.whole()
        assert tab.page.query_selector(".hint") is None
        kept = tab.page.evaluate("JSON.stringify(localStorage)")
        assert served.study not in kept
        assert tab.session not in kept
        assert "Nobody" not in kept
