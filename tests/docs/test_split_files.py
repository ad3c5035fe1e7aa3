"""Committed splits: who is tested and calibrated on was settled before any training (law 11)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hnuiseg.cohorts import read_splits
from needs import data_folder

SPLITS = Path(__file__).parents[2] / "docs" / "splits"


@pytest.mark.parametrize(
    ("name", "everyone", "testing", "calibration"),
    [("openkbp", 178, 25, 10), ("sts", 22, 5, 2)],
)
def test_sides_are_as_large_as_said(
    name: str, everyone: int, testing: int, calibration: int
) -> None:
    splits = read_splits(SPLITS / f"{name}.json")  # which refuses a patient on two sides
    assert len(splits.known) == everyone
    assert len(splits.testing) == testing
    assert {len(kept) for kept in splits.calibration} == {calibration}
    assert len(set(splits.calibration)) == 1


def test_they_are_drawn_from_the_published_sides_by_the_script(tmp_path: Path) -> None:
    index = data_folder() / "openkbp" / "index.json"
    script = tmp_path / "draw.py"
    script.write_text((SPLITS / "draw.py").read_text())
    subprocess.run([sys.executable, script, index, data_folder() / "sts"], check=True)
    for name in ("openkbp.json", "sts.json", "sts-four-folds.json"):
        assert (tmp_path / name).read_bytes() == (SPLITS / name).read_bytes()
    published = {p["id"]: p["split"] for p in json.loads(index.read_text())["patients"]}
    splits = read_splits(SPLITS / "openkbp.json")
    assert {published[p.removeprefix("openkbp:")] for p in splits.testing} == {"test"}
    assert {published[p.removeprefix("openkbp:")] for p in splits.calibration[0]} == {"validation"}
