"""How long a comparison takes, beside MONAI and surface-distance where they are installed.

A primary and two nodes on a CT of 120 × 320 × 320 voxels, and the same with one voxel invented
far away, which widens the masks' joint box to most of the image. One thread, best of three.
"""

import importlib
import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hnuiseg.evaluation import SurfaceDistances, evaluate
from hnuiseg.volume import Grid, Volume

GRID = Grid.axial((120, 320, 320), (2.5, 0.98, 0.98))
RESULTS = Path(__file__).parent / "results" / "metrics.json"


def _study(shift_mm: float) -> Volume:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    z, y, x = (
        np.arange(n).reshape(shape) * s
        for n, s, shape in zip(
            GRID.shape, GRID.spacing, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True
        )
    )
    for value, centre, radius in (
        (1, (150.0, 140.0, 150.0), 22.0),
        (2, (110.0, 160.0, 100.0), 11.0),
        (2, (120.0, 165.0, 215.0), 14.0),
    ):
        far = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2] - shift_mm) ** 2
        labels[far < radius**2] = value
    return Volume(labels, GRID, "label")


def _best(act: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        act()
        times.append(time.perf_counter() - begin)
    return min(times)


def _by_us(prediction: np.ndarray, truth: np.ndarray) -> None:
    distances = SurfaceDistances.between(prediction, truth, GRID.spacing)
    distances.nsd(2.0)
    distances.nsd_by_area(2.0)
    distances.hausdorff()
    distances.hausdorff_95()


def _by_monai(prediction: np.ndarray, truth: np.ndarray) -> None:
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    pair = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    spacing = list(GRID.spacing)
    for subvoxels in (False, True):
        compute_surface_dice(
            *pair, [2.0], include_background=True, spacing=spacing, use_subvoxels=subvoxels
        )
    for percentile in (None, 95):
        compute_hausdorff_distance(
            *pair, include_background=True, spacing=spacing, percentile=percentile
        )


def _by_surface_distance(prediction: np.ndarray, truth: np.ndarray) -> None:
    judge = importlib.import_module("surface_distance")
    distances = judge.compute_surface_distances(truth, prediction, GRID.spacing)
    judge.compute_surface_dice_at_tolerance(distances, 2.0)
    judge.compute_robust_hausdorff(distances, 95)


def main() -> None:
    """Print the table and keep it under benchmarks/results."""
    warnings.simplefilter("ignore")
    for name in ("Inf", "NaN"):  # surface-distance was written for numpy before 2
        setattr(np, name, getattr(np, name.lower()))
    rivals = {
        "MONAI, both NSD, HD, HD95": ("monai", _by_monai),
        "surface-distance, NSD by area, HD95": ("surface_distance", _by_surface_distance),
    }
    truth, prediction = _study(0.0), _study(3.0)
    wide = prediction.array.copy()
    wide[2, 310, 5] = 1
    seconds: dict[str, dict[str, float]] = {}
    for case, volume in (("near", prediction), ("far", Volume(wide, GRID, "label"))):
        masks = volume.array == 1, truth.array == 1
        rows = {
            "hnuiseg, both NSD, HD, HD95": _best(lambda masks=masks: _by_us(*masks)),
            "hnuiseg, evaluate (all of two classes)": _best(
                lambda volume=volume: evaluate(volume, truth)
            ),
        }
        for name, (module, act) in rivals.items():
            if importlib.util.find_spec(module):
                rows[name] = _best(lambda masks=masks, act=act: act(*masks))
        seconds[case] = rows
    for case, rows in seconds.items():
        for name, value in rows.items():
            print(f"{case:5} {name:40} {value:7.2f} s")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
