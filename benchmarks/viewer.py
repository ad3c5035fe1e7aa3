"""The page of `hnuiseg serve` on 512 x 512 x 200 voxels: first slices, all of it, clicks to pixels.

    .venv/bin/python benchmarks/viewer.py [EXECUTABLE]    # chromium by default

A made body with PET that fills the grid, so that cropping helps nothing; a real server, a real
browser without a GPU, on this machine. The network answers at once: what is timed is the page and
the way to it, from the press on the list to painted pixels. Writes benchmarks/results/viewer.json.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np

from browsing import Viewed, browsing
from hnuiseg.interaction import Start
from hnuiseg.server.queue import Progress
from hnuiseg.study import Case
from hnuiseg.volume import Grid
from made_case import made_case
from served import made_answering, made_source, serving

RESULTS = Path(__file__).parent / "results" / "viewer.json"
GRID = Grid.axial((200, 512, 512), (2.0, 1.0, 1.0), (-255.5, -255.5, 0.0), "1.2.3")
EDITS = 15
# the first pixel of an axial slice that isn't black, and which of its voxels are there
_SHOWN = """
() => {
  const canvas = document.querySelector('[data-view="Axial"] canvas.image');
  if (!canvas || !canvas.width) return false;
  const { data } = canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1);
  return data[0] + data[1] + data[2] > 0;
}
"""


def large_case() -> Case:
    """Water with noise: nothing that packs well."""
    case = made_case(GRID)
    noise = np.random.default_rng(0).normal(0.0, 20.0, GRID.shape).astype(np.float32)
    return replace(case, ct=replace(case.ct, array=noise + 40.0))


def seconds(tab: Viewed, act: Callable[[], Any], shown: Callable[[], bool]) -> float:
    """From an act to what it should show."""
    began = time.monotonic()
    act()
    while not shown():
        tab.page.wait_for_timeout(5)
        assert time.monotonic() - began < 120, "waited in vain"
    return time.monotonic() - began


def clicked(tab: Viewed, across: float) -> float:
    """Seconds from a click of the brush to its line in the list of edits."""
    before = len(tab.edits)
    return seconds(tab, lambda: tab.click(across, 0.4), lambda: len(tab.edits) > before)


def measured(executable: str) -> dict[str, Any]:
    """Every figure."""
    case = large_case()
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[90:110, 230:270, 250:290] = 1

    def start(_: Case, __: Progress) -> Start:
        return Start.of_labels(_map(labels), "made")

    loads: list[float] = [round(os.getloadavg()[0], 2)]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(
            Path(folder) / "work",
            sources=[made_source(case, "large")],
            answering=made_answering(start),
        ) as served,
        browsing(executable) as browser,
    ):
        served.ready()
        session = served.http.post("/api/sessions", json={"study": served.study}, timeout=120)
        with browser.visit(served.url) as tab:
            tab.page.wait_for_selector(".sessions")
            tab.page.evaluate(
                """() => { window.tasks = [];
                new PerformanceObserver((list) => window.tasks.push(
                  ...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask' }); }"""
            )
            began = time.monotonic()
            go = tab.page.locator(f'[data-key="open {session.json()["id"]}"]')
            first = seconds(tab, go.click, lambda: bool(tab.page.evaluate(_SHOWN)))
            tab.whole()
            whole = time.monotonic() - began
            loading = [float(t) for t in tab.page.evaluate("() => window.tasks.splice(0)")]
            tab.press("Brush")
            edits, scrolls = [], []
            for k in range(EDITS):
                edits.append(clicked(tab, 0.3 + 0.02 * k))
                tab.settle()
                scrolls.append(
                    float(
                        tab.page.evaluate(
                            """() => new Promise((done) => {
                            const began = performance.now();
                            const slider = document.querySelector('[data-view="Axial"] .slice');
                            slider.value = Number(slider.value) + 1;
                            slider.dispatchEvent(new Event('input'));
                            requestAnimationFrame(() => setTimeout(
                              () => done(performance.now() - began), 0)); })"""
                        )
                    )
                )
            told = [float(t) for t in tab.page.evaluate("() => window.tasks")]
            said = tab.page.eval_on_selector_all(".took", "(all) => all.map((e) => e.textContent)")
    loads.append(round(os.getloadavg()[0], 2))
    own = [float(text.split()[1]) for text in said]
    return {
        "machine": f"{os.cpu_count()} cores",
        "load of the last minute, before and after": loads,
        "voxels (z, y, x)": list(GRID.shape),
        "press to first slices, s": round(first, 2),
        "press to every image whole, s": round(whole, 2),
        "a brush's click to its pixels, as the page says, median s": statistics.median(own),
        "the same and the list of edits, from outside, median s": round(
            statistics.median(edits), 2
        ),
        "one slice on, to the drawn picture, median ms": round(statistics.median(scrolls), 1),
        "tasks over 50 ms on the main thread, while loading and while editing": [
            len(loading),
            len(told),
        ],
        "the longest of either, ms": [
            round(max(loading, default=0.0)),
            round(max(told, default=0.0)),
        ],
    }


def _map(labels: np.ndarray) -> Any:
    from hnuiseg.study.labels import LabelMap
    from hnuiseg.volume import Volume

    return LabelMap(Volume(labels, GRID, "label"), True)


def main() -> None:
    """Print the figures and keep them under benchmarks/results."""
    text = json.dumps(
        measured(sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium") or "chromium"),
        indent=1,
    )
    print(text)
    RESULTS.write_text(text + "\n")


if __name__ == "__main__":
    main()
