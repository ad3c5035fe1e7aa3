"""What a model reaches on ten phantoms that no training may use, with their PET and without.

    .venv/bin/python benchmarks/phantoms.py [MODEL]    # the shipped model by default

One pass of the exact answer; the first model's figures (docs/models/phantom-compact.md) are of the
same ten. Writes benchmarks/results/phantoms.json.
"""

import json
import sys
from pathlib import Path

from hnuiseg.models import load_model
from hnuiseg.training.phantom_figures import FRESH_SEED, phantom_figures

RESULTS = Path(__file__).parent / "results" / "phantoms.json"
PATIENTS = 10


def main() -> None:
    model = load_model(*sys.argv[1:2])
    found = phantom_figures(model, PATIENTS)
    result = {
        "model": model.card.name,
        "sha256": model.sha256,
        "fresh seed": FRESH_SEED,
        "patients": PATIENTS,
        "mean Dice": found.for_card(),
        "figures": found.to_json(),
    }
    RESULTS.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(json.dumps(result["mean Dice"], indent=1))


if __name__ == "__main__":
    main()
