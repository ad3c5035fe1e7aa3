"""Are probabilities as often right as they say? And one temperature that makes them so.

Measured within 15 mm of prediction ∪ truth of a class (DESIGN section 5): over whole volumes
background alone, surely and rightly background, would make any model look calibrated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage, optimize

from hnuiseg.errors import InputRefused
from hnuiseg.study import IGNORE
from hnuiseg.volume import Triple

BAND_MM = 15.0
BINS = 15
TEMPERATURES = (0.1, 10.0)  # searched, and allowed in a model file
_LEAST = 1e-7  # of a probability: its logarithm is needed


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """Probabilities and truth of voxels near tumour."""

    probabilities: Float[np.ndarray, "n 3"]
    truth: UInt8[np.ndarray, " n"]  # 0, 1, 2


@dataclass(frozen=True, slots=True)
class Reliability:
    """One class: expected calibration error, Brier score, and the table behind the first."""

    ece: float  # mean over bins of |share that is the class - mean probability|, by count
    brier: float
    voxels: int
    counts: tuple[int, ...]  # of each bin of probability, equally wide
    said: tuple[float, ...]  # mean probability in each bin; nan where empty
    true: tuple[float, ...]  # share of the class in each bin; nan where empty


def error_band(
    labels: UInt8[np.ndarray, "z y x"],
    truth: UInt8[np.ndarray, "z y x"],
    spacing: Triple,
    value: int | None = None,
) -> Bool[np.ndarray, "z y x"]:
    """Voxels within 15 mm of prediction ∪ truth of one class, or of both; those of 255 not.

    All False where neither has the class.
    """
    found, true = (
        (array == value) if value is not None else ((array == 1) | (array == 2))
        for array in (labels, truth)
    )
    drawn = found | true
    band = np.zeros_like(drawn)
    if not drawn.any():
        return band
    box = tuple(
        slice(max(0, at.min() - reach), at.max() + reach + 1)
        for at, reach in zip(
            np.nonzero(drawn), (int(np.ceil(BAND_MM / s)) for s in spacing), strict=True
        )
    )
    away = ndimage.distance_transform_edt(~drawn[box], sampling=spacing)
    band[box] = away <= BAND_MM
    return band & (truth != IGNORE)


def reliability_sums(voxels: Voxels, value: int) -> Float[np.ndarray, " terms"]:
    """What adds up over patients: of each bin the count, summed probability and how many are true.

    Last come the summed squared error and the number of voxels: 3 BINS + 2 terms.
    """
    p = voxels.probabilities[:, value].astype(np.float64)
    true = (voxels.truth == value).astype(np.float64)
    place: Int[np.ndarray, " n"] = np.minimum((p * BINS).astype(int), BINS - 1)
    counts, said, share = (np.bincount(place, of, BINS) for of in (None, p, true))
    return np.concatenate([counts, said, share, [((p - true) ** 2).sum(), len(p)]])


def ece_of(sums: Float[np.ndarray, "*n terms"]) -> Float[np.ndarray, "*n"]:
    """ECE of sums of `reliability_sums`; nan without voxels."""
    _, said, share, _, voxels = np.split(sums, [BINS, 2 * BINS, 3 * BINS, 3 * BINS + 1], axis=-1)
    with np.errstate(invalid="ignore"):  # 0/0 without voxels is nan, as documented
        return np.abs(share - said).sum(axis=-1) / voxels[..., 0]


def reliability(voxels: Voxels, value: int) -> Reliability:
    """How one class' probability compares with how often it is true."""
    sums = reliability_sums(voxels, value)
    counts = sums[:BINS]
    with np.errstate(invalid="ignore"):  # 0/0 in empty bins is nan, as documented
        said, share = sums[BINS : 2 * BINS] / counts, sums[2 * BINS : 3 * BINS] / counts
        brier = sums[-2] / sums[-1]
    return Reliability(
        float(ece_of(sums)),
        float(brier),
        int(sums[-1]),
        tuple(int(n) for n in counts),
        tuple(float(v) for v in said),
        tuple(float(v) for v in share),
    )


def tempered(
    probabilities: Float[np.ndarray, "*n 3"], temperature: float
) -> Float[np.ndarray, "*n 3"]:
    """Softmax of log p / T over the last axis, float32: the order of classes stays.

    T above 1 makes probabilities less sure, below 1 surer (Guo et al., arXiv 1706.04599, here on
    the logarithm of the mean over members).
    """
    logits = np.log(np.maximum(probabilities, _LEAST)) / temperature
    logits -= logits.max(axis=-1, keepdims=True)
    odds = np.exp(logits)
    return (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)


def fit_temperature(voxels: Sequence[Voxels]) -> float:
    """The temperature with the least negative log likelihood; every patient counts alike.

    InputRefused where there is no voxel near a tumour to fit it on.
    """
    there = [patient for patient in voxels if len(patient.truth)]
    if not there:
        raise InputRefused(
            "no voxel near a tumour to calibrate on",
            "calibration patients with tumours, drawn or found",
            "prepare more patients (10 or more keep some for calibration)",
        )
    logs = [np.log(np.maximum(p.probabilities.astype(np.float64), _LEAST)) for p in there]

    def loss(log_temperature: float) -> float:
        total = 0.0
        for patient, log in zip(there, logs, strict=True):
            scaled = log / np.exp(log_temperature)
            scaled -= scaled.max(axis=1, keepdims=True)
            norm = np.log(np.exp(scaled).sum(axis=1))
            total += float((norm - scaled[np.arange(len(log)), patient.truth]).mean())
        return total / len(there)

    found = optimize.minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))
