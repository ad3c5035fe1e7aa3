"""Figures of real tumours that the docs give: whose they are, and that they pass their bars."""

import json
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[2] / "docs"


def test_law_11_each_sarcoma_is_measured_once_by_the_fold_that_holds_it_back() -> None:
    said = json.loads((DOCS / "results" / "sarcomas.json").read_text())
    folds = json.loads((DOCS / "splits" / "sts-four-folds.json").read_text())["folds"]
    held_back = {patient: fold for fold, patients in enumerate(folds) for patient in patients}
    assert {patient: row["fold"] for patient, row in said["patients"].items()} == held_back
    for patient, row in said["patients"].items():
        assert {one["fold"] for one in row["answers"].values()} == {held_back[patient]}
    assert len({model["sha256"] for model in said["models"]}) == len(folds) == 4


def test_real_tumours_are_drawn_better_than_without_a_network() -> None:
    """The bars that were asked for, by patients whom the models never saw."""
    rows = json.loads((DOCS / "results" / "sarcomas.json").read_text())["patients"].values()

    def mean(user: str) -> float:
        return float(np.mean([row["answers"][f"PET/CT, {user}"]["dsc"] for row in rows]))

    assert mean("automatic, 0") >= 0.60
    assert mean("each-lesion, 1") >= 0.70
    for name in (
        "dice_region_growing_41_percent",
        "dice_region_growing_suv_2_5",
        "dice_ball_in_the_middle",
    ):
        assert mean("automatic, 0") > float(np.mean([row[name] for row in rows]))
