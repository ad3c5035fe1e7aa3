"""Time to make report.html of a 512 x 512 x 200 CT with a PET, ten lesions in it.

    .venv/bin/python benchmarks/report.py

A made patient: a body with a warm PET on its own grid, lesions of 3 to 12 mm radius. Processor
seconds stand beside wall seconds, which other work on the machine lengthens. Writes
benchmarks/results/report.json.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool

from hnuiseg.dicom import SuvFactor
from hnuiseg.export import measure, totals
from hnuiseg.export.report import figures, mip, report_html
from hnuiseg.export.result import Result
from hnuiseg.export.uptake import uptake_outside
from hnuiseg.inference import Prediction
from hnuiseg.models import Card
from hnuiseg.study.case import Case, PetImage, Provenance
from hnuiseg.volume import Grid, Triple, Volume, covered, resample

GRID = Grid.axial((200, 512, 512), (2.0, 0.98, 0.98), (-250.0, -250.0, 0.0), "1.2.3")
PET_GRID = Grid.axial((130, 200, 200), (3.0, 4.07, 4.07), (-405.0, -405.0, 5.0), "1.2.3")
LESIONS = 10
T = TypeVar("T")


def _inside(grid: Grid, centre: Triple, radii: Triple) -> Bool[np.ndarray, "z y x"]:
    axes = [
        grid.origin[2 - k] + np.arange(grid.shape[k]) * grid.spacing[k] - centre[2 - k]
        for k in range(3)
    ]
    z, y, x = ((a / r) ** 2 for a, r in zip(axes, reversed(radii), strict=True))
    return z[:, None, None] + y[None, :, None] + x[None, None, :] < 1


def _patient() -> tuple[Case, Prediction]:
    body = _inside(GRID, (0.0, 0.0, 190.0), (90.0, 110.0, 185.0))
    noise = np.random.default_rng(1).normal(0, 12, GRID.shape).astype(np.float32)
    ct = np.where(body, np.float32(40), np.float32(-1000)) + noise
    suv = np.where(_inside(PET_GRID, (0.0, 0.0, 190.0), (90.0, 110.0, 185.0)), 0.8, 0.02)
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    for k in range(LESIONS):
        place = (60.0 * np.cos(k), 60.0 * np.sin(k), 60.0 + 25.0 * k)
        radius = (12.0 - k,) * 3
        labels[_inside(GRID, place, radius)] = 1 if k == 0 else 2
        suv[_inside(PET_GRID, place, radius)] = 9.0
    native = Volume(suv.astype(np.float32), PET_GRID, "g/ml")
    factor = SuvFactor((1.0,), "SUV", "made", None, None, None, False)
    pet = PetImage(resample(native, GRID), covered(PET_GRID, GRID), native, factor)
    provenance = Provenance("files", "ct.nii.gz", "pet.nii.gz")
    case = Case(Volume(ct, GRID, "HU"), pet, (), provenance, None)
    p = np.full((3, *GRID.shape), 0.05, dtype=np.float32)
    for value in range(3):
        p[value][labels == value] = 0.9
    entropy = np.full(GRID.shape, 0.39, dtype=np.float32)
    votes = np.full(GRID.shape, 10, dtype=np.int16)
    return case, Prediction(
        labels, p, entropy, entropy / 4, None, votes, GRID, 10, 0, {"model": "made"}
    )


def _timed(what: str, run: Callable[[], T], rows: dict[str, dict[str, float]]) -> T:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = run()
    rows[what] = {
        "wall s": round(time.perf_counter() - wall, 2),
        "processor s": round(time.process_time() - cpu, 2),
    }
    return answer


def main() -> None:
    case, prediction = _patient()
    rows: dict[str, dict[str, float]] = {}
    lesions = _timed("measuring", lambda: measure(case, prediction), rows)
    outside = _timed("uptake outside", lambda: uptake_outside(case), rows)
    card = Card("made", "none", "compact", "", "", "", "", 0, {}, "")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    result = Result(
        "hnuiseg", now, 0.0, case.provenance, (), case.pet.suv, card, {}, 10, 0, None,
        lesions, totals(lesions), ("report.html",), (), outside,
    )  # fmt: skip
    page = _timed("report", lambda: report_html(case, prediction, result), rows)
    _timed("of it figures of lesions", lambda: figures(case, prediction, result), rows)
    _timed("of it projections", lambda: mip(case, prediction, result), rows)
    described = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load average over 5 minutes": round(os.getloadavg()[1], 1),
        "CT voxels (z, y, x)": list(GRID.shape),
        "PET voxels (z, y, x)": list(PET_GRID.shape),
        "lesions": len(lesions),
        "report MiB": round(len(page) / 2**20, 2),
        "steps": rows,
    }
    text = json.dumps(described, indent=1)
    Path(__file__).with_name("results").joinpath("report.json").write_text(text + "\n")
    print(text)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
