"""The way to SUVbw is said alike by `inspect`, result.json and the report."""

import html
import json
from pathlib import Path

import numpy as np

from hnuiseg.export import export
from hnuiseg.study import inspect_study, read_study
from made_case import CARD, CREATED, STARTED, made_prediction
from small_study import CT_GRID, write_ct, write_pet


def test_the_branch_is_recorded_everywhere(tmp_path: Path) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    write_ct(study / "ct")
    write_pet(study / "pet")
    seen = inspect_study(study)
    assert seen.suv is not None
    assert seen.suv.branch == "BQML, START"
    assert seen.suv.branch in seen.summary()
    prediction = made_prediction(np.zeros(CT_GRID.shape, dtype=np.uint8), CT_GRID)
    export(
        read_study(study),
        prediction,
        CARD,
        out,
        formats=("report",),
        started=STARTED,
        created=CREATED,
    )
    recorded = json.loads((out / "result.json").read_text("utf-8"))["suv"]
    inspected = seen.to_json()["suv"]
    for key in ("units", "branch", "time_reference", "elapsed_s", "weight_kg", "weight_stated"):
        assert recorded[key] == inspected[key], key
    assert (min(recorded["factors"]), max(recorded["factors"])) == (
        inspected["factor_min"],
        inspected["factor_max"],
    )
    report = html.unescape((out / "report.html").read_text("utf-8"))
    assert seen.suv.branch in report
    assert str(seen.suv.time_reference) in report
