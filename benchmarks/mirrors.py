"""What the network finds in a patient who is mirrored: which flips may be members.

    .venv/bin/python benchmarks/mirrors.py MODEL DATA [DATA …]

On the patients kept for calibration, with PET and from the CT alone: one pass without dropout over
the patient as stored, and mirrored along each axis, as is the truth. Every component is drawn.
Writes benchmarks/results/mirrors.json.
"""

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hnuiseg.evaluation import dice, judged_truth
from hnuiseg.inference import likeliest
from hnuiseg.interaction.boxes import Box
from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.models import load_model
from hnuiseg.study import IGNORE
from hnuiseg.training.data import parts_of
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.whole import WholeAnswers

RESULT = Path(__file__).parent / "results" / "mirrors.json"
WAYS = {"as stored": (), "left to right": (3,), "front to back": (2,), "upside down": (1,)}


@dataclass(frozen=True)
class Mirrored(StoredSample):
    """The whole of a patient, mirrored along axes of (channel, z, y, x)."""

    axes: tuple[int, ...]

    def images(self, box: Box) -> Float[np.ndarray, "2 z y x"]:
        """Mirrored; the box is that of everything."""
        return np.flip(super().images(box), self.axes).copy()

    def marks(self, box: Box) -> UInt8[np.ndarray, "2 z y x"]:
        """Mirrored; the box is that of everything."""
        return np.flip(super().marks(box), self.axes).copy()


def main() -> None:
    """Measured, written and shown."""
    model, data = load_model(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]]
    answers = WholeAnswers(model, torch.device("cpu"))
    refs = parts_of(data, "all", to_train=False).calibration
    found: dict[tuple[str, str, str], list[float]] = {}
    for ref in refs:
        sample = ref.sample(model.settings)
        stored = {field.name: getattr(sample, field.name) for field in fields(StoredSample)}
        for way, axes in WAYS.items():
            seen = Mirrored(**stored, axes=axes)
            truth, coverage = seen.marks(seen.whole)
            for scan in ("PET/CT", "CT") if coverage.any() else ("CT",):
                labels = likeliest(answers.probabilities(seen, with_pet=scan == "PET/CT"))
                known = judged_truth(labels, truth) != IGNORE
                for region, value in TUMOURS.items():
                    both = (labels == value) & known, truth == value
                    found.setdefault((scan, region, way), []).append(dice(*both))
        print(ref.name, flush=True)
    rows = [
        {"scan": scan, "class": region, "patient": way, "mean Dice": round(np.nanmean(given), 4)}
        for (scan, region, way), given in sorted(found.items())
    ]
    said = {"model": model.card.name, "sha256": model.sha256, "scans": len(refs), "rows": rows}
    RESULT.write_text(json.dumps(said, indent=1) + "\n")
    for row in rows:
        print(*row.values())


if __name__ == "__main__":
    main()
