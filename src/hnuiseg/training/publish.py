"""From a run to a model file that may be passed on: card, licence of the data, temperatures."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hnuiseg.errors import InputRefused
from hnuiseg.inference import Pair
from hnuiseg.models import ModelFile, ModelSettings, model_bytes, read_model
from hnuiseg.training.calibrate import CALIBRATION, SCANS, temperatures
from hnuiseg.training.licence import commercial_too
from hnuiseg.training.recipe import STAGES
from hnuiseg.training.run import MODEL, stage_folder


def finished_stage(run: Path, number: int | None) -> tuple[int, ModelFile]:
    """A stage's model; by default the last one's. InputRefused where it isn't finished."""
    there = [k for k in STAGES if (stage_folder(run, k) / MODEL).exists()]
    if not there or (number is not None and number not in there):
        raise InputRefused(
            f"stage {number or 'any'} isn't finished in {run.name}",
            "a finished stage of a run",
            "train it first, or name another --stage",
        )
    chosen = there[-1] if number is None else number
    return chosen, read_model(stage_folder(run, chosen) / MODEL)


def published(
    run: Path,
    number: int | None,
    name: str | None,
    *,
    half: bool = False,
    least_ml: Pair | None = None,
    least_peak: Pair | None = None,
) -> bytes:
    """The content of the model file to pass on; `half`: convolutions stored with 16 bits.

    `least_ml`, `least_peak`: what a component of GTVp and of GTVn must reach; others the file's
    users see listed, not drawn.

    Where the stage was calibrated, its temperatures go with it; elsewhere the card says that it
    wasn't. The strictest licence of everything that any stage learnt from has the say.
    """
    chosen, model = finished_stage(run, number)
    said = _calibration(stage_folder(run, chosen) / CALIBRATION, model)
    card, settings = model.card, _with(model.settings, least_ml, least_peak)
    figures = dict(card.figures)
    limits = [card.limits]
    if said is None:
        limits.append("Probabilities aren't calibrated.")
    else:
        settings = replace(settings, temperatures=temperatures(said))
        for scan in SCANS:
            if said[scan] is None:
                limits.append(f"Probabilities aren't calibrated for {scan}.")
            figures |= _figures(scan, said[scan])
    if not commercial_too(card.licence_of_training_data):
        limits.append("Not for commercial use, as data it learnt from must not be.")
    card = replace(card, name=name or card.name, figures=figures, limits=" ".join(limits))
    return model_bytes(card, settings, halved(model.weights) if half else model.weights)


def republished(
    model: ModelFile,
    name: str | None,
    *,
    half: bool = False,
    least_ml: Pair | None = None,
    least_peak: Pair | None = None,
) -> bytes:
    """The content of a model file of the same weights and card, under another name or least.

    What isn't given stays as the file has it.
    """
    settings = _with(model.settings, least_ml, least_peak)
    card = replace(model.card, name=name or model.card.name)
    return model_bytes(card, settings, halved(model.weights) if half else model.weights)


def _with(settings: ModelSettings, least_ml: Pair | None, least_peak: Pair | None) -> ModelSettings:
    return replace(
        settings,
        least_ml=least_ml or settings.least_ml,
        least_peak=least_peak or settings.least_peak,
    )


def halved(
    weights: Mapping[str, Shaped[np.ndarray, "..."]],
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Kernels in float16, within 2^-11 of what they were; what normalises stays float32.

    Networks still compute in float32 (or bfloat16, which is coarser). A kernel beyond float16's
    range becomes infinite, which no reader of models accepts.
    """
    return {
        name: array.astype(np.float16) if array.ndim > 1 and array.dtype == np.float32 else array
        for name, array in weights.items()
    }


def _calibration(file: Path, model: ModelFile) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        said: dict[str, Any] = json.loads(file.read_text())
        if said["model"] != model.sha256:
            raise ValueError("it is of other weights")
        temperatures(said)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputRefused(
            f"{file.name} of {file.parent.name} can't be used ({error})",
            "what `hnuiseg calibrate` wrote for this model",
            "calibrate again",
        ) from error
    return said


def _figures(scan: str, measured: dict[str, Any] | None) -> dict[str, float]:
    if measured is None:
        return {}
    found = {f"temperature, {scan}": float(measured["temperature"])}
    for name, rows in measured["automatic"].items():
        if rows is not None:
            found[f"ECE {name}, {scan}, calibrated"] = float(rows["calibrated"]["ECE"])
    return found
