"""Who is tested and calibrated on, of the open images that models are shipped from.

    .venv/bin/python docs/splits/draw.py OPENKBP_INDEX STS_FOLDER

Drawn once, before any training, by the seed below, and committed as ids beside this file, for
`hnuiseg prepare … --splits FILE`. `openkbp.json`: of OpenKBP's own test patients 25 are for
testing, of its validation patients 10 for calibration, everybody else for training, in five folds.
`sts.json`: of the sarcomas 5 are for testing, 2 for calibration. `sts-four-folds.json`: all 22 in
four folds, for models of their own. Patients who aren't named join the folds.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hnuiseg.cohorts import Splits, make_splits
from hnuiseg.cohorts.splits import write_splits

SEED = 14
HERE = Path(__file__).parent


def drawn(names: Sequence[str], count: int, purpose: int) -> list[str]:
    """So many of the names, by chance."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([SEED, purpose])))
    order = generator.permutation(len(names))
    return sorted(sorted(names)[k] for k in order[:count])


def write(file: str, everyone: Sequence[str], testing: list[str], calibration: list[str]) -> None:
    """Five folds of the others; the same patients calibrate for every fold."""
    others = set(everyone) - set(testing) - set(calibration)
    folds = make_splits(others, SEED).folds
    kept = tuple(sorted(calibration))
    write_splits(Splits(SEED, folds, (kept,) * len(folds), tuple(testing)), HERE / file)


def main() -> None:
    """Every file."""
    index, sarcomas = Path(sys.argv[1]), Path(sys.argv[2])
    patients = json.loads(index.read_text())["patients"]
    by_split: dict[str, list[str]] = {}
    for patient in patients:
        by_split.setdefault(patient["split"], []).append(f"openkbp:{patient['id']}")
    everyone = [name for names in by_split.values() for name in names]
    testing, calibration = drawn(by_split["test"], 25, 1), drawn(by_split["validation"], 10, 2)
    write("openkbp.json", everyone, testing, calibration)
    names = [f"folder:{place.name}" for place in sarcomas.iterdir() if place.is_dir()]
    both = drawn(names, 7, 3)
    testing = drawn(both, 5, 4)
    write("sts.json", names, testing, [name for name in both if name not in testing])
    folds = make_splits(names, SEED, 4).folds
    write_splits(Splits(SEED, folds, ((),) * len(folds)), HERE / "sts-four-folds.json")


if __name__ == "__main__":
    main()
