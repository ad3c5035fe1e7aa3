"""Four folds over real tumours: models that never saw a patient, beside what needs no network.

    .venv/bin/python docs/results/sarcomas.py STS_FOLDER SHIFTED OUT ASSESSMENT...

STS_FOLDER holds the crops as published with `baselines.json`, SHIFTED what `shift_sarcomas.py` made
of them, and each ASSESSMENT is a folder of `hnuiseg assess --part validation --fold K`. Writes
OUT/sarcomas.json and OUT/sarcomas.md.

Beside the models: region growing from inside the truth at 41 % of SUVmax and at SUV 2.5 (told where
the tumour is and how hot, on crops that aren't shifted), and a ball in the middle of each shifted
crop, of the median volume of the tumours in the other folds.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hnuiseg.evaluation import bootstrap, defined, dice
from hnuiseg.files import atomic_write, read_image
from hnuiseg.volume import Grid, Volume

ASKED = {("PET/CT", "automatic", 0): 0.60, ("PET/CT", "each-lesion", 1): 0.70}
KEPT = ("dsc", "nsd_2mm", "nsd_5mm", "hd_mm", "hd95_mm", "prediction_ml", "truth_ml")
Rows = dict[tuple[str, str, int], dict[str, dict[str, Any]]]  # scan, user, step; patient


HOW = """
All figures are of GTVp, on each CT's own grid; in brackets the 95 % interval over patients. *CT*:
the PET hidden. What needs no network is told more than the models: region growing starts inside
the truth, knows its SUVmax, and works on crops that aren't shifted; the ball has the median
volume of the other folds' tumours. The images are crops that still hold 10 to 50 mm beyond the
tumour on every side, so nothing is said of finding a tumour in a whole body.

Each fold's model begins with stage 1 of `semi-synthetic-plus`, which saw no sarcoma, and learns
384 steps (about three minutes on two cores) from the other folds alone. The models aren't kept;
[sarcomas.json](sarcomas.json) has their hashes and every patient's figures. From images of TCIA
Soft-tissue-Sarcoma (CC BY 3.0).

```sh
.venv/bin/python docs/results/shift_sarcomas.py STS shifted
hnuiseg prepare folder shifted --out data --splits docs/splits/sts-four-folds.json \\
    --ct '{id}/ct.nii.gz' --pet '{id}/pet.nii.gz' --labels '{id}/mask.nii.gz' \\
    --licence "CC BY 3.0 (TCIA Soft-tissue-Sarcoma)" --commercial
for K in 0 1 2 3; do
    hnuiseg train plus --scale mini --stage 1 --from stage1.safetensors \\
        --fold $K --seed 14 --epochs 24 --data data --out run-$K
    hnuiseg assess run-$K/stage1/model.safetensors --data data --part validation --fold $K \\
        --user automatic --user each-lesion --uncertainty-members 0 --out fold-$K
done
.venv/bin/python docs/results/sarcomas.py STS shifted docs/results fold-0 fold-1 fold-2 fold-3
```
"""


def measured(folders: list[Path]) -> tuple[Rows, list[dict[str, Any]]]:
    """Every fold's rows by patient, and what each fold's model was."""
    rows: Rows = {}
    models = []
    for folder in folders:
        found = json.loads((folder / "results.json").read_text())
        models.append({"fold": found["options"]["fold"], **found["model"]})
        for case in found["cases"]:
            for answer in case["answers"]:
                key = (answer["scan"], answer["user"], answer["step"])
                kept = {name: answer["classes"]["GTVp"][name] for name in KEPT}
                where = rows.setdefault(key, {})
                assert case["patient"] not in where  # a patient is in one fold
                where[case["patient"]] = kept | {"fold": found["options"]["fold"]}
    return rows, models


def ball(truth: Volume, ml: float) -> np.ndarray:
    """Of that volume, in the middle of the image."""
    grid: Grid = truth.grid
    radius = (3 * ml * 1000 / (4 * np.pi)) ** (1 / 3)
    middle = [(n - 1) / 2 for n in grid.shape]
    away = [
        (np.arange(n) - m) * mm for n, m, mm in zip(grid.shape, middle, grid.spacing, strict=True)
    ]
    z, y, x = np.meshgrid(*away, indexing="ij", sparse=True)
    found: np.ndarray = z**2 + y**2 + x**2 <= radius**2
    return found


def balls(shifted: Path, folds: Mapping[str, int]) -> dict[str, float]:
    """Dice of the ball with each patient's tumour."""
    truths = {p: read_image(shifted / p.split(":")[1] / "mask.nii.gz", "label") for p in folds}
    ml = {p: float((t.array > 0).sum()) * t.grid.voxel_ml for p, t in truths.items()}
    return {
        p: dice(
            ball(t, float(np.median([ml[q] for q in folds if folds[q] != folds[p]]))), t.array > 0
        )
        for p, t in truths.items()
    }


def line(name: str, scan: str, values: Mapping[str, float], asked: float | None = None) -> str:
    """A row of the table: mean with its interval over patients."""
    found = bootstrap(defined(list(values.values())))
    wanted = "" if asked is None else f"{asked:.2f}"
    return (
        f"| {name} | {scan} | {found.value:.3f} [{found.low:.2f}, {found.high:.2f}] | "
        f"{np.median(list(values.values())):.3f} | {wanted} |"
    )


def main() -> None:
    """Tables and figures."""
    source, shifted, out = (Path(name) for name in sys.argv[1:4])
    rows, models = measured([Path(name) for name in sys.argv[4:]])
    folds = {p: one["fold"] for p, one in rows["PET/CT", "automatic", 0].items()}
    told = json.loads((source / "baselines.json").read_text())
    own = {p: told[p.split(":")[1]] for p in folds}
    lines = [
        "# Real tumours: four folds over 22 sarcomas",
        "",
        "**Research use only.** Soft-tissue sarcomas with PET/CT and a clinician's GTV, the only",
        "open PET/CT with contours of tumours. Each patient is measured with a model that never",
        "saw them.",
        "",
        "| | scan | mean Dice | median | asked |",
        "|---|---|---|---|---|",
    ]
    for (scan, user, step), by_patient in rows.items():
        values = {p: one["dsc"] for p, one in by_patient.items()}
        name = user if user != "corrective" else f"corrective, {step} a class"
        lines.append(line(name, scan, values, ASKED.get((scan, user, step))))
    in_the_middle = balls(shifted, folds)
    lines += [
        line(f"region growing, {name}", "told where", {p: one[key] for p, one in own.items()})
        for name, key in (
            ("41 % of SUVmax", "dice_region_growing_41_percent"),
            ("SUV 2.5", "dice_region_growing_suv_2_5"),
        )
    ]
    lines.append(line("a ball in the middle", "none", in_the_middle))
    described = {
        "models": models,
        "patients": {
            p: {
                "fold": folds[p],
                **own[p],
                "dice_ball_in_the_middle": in_the_middle[p],
                "answers": {
                    f"{scan}, {user}, {step}": by_patient[p]
                    for (scan, user, step), by_patient in rows.items()
                },
            }
            for p in sorted(folds)
        },
    }
    atomic_write(out / "sarcomas.json", json.dumps(described, indent=1, sort_keys=True).encode())
    atomic_write(out / "sarcomas.md", ("\n".join(lines) + "\n" + HOW).encode())


if __name__ == "__main__":
    main()
