"""What a model and the first one reach on forty phantoms that no training may use.

    .venv/bin/python benchmarks/phantoms.py [MODEL]    # the default model if none is named

With their PET and from the CT alone, one pass of the exact answer. The first model's card
(docs/models/phantom-compact.md) is of the first ten; forty part the models better. Writes
benchmarks/results/phantoms.json: means over ten and over forty, and the model less the first one,
paired by DESIGN section 5 (a class that one of them rightly leaves empty is worth Dice 1).
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hnuiseg.evaluation import CohortTable, Evaluation, bootstrap_difference, defined
from hnuiseg.models import load_model
from hnuiseg.training.phantom_figures import FRESH_SEED, NAMES, PhantomFigures, phantom_figures
from hnuiseg.training.phantom_run import NAME as FIRST

RESULTS = Path(__file__).parent / "results" / "phantoms.json"
PATIENTS, OF_THE_CARD = 40, 10


def among_the_card(found: PhantomFigures) -> PhantomFigures:
    """The same of the ten that the first model's card is of."""
    return PhantomFigures(
        CohortTable(found.with_pet.evaluations[:OF_THE_CARD]),
        CohortTable(found.ct_only.evaluations[:OF_THE_CARD]),
    )


def dice(patient: Evaluation, name: str) -> float | None:
    """Dice of a class; None where it is rightly left empty."""
    found = next(one for one in patient.classes if one.name == name)
    return None if found.state == "correctly empty" else found.dsc


def less(model: PhantomFigures, first: PhantomFigures) -> dict[str, Any]:
    """Paired differences of mean Dice, without patients whose class both rightly leave empty."""
    found = {}
    for kind, ours, theirs in (
        ("PET/CT", model.with_pet, first.with_pet),
        ("CT only", model.ct_only, first.ct_only),
    ):
        patients = list(zip(ours.evaluations, theirs.evaluations, strict=True))
        for name in NAMES:
            both = [[dice(one, name) for one in pair] for pair in patients]
            told = [[1.0 if d is None else d for d in pair] for pair in both if pair != [None] * 2]
            rows = [defined(side) for side in zip(*told, strict=True)]
            found[f"{name}, {kind}"] = asdict(bootstrap_difference(*rows)) | {"patients": len(told)}
    return found


def main() -> None:
    model, first = load_model(*sys.argv[1:2]), load_model(FIRST)
    found, before = phantom_figures(model, PATIENTS), phantom_figures(first, PATIENTS)
    result = {
        "model": model.card.name,
        "sha256": model.sha256,
        "first model": {"name": first.card.name, "sha256": first.sha256},
        "fresh seed": FRESH_SEED,
        "patients": PATIENTS,
        "mean Dice of the first ten": among_the_card(found).for_card(),
        "mean Dice": found.for_card(),
        "mean Dice of the first model": before.for_card(),
        "less the first model": less(found, before),
        "figures": found.to_json(),
    }
    RESULTS.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(json.dumps({name: result[name] for name in result if name != "figures"}, indent=1))


if __name__ == "__main__":
    main()
