"""Which peak and volume a component should reach to be drawn: what each choice finds and invents.

    .venv/bin/python benchmarks/peaks.py MODEL DATA [DATA …]

On the patients kept for calibration, never on those kept for testing. They are few: more data sets
in which disease was planted anew in the same patients, with other seeds, make more scans of them.
Automatic answers on the working grid, with PET and from the CT alone, of one pass and of ten
members' mean, whose peaks are lower. Writes benchmarks/results/peaks.json.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnuiseg.evaluation import LesionDetection, detect, dice, judged_truth, pooled
from hnuiseg.inference import Least, PredictOptions, drawn, likeliest
from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.models import load_model
from hnuiseg.study import IGNORE
from hnuiseg.training.data import CaseRef, parts_of
from hnuiseg.training.whole import WholeAnswers
from hnuiseg.volume import Grid

RESULT = Path(__file__).parent / "results" / "peaks.json"
PEAKS = (0.0, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
ML = (0.0, 0.5, 1.0)
WAYS = {"one pass": PredictOptions(uncertainty=False), "ten members": PredictOptions(members=10)}


@dataclass(frozen=True, slots=True)
class Row:
    """A class of a scan, drawn with one least peak and volume."""

    scan: str
    way: str
    region: str
    peak: float
    ml: float
    dice: float  # nan: rightly empty
    lesions: LesionDetection


def rows_of(ref: CaseRef, ways: dict[str, WholeAnswers]) -> Iterator[Row]:
    """Every way, peak and volume for one case, with its PET and without."""
    (first, *_) = ways.values()
    sample = ref.sample(first.model.settings)
    truth, coverage = sample.marks(sample.whole)[:2]
    grid = Grid.axial(sample.shape, sample.spacing)
    for scan in ("PET/CT", "CT") if coverage.any() else ("CT",):
        for way, answers in ways.items():
            sure = answers.probabilities(sample, with_pet=scan == "PET/CT")
            labels = likeliest(sure)
            for peak, ml in product(PEAKS, ML):
                kept = drawn(labels, sure, grid, Least((ml, ml), (peak, peak))).labels
                known = judged_truth(kept, truth) != IGNORE
                for region, value in TUMOURS.items():
                    both = (kept == value) & known, truth == value
                    lesions = detect(*both, "any overlap")
                    yield Row(scan, way, region, peak, ml, dice(*both), lesions)


def table(rows: list[Row]) -> list[dict[str, Any]]:
    """Means and sums over scans for each way, class, peak and volume."""
    by_choice: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row.scan, row.way, row.region, row.peak, row.ml)
        by_choice.setdefault(key, []).append(row)
    said = []
    for (scan, way, region, peak, ml), own in sorted(by_choice.items()):
        defined = [row.dice for row in own if not np.isnan(row.dice)]
        every = pooled((row.lesions for row in own), "any overlap")
        said.append(
            {
                "scan": scan,
                "labels by": way,
                "class": region,
                "least peak": peak,
                "least ml": ml,
                "mean Dice": round(float(np.mean(defined)), 4),
                "lesions": every.found + every.missed,
                "found": every.found,
                "invented": every.invented,
                "without a lesion": sum(not r.lesions.found + r.lesions.missed for r in own),
                "rightly empty": len(own) - len(defined),
            }
        )
    return said


def main() -> None:
    """Measured, written and shown."""
    model, data = load_model(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]]
    refs = parts_of(data, "all", to_train=False).calibration
    ways = {way: WholeAnswers(model, torch.device("cpu"), asked) for way, asked in WAYS.items()}
    rows: list[Row] = []
    for ref in refs:
        rows += rows_of(ref, ways)
        print(ref.name, flush=True)
    choices = table(rows)
    found = {
        "model": model.card.name,
        "sha256": model.sha256,
        "patients kept for calibration": len({ref.patient for ref in refs}),
        "scans": len(refs),
        "choices": choices,
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    for choice in choices:
        print(*choice.values())


if __name__ == "__main__":
    main()
