"""The two studies of 512 x 512 x 200 voxels that benchmarks are measured on."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from hnuiseg.cohorts import phantom, phantom_case
from hnuiseg.study import Case, Provenance
from hnuiseg.volume import resample

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from openkbp import planning_ct

SHAPE = (200, 512, 512)
STUDIES = ("phantom", "planning CT")
_PATIENT = "pt_40"


def large_study(name: str) -> Case:
    """A phantom with its PET, or (with HNUISEG_DATA) a real planning CT resampled to that grid."""
    case = _phantom() if name == "phantom" else _planning_ct()
    assert case.ct.grid.shape == SHAPE
    return case


def _phantom() -> Case:
    field = (372.0, 448.0, 512.0)
    z, y, x = (mm / n for mm, n in zip(field, SHAPE, strict=True))
    return phantom_case(phantom(12, 0, spacing=(z, y, x)))


def _planning_ct() -> Case:
    ct = planning_ct(Path(os.environ["HNUISEG_DATA"]) / "openkbp" / f"{_PATIENT}.npz")
    sides = [n * s for n, s in zip(ct.grid.shape, ct.grid.spacing, strict=True)]
    z, y, x = (side / n for side, n in zip(sides, SHAPE, strict=True))
    large = resample(ct, replace(ct.grid.resized((z, y, x)), shape=SHAPE), outside=-1000.0)
    return Case(large, None, (), Provenance("files", _PATIENT, None), None)
