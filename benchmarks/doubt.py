"""What the policy of doubt is worth: inventions removed by one edit, lesions lost, against `paper`.

    .venv/bin/python benchmarks/doubt.py testing|calibration MODEL[,OTHER] DATA [DATA ...]

Every case with PET and, apart, from the CT alone; ten members, drawn as `segment` draws. Constants
of the policy are chosen on calibration patients; the claim is measured on those kept for testing:
Hausdorff distances of MODEL with all that the policy flags removed, against OTHER's as drawn, over
cases where both have one. Writes benchmarks/results/doubt-PART.json: for every model its cases,
each component with what the policy looks at and whether it touches the truth; and the summary.
Components that lie where nobody knows the truth (`judged_truth`) are counted apart.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
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
OPTIONS = PredictOptions(members=10)
SCANS = ("PET/CT", "CT")


def measured(case: Case, truth: Volume, model: Any) -> dict[str, Any]:
    """Components and both measures of one case."""
    canvas = Canvas(Start.of_prediction(predict(case, model, OPTIONS)))
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
                "inside mm": lesion.inside_mm,
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


def rows(data: Sequence[Path], part: str, models: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Each case of the part, with its PET and without, by each model."""
    for ref in getattr(parts_of(list(data), 0, to_train=False), part):
        read = read_cached(ref.folder, ref.entry.sha256)
        for scan in SCANS:
            if scan == "PET/CT" and read.case.pet is None:
                continue
            case = read.case if scan == "PET/CT" else replace(read.case, pet=None)
            for model in models:
                said = {"model": model.card.name, "patient": ref.patient, "name": ref.name}
                yield said | {"scan": scan} | measured(case, read.truth, model)
            print(ref.name, scan, flush=True)


def summary(own: Sequence[dict[str, Any]], region: str) -> dict[str, Any]:
    """Over one model's cases of one kind of scan: before and after the edit."""
    said: dict[str, Any] = {}
    for when in ("before", "after"):
        each = [row[when][region] for row in own]
        lesions = [e["lesions_by_overlap"] for e in each]
        hit, missed, invented = (
            sum(e[name] for e in lesions) for name in ("found", "missed", "invented")
        )
        said[when] = {
            "mean Dice": mean([e["dsc"] for e in each]),
            "mean HD mm": mean([e["hd_mm"] for e in each]),
            "recall": hit / (hit + missed) if hit + missed else None,
            "found": hit,
            "invented": invented,
        }
    return said


def against(
    own: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]], region: str
) -> dict[str, Any]:
    """Hausdorff distances, mm, over cases where both have one."""
    pairs = [
        (one["before"][region]["hd_mm"], one["after"][region]["hd_mm"], other)
        for one, two in zip(own, others, strict=True)
        if (other := two["before"][region]["hd_mm"]) is not None
        and one["before"][region]["hd_mm"] is not None
        and one["after"][region]["hd_mm"] is not None
    ]
    whose = zip(("drawn", "with policy", "other"), zip(*pairs, strict=True), strict=True)
    each = {name: np.array(values) for name, values in whose}
    return {
        "cases": len(pairs),
        "mean": {name: float(values.mean()) for name, values in each.items()},
        "median": {name: float(np.median(values)) for name, values in each.items()},
    }


def mean(values: Iterable[float | None]) -> float | None:
    """Over those that are there."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def main() -> None:
    """Measured, written, and the summary shown."""
    part, names, *data = sys.argv[1:]
    models = [load_model(name) for name in names.split(",")]
    found = list(rows([Path(folder) for folder in data], part, models))
    said: dict[str, Any] = {}
    for scan in SCANS:
        of = [
            [row for row in found if row["scan"] == scan and row["model"] == model.card.name]
            for model in models
        ]
        for region in TUMOURS:
            where = said[f"{scan}, {region}"] = {
                model.card.name: summary(own, region) for model, own in zip(models, of, strict=True)
            }
            if len(of) == 2:
                where["HD where both have one"] = against(of[0], of[1], region)
    result = {
        "part": part,
        "members": OPTIONS.members,
        "models": {model.card.name: model.sha256 for model in models},
        "summary": said,
        "cases": found,
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"doubt-{part}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(said, indent=1))


if __name__ == "__main__":
    main()
