"""What the gates say of real head-and-neck planning CTs, and of limbs, trunks and chests.

    HNUISEG_DATA=FOLDER .venv/bin/python benchmarks/field.py

Of the CTs in openkbp/: how many are taken for a head and neck, how far below the last narrow
slice planning targets reach, how many hold much metal. Of the limbs and trunks in sts/: how
many are taken for a head and neck, and how well the outlines of PET and CT agree, as they
are and with the PET moved. Writes benchmarks/results/field.json.
"""

import json
import lzma
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hnuiseg.files import read_image
from hnuiseg.study.agreement import Agreement, agreement
from hnuiseg.study.field import axial_slices, looks_like_head_and_neck
from hnuiseg.study.metal import LARGE_ML, metal
from hnuiseg.volume import Volume, covered, resample
from openkbp import planning_ct

SHIFTS_MM = (0.0, 20.0, 40.0)


def _lowest_target(path: Path) -> int | None:
    """Lowest standing slice of a planning target (PTV)."""
    with np.load(path) as packed:
        names = [str(name) for name in packed["names"]]
        bits = np.frombuffer(lzma.decompress(packed["masks_xz"].tobytes()), dtype=np.uint8)
    masks = np.unpackbits(bits)[: len(names) * 128**3].reshape(len(names), 128, 128, 128)
    targets = [mask for name, mask in zip(names, masks, strict=True) if name.startswith("PTV")]
    slices = [np.flatnonzero(mask.any(axis=(0, 1))) for mask in targets]
    lowest = [127 - int(s.max()) for s in slices if s.size]  # stored from head to feet
    return min(lowest, default=None)


def _planning(folder: Path) -> dict[str, object]:
    failed, below, metals, gaps = [], [], [], []
    paths = sorted(folder.glob("pt_*.npz"))
    for path in paths:
        ct = planning_ct(path)
        metals.append(metal(ct).volume_ml)
        slices = axial_slices(ct)
        if not slices.holds():
            failed.append(f"{path.stem}: {slices.like.sum() * slices.apart_mm:.0f} mm narrow")
            continue
        narrow = np.flatnonzero(slices.like)
        gaps.append(float(np.diff(narrow).max()) * slices.apart_mm)
        target = _lowest_target(path)
        if target is not None:
            last = narrow[0] * slices.every
            below.append(float(last - target) * ct.grid.spacing[0])
    return {
        "planning CTs": len(paths),
        "not taken for a head and neck": failed,
        "with much metal": sum(volume >= LARGE_ML for volume in metals),
        "longest gap between narrow slices, mm": round(max(gaps)),
        "targets reach below the last narrow slice, mm": {
            "half": round(float(np.median(below))),
            "95 %": round(float(np.percentile(below, 95))),
            "farthest": round(max(below)),
        },
    }


def _limbs(folder: Path) -> dict[str, object]:
    taken, found = [], {shift: list[Agreement]() for shift in SHIFTS_MM}
    paths = sorted(folder.glob("STS_*"))
    for path in paths:
        ct = read_image(path / "ct_hu.nii.gz", "HU")
        pet = read_image(path / "pet_suv.nii.gz", "g/ml")
        if looks_like_head_and_neck(ct):
            taken.append(path.name)
        for shift in SHIFTS_MM:
            x, y, z = pet.grid.origin
            moved = Volume(pet.array, replace(pet.grid, origin=(x + shift, y, z)), "g/ml")
            agreed = agreement(ct, resample(moved, ct.grid), covered(moved.grid, ct.grid))
            if agreed is not None:
                found[shift].append(agreed)
    return {
        "limbs and trunks": len(paths),
        "taken for a head and neck": taken,
        "PET moved, mm": {
            f"{shift:g}": {
                "judged": len(some),
                "Dice, lowest and median": [
                    round(min(a.dice for a in some), 3),
                    round(float(np.median([a.dice for a in some])), 3),
                ],
                "apart, median and highest, mm": [
                    round(float(np.median([a.apart_mm for a in some])), 1),
                    round(max(a.apart_mm for a in some), 1),
                ],
            }
            for shift, some in found.items()
        },
    }


def main() -> None:
    data = Path(os.environ["HNUISEG_DATA"])
    text = json.dumps({**_planning(data / "openkbp"), **_limbs(data / "sts")}, indent=1)
    Path(__file__).with_name("results").joinpath("field.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
