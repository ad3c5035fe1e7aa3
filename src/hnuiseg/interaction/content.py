"""What a session and a cached start are bound to: hashes of a case's voxels and place."""

import hashlib
import json
from dataclasses import asdict
from importlib import metadata

import numpy as np
from jaxtyping import Shaped

from hnuiseg.inference import PredictOptions
from hnuiseg.study import Case
from hnuiseg.volume import Grid

_CACHE_FORMAT = 2  # another one where a prediction is made differently from the same case


def study_hash(case: Case) -> str:
    """Of the CT's voxels and grid: two studies share it only if every voxel is the same."""
    found = hashlib.sha256()
    _add_grid(found, case.ct.grid)
    _add(found, case.ct.array)
    return found.hexdigest()


def prediction_hash(case: Case, model_sha256: str, options: PredictOptions) -> str:
    """Of all that an automatic prediction follows from."""
    found = hashlib.sha256()
    _add_grid(found, case.ct.grid)
    _add(found, case.ct.array)
    if case.pet is not None:
        _add(found, case.pet.on_ct.array)
        _add(found, case.pet.coverage)
        found.update(repr(case.pet.suv).encode())
    asked = {
        "software": metadata.version("hnuiseg"),
        "format": _CACHE_FORMAT,
        "field": None if case.field is None else [[s.start, s.stop] for s in case.field],
        "model": model_sha256,
        "options": asdict(options),
    }
    found.update(json.dumps(asked, sort_keys=True).encode())
    return found.hexdigest()


def _add_grid(found: "hashlib._Hash", grid: Grid) -> None:
    # 1e-6 mm: the same header read twice, or stored as another format, is the same place
    place = [*grid.spacing, *grid.origin, *(v for step in grid.direction for v in step)]
    text = json.dumps([list(grid.shape), [f"{v:.6f}" for v in place], grid.frame_of_reference])
    found.update(text.replace("-0.000000", "0.000000").encode())


def _add(found: "hashlib._Hash", array: Shaped[np.ndarray, "z y x"]) -> None:
    """A slice at a time: values as float32, so that the type they came in doesn't matter."""
    for plane in array:
        found.update(np.ascontiguousarray(plane, dtype="<f4").data)
