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

from hnuiseg.evaluation import CohortTable, bootstrap_difference, defined
from hnuiseg.models import load_model
from hnuiseg.training.phantom_figures import FRESH_SEED, NAMES, PhantomFigures, phantom_figures

RESULTS = Path(__file__).parent / "results" / "phantoms.json"
PATIENTS, OF_THE_CARD = 40, 10
FIRST = "phantom-compact"


def among_the_card(found: PhantomFigures) -> PhantomFigures:
    """The same of the ten that the first model's card is of."""
    return PhantomFigures(
        CohortTable(found.with_pet.evaluations[:OF_THE_CARD]),
        CohortTable(found.ct_only.evaluations[:OF_THE_CARD]),
    )


def dice(table: CohortTable, name: str) -> list[float]:
    """Dice of every patient, 1 where a class is rightly left empty."""
    found = [one for each in table.evaluations for one in each.classes if one.name == name]
    return [1.0 if one.state == "correctly empty" else one.dsc for one in found]


def less(model: PhantomFigures, first: PhantomFigures) -> dict[str, Any]:
    """Paired differences of mean Dice, over patients in whom one of both draws or has the class."""
    found = {}
    for kind, ours, theirs in (
        ("PET/CT", model.with_pet, first.with_pet),
        ("CT only", model.ct_only, first.ct_only),
    ):
        for name in NAMES:
            pairs = list(zip(dice(ours, name), dice(theirs, name), strict=True))
            told = [pair for pair in pairs if pair != (1.0, 1.0)]
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
