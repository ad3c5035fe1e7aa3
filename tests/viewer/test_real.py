"""A real planning CT from a clinic opens, draws and takes an edit (HNUISEG_DATA)."""

from pathlib import Path

import numpy as np

from browsing import Browsing, axial_labels
from hnuiseg.interaction import Start
from hnuiseg.server.queue import Progress
from hnuiseg.server.sources import study_source
from hnuiseg.study import Case, Stated
from made_case import made_prediction
from needs import unpacked
from served import array_of, made_answering, serving, zeros

_GREYS = """(c) => new Set(
  c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 0)
).size"""


def test_a_real_ct_opens_draws_and_takes_an_edit(browser: Browsing, tmp_path: Path) -> None:
    study = unpacked("lung1_001", tmp_path / "study")

    def start(case: Case, _: Progress) -> Start:
        return Start.of_prediction(made_prediction(zeros(case.ct.grid), case.ct.grid))

    source = study_source(study, Stated(ct_only=True), "real")
    with (
        serving(tmp_path / "work", sources=[source], answering=made_answering(start)) as served,
        browser.visit(served.url, flat=True) as tab,
    ):
        tab.enter()
        greys = tab.page.locator('[data-view="Axial"] canvas.image').evaluate(_GREYS)
        assert greys > 50
        tab.brush(0.5, 0.5)
        labels, header = array_of(served.get(f"/api/sessions/{tab.session}/maps/labels"))
        kept = axial_labels(labels, header)
        slices = [int(k) for k in np.flatnonzero(kept.any(axis=(1, 2)))]
        drawn = tab.drawn(kept.shape, header["spacing"], slices)
        seen = drawn != 255
        assert np.array_equal(drawn[seen], kept[slices][seen])
        assert (drawn == 1).any()
        assert tab.complaints == []
