"""What the policy of doubt flags, how often it is right, and what removing it all at once changes.

    .venv/bin/python benchmarks/doubt.py MODEL DATA [calibration|testing]

Constants of the policy are chosen on calibration patients; the claim is measured on those kept for
testing. Every patient with PET and, apart, from the CT alone; ten members; every component drawn.
Writes benchmarks/results/doubt-PART.json: each component with what the policy looks at and whether
it touches the truth, and the means over cases before and after one edit that removes what is
flagged. Components that lie where nobody knows the truth (`judged_truth`) are counted apart.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hnuiseg.cohorts import read_cached
from hnuiseg.evaluation import judged_truth
from hnuiseg.inference import PredictOptions, predict
from hnuiseg.interaction import (
    Canvas,
    DeleteSeveralEdit,
    Start,
    change_of,
    doubtful,
    lesion_summaries,
)
from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.interaction.component import component_at
from hnuiseg.interaction.edits import voxel
from hnuiseg.models import load_model
from hnuiseg.study import IGNORE, Case
from hnuiseg.training.assess.measure import class_measures
from hnuiseg.training.data import parts_of
from hnuiseg.volume import Volume

RESULTS = Path(__file__).parent / "results"
OPTIONS = PredictOptions(members=10, every_component=True)
FIGURES = ("dsc", "hd_mm", "hd95_mm")


def measured(case: Case, truth: Volume, model: Any) -> dict[str, Any]:
    """Components and both measures of one case."""
    start = Start.of_prediction(predict(case, model, OPTIONS))
    canvas = Canvas(start)
    lesions = lesion_summaries(case, canvas.state)
    flagged = {one.lesion: one.reasons for one in doubtful(lesions)}
    judged = judged_truth(canvas.state.labels, truth.array)
    components = []
    for lesion in lesions:
        value = TUMOURS[lesion.region]
        found = component_at(canvas.state.labels == value, voxel(lesion.inside_mm, truth.grid))
        assert found is not None
        there = judged[found.box][found.mask]
        components.append(
            {
                "class": lesion.region,
                "ml": lesion.volume_ml,
                "mean probability": lesion.mean_probability,
                "peak probability": lesion.peak_probability,
                "mean entropy": lesion.mean_entropy,
                "SUVmax": lesion.suv_max,
                "mm from the largest": lesion.apart_mm,
                "in field": lesion.in_field,
                "touches truth": bool((there == value).any()),
                "in 255": bool((there == IGNORE).all()),
                "flagged": list(flagged.get(lesion, ())),
            }
        )
    before = class_measures(canvas.state.labels, truth)
    if flagged:
        edit = DeleteSeveralEdit(
            tuple(lesion.region for lesion in flagged),
            tuple(lesion.inside_mm for lesion in flagged),
        )
        canvas.put(change_of(edit, canvas.state, [], None).layer(1, edit))
    after = class_measures(canvas.state.labels, truth)
    return {"components": components, "before": before, "after": after}


def rows(data: Path, part: str, model: Any) -> Iterator[dict[str, Any]]:
    """Each case of the part, with its PET and without."""
    for ref in getattr(parts_of([data], 0, to_train=False), part):
        read = read_cached(ref.folder, ref.entry.sha256)
        for scan in ("PET/CT", "CT"):
            if scan == "CT" or read.case.pet is not None:
                case = read.case if scan == "PET/CT" else replace(read.case, pet=None)
                said = {"patient": ref.patient, "scan": scan}
                yield said | measured(case, read.truth, model)
                print(ref.name, scan, flush=True)


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Means where defined, recall and inventions, before and after."""
    said: dict[str, Any] = {}
    for scan in ("PET/CT", "CT"):
        own = [row for row in found if row["scan"] == scan]
        for region in TUMOURS:
            where = said.setdefault(scan, {}).setdefault(region, {})
            for when in ("before", "after"):
                each = [row[when][region] for row in own]
                figures = {
                    name: float(np.mean([e[name] for e in each if e[name] is not None] or [np.nan]))
                    for name in FIGURES
                }
                lesions = [e["lesions_by_overlap"] for e in each]
                hit, missed, invented = (
                    sum(e[name] for e in lesions) for name in ("found", "missed", "invented")
                )
                recall = hit / (hit + missed) if hit + missed else None
                where[when] = figures | {"recall": recall, "found": hit, "invented": invented}
    return said


def main() -> None:
    """Measured, written, and the summary shown."""
    model, data = load_model(sys.argv[1]), Path(sys.argv[2])
    part = sys.argv[3] if len(sys.argv) > 3 else "calibration"
    found = list(rows(data, part, model))
    result = {
        "model": model.card.name,
        "sha256": model.sha256,
        "part": part,
        "members": OPTIONS.members,
        "summary": summary(found),
        "cases": found,
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"doubt-{part}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["summary"], indent=1))


if __name__ == "__main__":
    main()
