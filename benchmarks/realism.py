"""What planted disease looks like, over all real CTs; measured before any training on it.

    HNUISEG_DATA=… .venv/bin/python benchmarks/realism.py

Writes `results/realism.json`. Limits and published figures stand in
`src/hnuiseg/cohorts/synthetic/ranges.py`.
"""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np

from hnuiseg.cohorts.openkbp_files import stored_patients
from hnuiseg.cohorts.synthetic import Planted, planted
from hnuiseg.cohorts.synthetic.realism import auc_of_hu, auc_of_texture, seen
from hnuiseg.errors import InputRefused

RESULTS = Path(__file__).parent / "results" / "realism.json"
SEED = 14
GTVP, GTVN = 1, 2


def quantiles(values: list[float]) -> dict[str, float]:
    """5, 25, 50, 75 and 95 %."""
    found = np.percentile(values, [5, 25, 50, 75, 95])
    return {f"{q} %": round(float(v), 2) for q, v in zip((5, 25, 50, 75, 95), found, strict=True)}


def volumes(made: Planted, value: int) -> list[float]:
    """ml of each lesion of a class, as painted."""
    grid = made.real.ct.grid
    return [
        float(share.filled.sum()) * grid.voxel_ml
        for lesion, share in zip(made.lesions, made.art.shares, strict=True)
        if lesion.value == value
    ]


def main() -> None:
    """Plant every patient and measure."""
    found, _ = stored_patients(Path(os.environ["HNUISEG_DATA"]) / "openkbp")
    generator = np.random.default_rng(0)
    patients, left_out = [], Counter[str]()
    primary, nodes, nodal, counts, offsets = [], [], [], [], []
    hottest: dict[int, list[float]] = {GTVP: [], GTVN: []}
    where: dict[int, Counter[str]] = {GTVP: Counter(), GTVN: Counter()}
    necrotic = [0, 0]
    for k, files in enumerate(found):
        try:
            made = planted(files, SEED)
        except InputRefused as error:
            left_out["covers too little" if "covered" in str(error) else str(error)] += 1
            continue
        print(f"{k + 1} of {len(found)}", end="\r", flush=True)
        patients.append(seen(made, generator))
        primary += volumes(made, GTVP)
        own = volumes(made, GTVN)
        nodes += own
        counts.append(len(own))
        if own:
            nodal.append(sum(own))
        offsets.append(made.real.offset_hu)
        for value in (GTVP, GTVN):
            of_class = [lesion for lesion in made.lesions if lesion.value == value]
            if of_class:
                hottest[value].append(max(lesion.suv_max for lesion in of_class))
            where[value].update(lesion.where for lesion in of_class)
        for lesion in made.lesions:
            if lesion.value == GTVN and 2 * lesion.blob.radius_mm >= 16.0:
                necrotic[0] += lesion.necrotic_hu is not None
                necrotic[1] += 1
    contrast = [c for one in patients for c in one.contrast_hu]
    cnr = [c / n for one in patients for c, n in zip(one.contrast_hu, one.noise_hu, strict=True)]
    result = {
        "seed": SEED,
        "patients": len(patients),
        "left out": dict(left_out),
        "anchoring HU": quantiles(offsets),
        "contrast HU": quantiles(contrast),
        "contrast to noise": quantiles(cnr),
        "AUC of HU": round(auc_of_hu(patients), 3),
        "AUC of texture": round(auc_of_texture(patients), 3),
        "GTVp ml": quantiles(primary),
        "GTVn ml": quantiles(nodes),
        "GTVn ml of a patient with any": quantiles(nodal),
        "nodes of a patient": {str(n): c for n, c in sorted(Counter(counts).items())},
        "SUVmax GTVp": quantiles(hottest[GTVP]),
        "SUVmax hottest GTVn": quantiles(hottest[GTVN]),
        "sites": dict(where[GTVP].most_common()),
        "levels": dict(where[GTVN].most_common()),
        "necrotic of nodes of 16 mm or more": round(necrotic[0] / max(1, necrotic[1]), 2),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
