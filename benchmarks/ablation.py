"""Which ingredients of recipe `plus` earn their place: one left out at a time.

    .venv/bin/python benchmarks/ablation.py OUT DATA [DATA …] [--steps 800] [--only NAME]

Each variant is stage 1 alone, of the same seed, steps and patients, at most a quarter of an hour on
two cores, and `plus` once more with another seed, for scale; measured on the validation patients of
fold 0, and compared with `plus` patient by patient. Variants that are finished in OUT are kept, so
it can be stopped and called again. When all are there, writes `results/ablation.json` and prints
the table of docs/benchmarks.md and what leaving each ingredient out does.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hnuiseg.interaction import Placement
from hnuiseg.models import AVAILABILITY, BEFORE, read_model
from hnuiseg.training import (
    AssessOptions,
    Stage,
    assess_model,
    compare,
    comparison_text,
    parts_of,
    read_results,
    run_stage,
    training_precision,
    workers,
)
from hnuiseg.training.recipe import PAPER, PLUS, SCALES, Recipe, sized

RESULTS = Path(__file__).parent / "results" / "ablation.json"
SEED, FOLD = 14, 0
AGAIN = "plus, another seed"  # what a seed alone does: intervals are over patients, not trainings
VARIANTS: Mapping[str, Recipe] = {
    "plus": PLUS,
    AGAIN: PLUS,
    "paper": PAPER,
    "clicks from labels, no rounds": replace(PLUS, rounds=0, prompted=PAPER.prompted),
    "the answer before isn't shown": replace(PLUS, extra_channels=(AVAILABILITY,)),
    "availability isn't shown": replace(PLUS, extra_channels=BEFORE),
    "clicks as balls": replace(PLUS, click_encoding="ball"),
    "clicks at centres, steady": replace(
        PLUS, placement=Placement(centre=1.0, anywhere=0.0, jittered=0.0, wrong=0.0)
    ),
    "the finest scale alone": replace(PLUS, every_scale=False),
    "PET never hidden": replace(PLUS, pet_hidden=0.0),
    "PET never moved": replace(PLUS, pet_shift_mm=0.0),
}
OPTIONS = AssessOptions(
    part="validation",
    fold=FOLD,
    users=("automatic", "each-lesion", "corrective"),
    uncertainty_members=0,
)
MINI = SCALES["mini"]
SHOWN = tuple(
    (scan, *asked)
    for scan in ("PET/CT", "CT")
    for asked in (("automatic", 0), ("each-lesion", 1), ("corrective", 5))
)


def measured(name: str, data: list[Path], out: Path, steps: int) -> dict[str, Any]:
    """Train and assess a variant, or what is there of it already."""
    run = out / name.replace(" ", "-").replace(",", "").replace("'", "")
    epochs = steps // (MINI.steps_an_epoch or 1)
    recipe = replace(
        VARIANTS[name], epochs=epochs, warm_up_epochs=max(1, epochs // 20), validate_every=epochs
    )
    crew = workers("cpu")
    stage = Stage(
        1,
        recipe,
        sized(recipe, MINI),
        replace(parts_of(data, FOLD), validation=()),  # measured once, at the end
        str(FOLD),
        SEED + (name == AGAIN),
        training_precision("auto", torch.device("cpu")),
        None,
    )
    file = run_stage(
        stage,
        run,
        crew,
        resume=True,
        told=lambda done, what: print(f"{name}: {100 * done:.0f} % {what}", end="\r", flush=True),
    )
    assess_model(read_model(file), data, run / "assessed", OPTIONS, called=file.name, resume=True)
    return read_results(run / "assessed" / "results.json")


def line(name: str, summary: list[dict[str, Any]]) -> str:
    """Mean Dice of GTVp and GTVn by scan, user and step."""
    found = {
        (entry["scan"], entry["user"], entry["step"]): [
            f"{entry['classes'][region]['means']['dsc']['value']:.2f}"
            for region in ("GTVp", "GTVn")
        ]
        for entry in summary
    }
    return f"| {name} | {' | '.join(', '.join(found[one]) for one in SHOWN)} |"


def main() -> None:
    """Every variant, then what leaving each ingredient out does."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("out", type=Path)
    asked.add_argument("data", type=Path, nargs="+")
    asked.add_argument("--steps", type=int, default=800)
    asked.add_argument("--only", choices=list(VARIANTS), help="this one; no result is written")
    given = asked.parse_args()
    names = [given.only] if given.only else list(VARIANTS)
    found = {name: measured(name, given.data, given.out, given.steps) for name in names}
    if given.only:
        return
    rows = {
        name: [row for row in compare(found["plus"], one) if row["measure"] == "dsc"]
        for name, one in found.items()
        if name != "plus"
    }
    report = {
        "steps": given.steps,
        "seed": SEED,
        "fold": FOLD,
        "data": found["plus"]["data"],
        "machine": found["plus"]["machine"],
        "summary": {name: one["summary"] for name, one in found.items()},
        "less plus": rows,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    for name, one in found.items():
        print(line(name, one["summary"]))
    for name, compared in rows.items():
        print(f"\n{name}, less plus:\n{comparison_text(compared)}")


if __name__ == "__main__":
    main()
