"""One temperature for a run's model, fitted on patients that were used for nothing else.

Separately with PET and from the CT alone, and measured again after clicks: those are drawn where
the network errs, so what was calibrated before them needn't be after them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hnuiseg.errors import InputRefused
from hnuiseg.evaluation import Voxels, error_band, fit_temperature, reliability, tempered
from hnuiseg.inference import CLASSES, PredictOptions, likeliest
from hnuiseg.interaction import correction_clicks
from hnuiseg.models import ModelFile
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.whole import WholeAnswers
from hnuiseg.volume import Triple

CALIBRATION = "calibration.json"
SCANS = ("PET/CT", "CT")
_MOST_VOXELS = 4_000_000  # of all patients and of a class; the loss is a mean over them
_MOST_OF_ONE = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """A patient's voxels near tumour, of either class and of each."""

    both: Voxels
    of_class: tuple[Voxels, Voxels]


def calibrate(
    model: ModelFile,
    samples: Sequence[StoredSample],
    device: torch.device,
    *,
    members: int,
    seed: int,
    told: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Temperatures and what they change, by kind of scan; JSON.

    A patient with PET counts under "PET/CT" and, with the PET hidden, under "CT". A kind without a
    patient is None. InputRefused where nobody was kept for calibration.
    """
    if not samples:
        raise InputRefused(
            "nobody was kept for calibration",
            "data of 10 patients or more, of which prepare keeps some",
            "prepare more patients, or publish without calibrating",
        )
    answers = WholeAnswers(model, device, PredictOptions(members=members, seed=seed))
    found: dict[str, Any] = {"members": members, "seed": seed, "cases": len(samples)}
    for k, scan in enumerate(SCANS):
        before, after = list[_Near](), list[_Near]()
        shown = [s for s in samples if scan == "CT" or s.marks(s.whole)[1].any()]
        for done, sample in enumerate(shown):
            if told is not None:
                told(k * len(samples) + done, len(SCANS) * len(samples))
            generator = np.random.Generator(np.random.Philox([seed, k, done]))
            with_pet = scan == "PET/CT"
            p = answers.probabilities(sample, (), with_pet=with_pet)
            truth = sample.marks(sample.whole)[0]
            most = min(_MOST_OF_ONE, _MOST_VOXELS // len(shown))
            before.append(_near(p, truth, sample.spacing, generator, most))
            labels = likeliest(p)
            clicks = correction_clicks(labels, truth, generator)
            p = answers.probabilities(sample, clicks, labels, with_pet=with_pet)
            after.append(_near(p, truth, sample.spacing, generator, most))
        found[scan] = _measured(before, after) if shown else None
    return found


def temperatures(found: dict[str, Any]) -> tuple[float | None, float | None]:
    """Those for a model file; None for a kind of scan that wasn't there to measure."""
    first, second = (
        None if found[scan] is None else float(found[scan]["temperature"]) for scan in SCANS
    )
    return first, second


def _measured(before: Sequence[_Near], after: Sequence[_Near]) -> dict[str, Any]:
    temperature = round(fit_temperature([near.both for near in before]), 4)
    return {
        "temperature": temperature,
        "patients": len(before),
        "automatic": _figures(before, temperature),
        "after clicks": _figures(after, temperature),
    }


def _figures(near: Sequence[_Near], temperature: float) -> dict[str, Any]:
    """ECE and Brier of each class within 15 mm of it, as they are and calibrated."""
    figures: dict[str, Any] = {}
    for k, name in enumerate(CLASSES[1:]):
        voxels = [patient.of_class[k] for patient in near]
        p = np.concatenate([one.probabilities for one in voxels])
        truth = np.concatenate([one.truth for one in voxels])
        if not len(truth):
            figures[name] = None
            continue
        rows = {}
        for said, shown in (("as they are", p), ("calibrated", tempered(p, temperature))):
            measured = reliability(Voxels(shown, truth), k + 1)
            rows[said] = {"ECE": round(measured.ece, 5), "Brier": round(measured.brier, 5)}
        figures[name] = {"voxels": len(truth), **rows}
    return figures


def _near(
    p: Float[np.ndarray, "3 z y x"],
    truth: UInt8[np.ndarray, "z y x"],
    spacing: Triple,
    generator: np.random.Generator,
    most: int,
) -> _Near:
    labels = likeliest(p)

    def some(value: int | None) -> Voxels:
        index = np.flatnonzero(error_band(labels, truth, spacing, value))
        if len(index) > most:
            index = generator.choice(index, most, replace=False)
        return Voxels(p.reshape(3, -1)[:, index].T, truth.ravel()[index])

    return _Near(some(None), (some(1), some(2)))
