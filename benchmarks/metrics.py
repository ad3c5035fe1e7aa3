"""How long DSC, NSD, HD and HD95 of both classes take, beside MONAI and surface-distance.

A planning CT of 512 × 512 × 200 voxels, a primary and a node of 60 ml each, once as they are
and once with a voxel invented far away in each class, which widens the masks' joint box to most
of the image. Both rivals get each class's masks as they come. Best of three, the same threads.
"""

import importlib
import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from hnuiseg.evaluation import SurfaceDistances, dice, evaluate
from hnuiseg.volume import Grid, Volume

GRID = Grid.axial((200, 512, 512), (3.0, 0.977, 0.977))
RADIUS_MM = (60_000 / (4 / 3 * np.pi)) ** (1 / 3)  # of 60 ml
RESULTS = Path(__file__).parent / "results" / "metrics.json"
Mask = Bool[np.ndarray, "z y x"]


def _study(shift_mm: float) -> UInt8[np.ndarray, "z y x"]:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    z, y, x = (np.arange(n) * s for n, s in zip(GRID.shape, GRID.spacing, strict=True))
    for value, centre in ((1, (330.0, 210.0, 250.0)), (2, (290.0, 250.0, 190.0))):
        far = (
            ((z - centre[0]) ** 2)[:, None, None]
            + ((y - centre[1]) ** 2)[:, None]
            + (x - centre[2] - shift_mm) ** 2
        )
        labels[far < RADIUS_MM**2] = value
    return labels


def _best(act: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        act()
        times.append(time.perf_counter() - begin)
    return min(times)


def _by_us(prediction: Mask, truth: Mask) -> dict[str, float]:
    distances = SurfaceDistances.between(prediction, truth, GRID.spacing)
    return {
        "DSC": dice(prediction, truth),
        "NSD": distances.nsd(2.0),
        "NSD by area": distances.nsd_by_area(2.0),
        "HD": distances.hausdorff(),
        "HD95": distances.hausdorff_95(),
    }


def _by_monai(prediction: Mask, truth: Mask) -> dict[str, float]:
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice

    pair = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    spacing = list(GRID.spacing)
    found = {"DSC": compute_dice(*pair)}
    for name, percentile in (("HD", None), ("HD95", 95)):
        found[name] = compute_hausdorff_distance(
            *pair, include_background=True, spacing=spacing, percentile=percentile
        )
    for name, subvoxels in (("NSD", False), ("NSD by area", True)):
        found[name] = compute_surface_dice(
            *pair, [2.0], include_background=True, spacing=spacing, use_subvoxels=subvoxels
        )
    return {name: float(value.item()) for name, value in found.items()}


def _by_surface_distance(prediction: Mask, truth: Mask) -> dict[str, float]:
    judge = importlib.import_module("surface_distance")
    distances = judge.compute_surface_distances(truth, prediction, GRID.spacing)
    return {
        "DSC": float(judge.compute_dice_coefficient(truth, prediction)),
        "NSD by area": float(judge.compute_surface_dice_at_tolerance(distances, 2.0)),
        "HD by area": float(judge.compute_robust_hausdorff(distances, 100)),
        "HD95 by area": float(judge.compute_robust_hausdorff(distances, 95)),
    }


Measure = Callable[[Mask, Mask], dict[str, float]]
MEASURES: dict[str, tuple[str, Measure]] = {
    "hnuiseg": ("hnuiseg", _by_us),
    "MONAI": ("monai", _by_monai),
    "surface-distance": ("surface_distance", _by_surface_distance),
}


def main() -> None:
    """Print the table and keep it under benchmarks/results."""
    warnings.simplefilter("ignore")
    for name in ("Inf", "NaN"):  # surface-distance was written for numpy before 2
        setattr(np, name, getattr(np, name.lower()))
    truth, near = _study(0.0), _study(3.0)
    far = near.copy()
    far[2, 500, 5], far[2, 500, 507] = 1, 2
    cases: dict[str, dict[str, object]] = {}
    for case, prediction in (("near", near), ("far", far)):
        seconds: dict[str, float] = {}
        figures: dict[str, list[dict[str, float]]] = {}
        for name, (module, measure) in MEASURES.items():
            if importlib.util.find_spec(module) is None:
                continue

            def both(measure: Measure = measure, prediction: np.ndarray = prediction) -> object:
                return [measure(prediction == value, truth == value) for value in (1, 2)]

            figures[name] = [measure(prediction == value, truth == value) for value in (1, 2)]
            seconds[name] = _best(both)
        pair = Volume(prediction, GRID, "label"), Volume(truth, GRID, "label")
        seconds["hnuiseg evaluate, with lesions and volumes"] = _best(
            lambda pair=pair: evaluate(*pair)
        )
        cases[case] = {"seconds": seconds, "figures (GTVp, GTVn)": figures}
        rivals = [seconds[name] for name in ("MONAI", "surface-distance") if name in seconds]
        for name, value in seconds.items():
            print(f"{case:5} {name:45} {value:7.2f} s")
        if rivals:
            cases[case]["times faster than the faster rival"] = round(
                min(rivals) / seconds["hnuiseg"], 1
            )
            print(f"{case:5} {'times faster than the faster rival':45}", end=" ")
            print(f"{cases[case]['times faster than the faster rival']}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(cases, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
