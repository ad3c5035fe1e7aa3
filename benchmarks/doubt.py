"""What the policy of doubt is worth: inventions removed by one edit, lesions lost, against `paper`.

    .venv/bin/python benchmarks/doubt.py testing|calibration MODEL DATA [DATA ...]

Every case with PET and, apart, from the CT alone; ten members, drawn as `segment` draws. Constants
of the policy are chosen on calibration patients, among those in `OTHERS`; the claim is measured on
those kept for testing: Hausdorff distances with all that the policy flags removed, against those of
recipe `paper` without a click (docs/results/semi-synthetic-paper.json), over cases where both have
one. Writes benchmarks/results/doubt-PART.json: of every case each component with what the policy
looks at and whether it touches the truth; and what each policy comes to. Components that lie where
nobody knows the truth (`judged_truth`) are counted apart.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    DoubtPolicy,
    LesionSummary,
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
PAPER = Path(__file__).parents[1] / "docs/results/semi-synthetic-paper.json"
OPTIONS = PredictOptions(members=10)
SCANS = ("PET/CT", "CT")
DRAWN, POLICY = "drawn", "policy"
OTHERS = {
    f"peak {peak}, SUV {suv}, {ml} ml": DoubtPolicy(least_peak=peak, least_suv=suv, least_ml=ml)
    for peak in (0.75, 0.8, 0.85)
    for suv in (2.0, 2.5, 3.0, 4.0, 4.5)
    for ml in (0.1, 1.0)
}


def measured(
    case: Case, truth: Volume, model: Any, policies: Mapping[str, DoubtPolicy]
) -> dict[str, Any]:
    """Components, and measures before and after one edit that removes what a policy flags."""
    start = Start.of_prediction(predict(case, model, OPTIONS))
    canvas = Canvas(start)
    lesions = lesion_summaries(case, canvas.state)
    judged = judged_truth(canvas.state.labels, truth.array)
    found = [
        {
            "class": lesion.region,
            "ml": lesion.volume_ml,
            "mean probability": lesion.mean_probability,
            "peak probability": lesion.peak_probability,
            "mean entropy": lesion.mean_entropy,
            "SUVmax": lesion.suv_max,
            "mm from the largest": lesion.apart_mm,
            "in field": lesion.in_field,
            **_truth_there(canvas, lesion, judged, truth),
        }
        for lesion in lesions
    ]
    said = {"components": found, DRAWN: class_measures(canvas.state.labels, truth)}
    without: dict[tuple[LesionSummary, ...], Any] = {(): said[DRAWN]}
    for name, policy in policies.items():
        flagged = tuple(one.lesion for one in doubtful(lesions, policy))
        if flagged not in without:
            without[flagged] = class_measures(_removed(start, flagged), truth)
        said[name] = without[flagged]
    return said


def _removed(start: Start, flagged: Sequence[LesionSummary]) -> np.ndarray:
    """The labels after one edit that deletes these."""
    edit = DeleteSeveralEdit(
        tuple(lesion.region for lesion in flagged), tuple(lesion.inside_mm for lesion in flagged)
    )
    canvas = Canvas(start)
    canvas.put(change_of(edit, canvas.state, [], None).layer(1, edit))
    return canvas.state.labels


def _truth_there(
    canvas: Canvas, lesion: LesionSummary, judged: np.ndarray, truth: Volume
) -> dict[str, bool]:
    value = TUMOURS[lesion.region]
    found = component_at(canvas.state.labels == value, voxel(lesion.inside_mm, truth.grid))
    assert found is not None
    there = judged[found.box][found.mask]
    return {
        "touches truth": bool((there == value).any()),
        "in 255": bool((there == IGNORE).all()),
    }


def rows(data: Sequence[Path], part: str, model: Any) -> Iterator[dict[str, Any]]:
    """Each case of the part, with its PET and without."""
    policies = {POLICY: DoubtPolicy(), **OTHERS}
    for ref in getattr(parts_of(list(data), 0, to_train=False), part):
        read = read_cached(ref.folder, ref.entry.sha256)
        for scan in SCANS:
            if scan == "PET/CT" and read.case.pet is None:
                continue
            case = read.case if scan == "PET/CT" else replace(read.case, pet=None)
            said = {"patient": ref.patient, "name": ref.name, "scan": scan}
            yield said | measured(case, read.truth, model, policies)
            print(ref.name, scan, flush=True)


def summary(own: Sequence[dict[str, Any]], region: str) -> dict[str, Any]:
    """Over the cases of one kind of scan: as drawn, and after each policy's edit."""
    said: dict[str, Any] = {}
    for when in (name for name in own[0] if isinstance(own[0][name], dict)):
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
    own: Sequence[dict[str, Any]], others: Mapping[str, float | None], region: str
) -> dict[str, Any]:
    """Hausdorff distances, mm, over cases where both have one."""
    pairs = [
        mm
        for row in own
        if None
        not in (
            mm := [
                row[DRAWN][region]["hd_mm"],
                row[POLICY][region]["hd_mm"],
                others.get(row["name"]),
            ]
        )
    ]
    if not pairs:
        return {"cases": 0}
    whose = zip((DRAWN, POLICY, "paper"), zip(*pairs, strict=True), strict=True)
    each = {name: np.array(values) for name, values in whose}
    return {
        "cases": len(pairs),
        "mean": {name: float(values.mean()) for name, values in each.items()},
        "median": {name: float(np.median(values)) for name, values in each.items()},
    }


def paper(scan: str, region: str) -> dict[str, float | None]:
    """Hausdorff distance of every test case by recipe `paper`, without a click."""
    return {
        case["case"]: row["classes"][region]["hd_mm"]
        for case in json.loads(PAPER.read_text())["cases"]
        for row in case["answers"]
        if (row["scan"], row["user"]) == (scan, "automatic")
    }


def mean(values: Iterable[float | None]) -> float | None:
    """Over those that are there."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def main() -> None:
    """Measured, written, and the summary shown."""
    part, name, *data = sys.argv[1:]
    model = load_model(name)
    found = list(rows([Path(folder) for folder in data], part, model))
    said: dict[str, Any] = {}
    for scan in SCANS:
        own = [row for row in found if row["scan"] == scan]
        for region in TUMOURS if own else ():
            where = said[f"{scan}, {region}"] = summary(own, region)
            if part == "testing":
                where["HD where both have one"] = against(own, paper(scan, region), region)
    result = {
        "part": part,
        "members": OPTIONS.members,
        "model": {"name": model.card.name, "sha256": model.sha256},
        "summary": said,
        "cases": [{k: v for k, v in row.items() if k not in OTHERS} for row in found],
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"doubt-{part}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(said, indent=1))


if __name__ == "__main__":
    main()
