"""The calibration of a run's stage, written beside its model."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from hnuiseg.errors import InputRefused
from hnuiseg.files import atomic_write
from hnuiseg.training.calibrate import CALIBRATION, SCANS, calibrate
from hnuiseg.training.data import parts_of, samples_of
from hnuiseg.training.publish import finished_stage
from hnuiseg.training.run import read_record, stage_folder


def calibrate_run(
    run: Path,
    data: Sequence[Path],
    number: int | None,
    *,
    members: int,
    seed: int,
    device: str,
    told: Callable[[int, int], None] | None = None,
) -> tuple[Path, tuple[str, ...]]:
    """`calibration.json` beside the stage's model, and lines for a person.

    InputRefused where the data aren't those of the training, or nobody was kept for calibration.
    """
    chosen, model = finished_stage(run, number)
    folder = stage_folder(run, chosen)
    record = read_record(folder)
    parts = parts_of(data, record["fold"])
    if parts.sha256 != record["data"]:
        raise InputRefused(
            f"other data than stage {chosen} was trained on",
            "the same prepared data sets, as they were",
            "name those with --data: only they say who was kept for calibration",
        )
    samples = samples_of(parts.calibration, model.settings)
    found = calibrate(model, samples, torch.device(device), members=members, seed=seed, told=told)
    found = {"model": model.sha256, **found}
    file = folder / CALIBRATION
    atomic_write(file, json.dumps(found, indent=1, allow_nan=False).encode())
    return file, tuple(_line(scan, found[scan]) for scan in SCANS)


def _line(scan: str, measured: dict[str, Any] | None) -> str:
    if measured is None:
        return f"{scan}: no such patient was kept for calibration"
    said = [f"{scan}: temperature {measured['temperature']:.2f}"]
    for when in ("automatic", "after clicks"):
        for name, rows in measured[when].items():
            if rows is not None:
                before, after = (rows[kind]["ECE"] for kind in ("as they are", "calibrated"))
                said.append(f"{name} {when}: ECE {before:.3f} to {after:.3f}")
    return "; ".join(said)
