"""What the network finds in a patient who is mirrored: which flips may be members.

    .venv/bin/python benchmarks/mirrors.py MODEL DATA [DATA …]

On the patients kept for calibration, with PET and from the CT alone: one pass without dropout over
the patient as stored, and mirrored along each axis, its answer mirrored back. Every component is
drawn. Writes benchmarks/results/mirrors.json.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from hnuiseg.evaluation import dice, judged_truth
from hnuiseg.inference import Hardware, PredictOptions, likeliest
from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.passes import Passes
from hnuiseg.interaction import prompts
from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.models import load_model
from hnuiseg.study import IGNORE
from hnuiseg.training.channels import channels
from hnuiseg.training.data import parts_of
from hnuiseg.volume import Grid

RESULT = Path(__file__).parent / "results" / "mirrors.json"
WAYS = {"as stored": (), "left to right": (3,), "front to back": (2,), "upside down": (1,)}
OPTIONS = PredictOptions(uncertainty=False)


def main() -> None:
    """Measured, written and shown."""
    model, data = load_model(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]]
    hardware = Hardware.chosen(OPTIONS)
    engine = TorchEngine(model, hardware)
    refs = parts_of(data, "all", to_train=False).calibration
    found: dict[tuple[str, str, str], list[float]] = {}
    for ref in refs:
        sample = ref.sample(model.settings)
        truth, coverage = sample.marks(sample.whole)[:2]
        grid = Grid.axial(sample.shape, sample.spacing)
        drawn = torch.from_numpy(prompts(sample.shape, (), model.settings.click_encoding))
        for scan in ("PET/CT", "CT") if coverage.any() else ("CT",):
            images = torch.from_numpy(sample.images(sample.whole))
            there = torch.from_numpy(coverage)
            if scan == "CT":
                images[1], there = 0.0, torch.zeros_like(there)
            inputs = channels(model.settings, images, drawn, there, None)
            for way, axes in WAYS.items():
                seen = there.bool()[None].flip(axes)[0] if there.any() else None
                passes = Passes(model, engine, OPTIONS, inputs.flip(axes), seen, grid)
                labels = likeliest(passes.deterministic().mean().flip(axes).numpy())
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
