"""The tutorial, done: its commands are run, and every button that it names in bold is pressed."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browsing import Browsing, Viewed, axial_labels
from hnuiseg.cli.main import run
from hnuiseg.server.audit import verify
from hnuiseg.study import on_grid, read_labels, read_study

_PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "first-patient.md"
_MAIN = [sys.executable, "-c", "from hnuiseg.cli.main import main; main()"]


def _commands() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", _PAGE.read_text("utf-8"), re.M | re.S)
    return [line.removeprefix("$ hnuiseg ") for block in blocks for line in block.splitlines()]


def _named() -> list[str]:
    return re.findall(r"\*\*(.+?)\*\*", _PAGE.read_text("utf-8").replace("\n", " "))


def _act(tab: Viewed, name: str) -> None:
    """What the page asks for by a name in bold, and what must come of it."""
    if name == "Your name":
        tab.page.get_by_label("Your name").fill("R. Oncologist")
        return
    if name == "Compute automatic contours":
        tab.pictured("list")
    tab.press(name)
    _AFTER.get(name, Viewed.settle)(tab)


def _opened(tab: Viewed) -> None:
    tab.whole()


def _looked(tab: Viewed) -> None:
    tab.page.locator(".lesion .go", has_text="GTVn 1").click()
    tab.until(lambda: "%" in tab.page.inner_text(".readout"))
    tab.pictured("work")


def _went_on(tab: Viewed) -> None:
    tab.until(lambda: "in doubt" in tab.page.inner_text(".side.right"))
    before = tab.pixels()
    tab.page.keyboard.press("u")
    tab.until(lambda: tab.pixels() != before)
    tab.pictured("uncertainty")
    tab.page.keyboard.press("u")


def _added(tab: Viewed) -> None:
    """At the edge of a node, beyond what is drawn: inside, the network agrees already."""
    tab.page.locator(".lesion .go", has_text="GTVn 1").click()
    _step(tab, "ArrowUp")
    with tab.page.expect_response(lambda r: r.url.endswith("/region"), timeout=60_000):
        tab.page.mouse.move(*tab.point(0.5, 0.5))
    before = tab.pixels()
    _use_at_cross(tab)
    assert len(tab.edits) == 1, tab.message
    assert tab.pixels() != before
    tab.pictured("click")


def _painted(tab: Viewed) -> None:
    """So that something is drawn that the network didn't say."""
    _step(tab, "ArrowLeft")
    _use_at_cross(tab)
    assert len(tab.edits) == 2, tab.message


def _step(tab: Viewed, key: str) -> None:
    """Eight voxels with the cross."""
    tab.page.locator('[data-view="Axial"] canvas.image').focus()
    for _ in range(8):
        tab.page.keyboard.press(key)


def _use_at_cross(tab: Viewed) -> None:
    tab.page.locator('[data-view="Axial"] canvas.image').focus()
    tab.page.keyboard.press("Enter")
    tab.settle()


def _written(tab: Viewed) -> None:
    tab.page.wait_for_selector(".export", timeout=120_000)
    tab.pictured("export")


_AFTER: dict[str, Callable[[Viewed], None]] = {
    "Compute automatic contours": lambda tab: tab.until(lambda: "%" in tab.page.inner_text("main")),
    "Correct these contours": _opened,
    "Got it": _looked,
    "Next uncertain place": _went_on,
    "Add": _added,
    "Brush": _painted,
    "Write files": _written,
}


def _drawn_where_labelled(tab: Viewed, kept: np.ndarray, spacing: tuple[float, ...]) -> None:
    """On every slice with a label the screen shows what is kept."""
    slices = [int(k) for k in np.flatnonzero(kept.any(axis=(1, 2)))]
    assert slices
    drawn = tab.drawn(kept.shape, spacing, slices)
    seen = drawn != 255
    assert np.array_equal(drawn[seen], kept[slices][seen])
    assert not kept[slices][~seen].any(), "a label out of sight"


def test_from_a_dicom_folder_to_an_rtstruct(
    browser: Browsing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exported contours, read back, are the mask that was on the screen."""
    made, served = _commands()
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(made)) == 0
    process = subprocess.Popen(
        [*_MAIN, *shlex.split(served), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        study = tmp_path / "phantoms" / "patient-000" / "study"
        with browser.visit(url, new_here=True) as tab:
            for name in _named():
                _act(tab, name)
            with tab.page.expect_download() as coming:
                tab.page.get_by_role("link", name="rtstruct.dcm").click()
            coming.value.save_as(tmp_path / "rtstruct.dcm")
            tab.press("Close")
            assert "Approved by R. Oncologist" in tab.page.inner_text(".approval")
            answer = tab.page.evaluate(
                """async () => {
                  const at = '/api/sessions/' + location.hash.split('=')[1] + '/maps/labels';
                  const answer = await fetch(at);
                  const bytes = new Uint8Array(await answer.arrayBuffer());
                  return [answer.headers.get('Hnuiseg-Array'), Array.from(bytes)];
                }"""
            )
            assert tab.complaints == []
            assert tab.elsewhere == []
            session = tab.session
        with browser.visit(url, flat=True) as tab:
            tab.page.goto(url.split("?")[0] + f"#session={session}")
            tab.page.reload()
            tab.whole()
            labels, header = _array(answer)
            _drawn_where_labelled(tab, axial_labels(labels, header), tuple(header["spacing"]))
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
    case = read_study(study)
    exported = on_grid(read_labels(tmp_path / "rtstruct.dcm", ct=study), case.ct.grid)
    start, shape = header["start"], header["shape"]
    box = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    assert np.array_equal(exported.volume.array[box], labels)
    assert np.count_nonzero(exported.volume.array) == np.count_nonzero(labels)
    told = [r["what"] for r in verify(tmp_path / "viewer-work" / "audit.jsonl").records]
    assert {"approved", "exported"} <= set(told)


def _array(answer: list[Any]) -> tuple[np.ndarray, dict[str, Any]]:
    header = json.loads(answer[0])
    content = np.asarray(answer[1], dtype=np.uint8)
    return content.reshape(header["shape"]), header
