"""Every tool does what its edit says: boxes, merging, splitting, rubbing out, a click's reach."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from browsing import Browsing, Viewed
from hnuiseg.interaction import Start
from made_case import undrawn_prediction
from served import Served, array_of, made_answering, serving


def labels_of(served: Served, tab: Viewed) -> tuple[np.ndarray, dict[str, Any]]:
    return array_of(served.get(f"/api/sessions/{tab.session}/maps/labels"))


def lesion(served: Served, tab: Viewed, name: str) -> tuple[float, float]:
    """Go to a lesion; the screen's point of a voxel that lies in it."""
    tab.page.locator(".lesion .go", has_text=name).click()
    found = served.shown(f"/api/sessions/{tab.session}/lesions")["lesions"]
    (one,) = [x for x in found if f"{x['class']} {x['number']}" == name]
    return tab.point_of(labels_of(served, tab)[1], one["inside_mm"])


def sent(served: Served, tab: Viewed) -> dict[str, Any]:
    edit: dict[str, Any] = served.shown(f"/api/sessions/{tab.session}")["edits"][-1]["edit"]
    return edit


def test_a_box_is_drawn_from_corner_to_corner_and_changes_nothing_outside(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        before, header = labels_of(served, tab)
        tab.press("Box")
        tab.drag((0.3, 0.4), (0.4, 0.55), settle=False)
        held = tab.page.locator('[data-view="Sagittal"] canvas.marks').screenshot()
        tab.page.mouse.up()
        tab.settle()
        tab.frame()
        assert tab.page.locator('[data-view="Sagittal"] canvas.marks').screenshot() != held
        after, _ = labels_of(served, tab)
        assert not np.array_equal(before, after)
        edit = sent(served, tab)
        assert edit["edit"] == "box"
        affine = np.linalg.inv(np.asarray(header["affine_lps"]))
        ends = [(affine @ [*edit[k], 1])[2::-1] for k in ("corner_mm", "opposite_mm")]
        low, high = np.rint(np.min(ends, axis=0)), np.rint(np.max(ends, axis=0))
        changed = np.argwhere(before != after)
        assert (changed >= low).all()
        assert (changed <= high).all()
        assert high[0] > low[0], "it is deep, though it was drawn on one slice"
        tab.click(0.5, 0.5)
        assert "opposite" in tab.message
        assert len(tab.edits) == 1


def test_what_is_not_drawn_can_be_gone_to_and_drawn(tmp_path: Path, browser: Browsing) -> None:
    found = undrawn_prediction()
    answering = made_answering(lambda case, progress: Start.of_prediction(found))
    with (
        serving(tmp_path / "work", answering=answering) as served,
        browser.visit(served.url) as tab,
    ):
        tab.enter()
        unsure = tab.page.locator("details", has_text="not drawn")
        assert "1 not drawn" in unsure.inner_text()
        unsure.locator("summary").click()
        assert "90 % sure at most" in unsure.inner_text()
        unsure.get_by_role("button", name="Draw GTVn 1").click()
        tab.settle()
        (one,) = found.not_drawn
        edit = sent(served, tab)
        assert (edit["edit"], edit["class"]) == ("click", "GTVn")
        assert np.allclose(edit["position_mm"], one.inside_mm)
        tab.until(lambda: not unsure.is_visible())  # the list of lesions comes after the answer


def test_a_box_by_keys_has_the_corners_that_the_cross_had(
    served: Served, browser: Browsing
) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.page.locator('[data-view="Axial"] canvas.image').focus()
        for keys in ("f", "Enter", *["ArrowRight"] * 4, *["ArrowDown"] * 3, "PageDown", "Enter"):
            tab.page.keyboard.press(keys)
        tab.settle()
        edit = sent(served, tab)
        sides = np.abs(np.subtract(edit["corner_mm"], edit["opposite_mm"]))
        assert np.allclose(sides, (8, 6, 3))  # of voxels of 2, 2 and 3 mm


def test_two_lesions_become_one_and_one_becomes_two(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        tab.press("Merge")
        tab.click(0.3, 0.5)
        assert "no lesion" in tab.message
        tab.page.mouse.click(*lesion(served, tab, "GTVn 1"))
        tab.until(lambda: "belongs to it" in tab.message)
        tab.page.mouse.click(*lesion(served, tab, "GTVp 1"))
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 2)
        assert all("GTVn" in name for name in tab.lesions), "the first one's class"
        assert tab.edits[0].startswith("merge")
        tab.press("Undo")
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 3)
        x, y = lesion(served, tab, "GTVp 1")
        tab.press("Split")
        tab.page.mouse.click(x - 20, y)
        tab.page.mouse.click(x + 20, y)
        tab.settle()
        tab.until(lambda: len(tab.lesions) == 4)
        assert tab.edits[0].startswith("split")
        tab.press("Split")
        tab.page.mouse.click(x - 20, y)
        tab.page.keyboard.press("Escape")
        assert len(tab.edits) == 1


def test_the_eraser_rubs_out_the_chosen_class_or_both(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        x, y = lesion(served, tab, "GTVn 1")
        before, _ = labels_of(served, tab)
        tab.press("Eraser")
        tab.page.mouse.click(x, y)
        tab.settle()
        assert np.array_equal(labels_of(served, tab)[0], before), "GTVp is chosen, GTVn stays"
        tab.page.get_by_label("Rub out both classes").check()
        tab.page.mouse.click(x, y)
        tab.settle()
        after, _ = labels_of(served, tab)
        assert (after == 2).sum() < (before == 2).sum()
        assert sent(served, tab)["class"] is None


def test_how_far_a_click_reaches_is_shown_and_set(served: Served, browser: Browsing) -> None:
    with browser.visit(served.url) as tab:
        tab.enter()
        tab.press("Add")
        with tab.page.expect_response(lambda r: r.url.endswith("/region")) as usual:
            tab.page.mouse.move(*tab.point(0.3, 0.5))
        reach = tab.page.get_by_label("How far a click reaches")
        with tab.page.expect_response(lambda r: r.url.endswith("/region")) as wide:
            reach.fill("33")
        voxels = [voxels_of(r.value.headers) for r in (usual, wide)]
        assert voxels[0] < voxels[1]
        tab.click(0.3, 0.5)
        tab.settle()
        assert sent(served, tab)["radius_mm"] == 33
        assert "within 33.0 mm" in tab.edits[0]
        reach.fill("14")
        assert "usual" in tab.page.inner_text(".side.left")
        tab.press("Scribble +")
        tab.drag((0.3, 0.6), (0.33, 0.6))
        assert "radius_mm" not in sent(served, tab)


def voxels_of(headers: dict[str, str]) -> int:
    return int(json.loads(headers["hnuiseg-array"])["voxels"])


def test_a_line_that_leaves_the_image_is_not_drawn_across_it(
    served: Served, browser: Browsing
) -> None:
    """Out at the top, and in again far away: nothing between is painted."""
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        _, header = labels_of(served, tab)
        inside = [tab.point_of(header, (x, -20.0, 120.0)) for x in (-25.0, 25.0)]
        outside = [(x, y - 400) for x, y in inside]
        tab.press("Brush")
        tab.page.mouse.move(*inside[0])
        tab.page.mouse.down()
        for place in (outside[0], outside[1], inside[1]):
            tab.page.mouse.move(*place, steps=3)
        tab.page.mouse.up()
        tab.settle()
        x = [p[0] for p in sent(served, tab)["positions_mm"]]
        assert min(x) < -20 < 20 < max(x)
        assert not any(-20 < v < 20 for v in x)


def test_slices_are_smooth_or_voxels_as_they_are(served: Served, browser: Browsing) -> None:
    shades = """(c) => {
      const row = c.getContext('2d').getImageData(0, c.height / 2, c.width, 1).data;
      return new Set(row.filter((_, i) => i % 4 === 0)).size;
    }"""
    with browser.visit(served.url, flat=True) as tab:
        tab.enter()
        canvas = tab.page.locator('[data-view="Axial"] canvas.image')
        smooth = canvas.evaluate(shades)
        tab.page.get_by_label("Smooth").uncheck()
        tab.frame()
        assert canvas.evaluate(shades) < smooth
        assert canvas.evaluate(shades) <= 4  # air, water, two classes: no shade between
