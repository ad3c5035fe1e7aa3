"""Is there anything to learn lesions by that real ones don't have? Measured, before any training.

Compared are voxels well inside lesions and soft tissue of the same patient that borders on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage, stats

from hnuiseg.cohorts.synthetic.painting import soft_tissue
from hnuiseg.cohorts.synthetic.patient import Planted

_ROUND_MM = (3.0, 15.0)  # from the lesion's surface
_FILLED = 0.95
_LOW_PASS_VOXELS = 1.0
_MOST_OF_ONE = 4000  # voxels of a patient and kind
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a patient's CT shows of planted lesions and of what lies round them."""

    contrast_hu: tuple[float, ...]  # of each lesion: its median less that of the soft tissue round
    noise_hu: tuple[float, ...]  # robust standard deviation of that tissue
    hu_lesion: Float[np.ndarray, " n"]
    hu_neck: Float[np.ndarray, " m"]  # soft tissue of the neck, without lesions
    texture_lesion: Float[np.ndarray, "n features"]
    texture_round: Float[np.ndarray, "m features"]


def seen(made: Planted, generator: np.random.Generator) -> Seen:
    """Measured on the coarse grid, on which the real CT was given out."""
    hu, grid = made.art.hu, made.real.ct.grid
    soft = soft_tissue(hu) & made.real.places.body
    filled = np.zeros(hu.shape, dtype=np.float32)
    for share in made.art.shares:
        filled[share.box] = np.maximum(filled[share.box], share.filled)
    outside = soft & (filled == 0)
    features = texture(hu)
    contrast, noise = [], []
    inside = np.zeros(hu.shape, dtype=bool)
    around = np.zeros(hu.shape, dtype=bool)
    for share in made.art.shares:
        core = share.filled >= _FILLED
        if core.sum() < 5:
            continue
        away = ndimage.distance_transform_edt(share.filled < 0.5, sampling=grid.spacing)
        low, high = _ROUND_MM
        near = outside[share.box] & (away >= low) & (away <= high)
        if near.sum() < 20:
            continue
        inside[share.box] |= core
        around[share.box] |= near
        tissue = hu[share.box][near]
        contrast.append(float(np.median(hu[share.box][core]) - np.median(tissue)))
        noise.append(float(stats.median_abs_deviation(tissue, scale="normal")))
    z = np.arange(hu.shape[0]) * grid.spacing[0]
    heights = made.real.places.heights
    neck = outside & ((z > heights["cricoid"] - 35) & (z < heights["base"]))[:, None, None]
    return Seen(
        tuple(contrast),
        tuple(noise),
        _some(hu[inside], generator),
        _some(hu[neck], generator),
        _some(features[:, inside].T, generator),
        _some(features[:, around].T, generator),
    )


def texture(hu: Float[np.ndarray, "z y x"]) -> Float[np.ndarray, "features z y x"]:
    """What is left above a low pass, in several strengths: nothing of it tells the density."""
    fine = hu - ndimage.gaussian_filter(hu, _LOW_PASS_VOXELS)
    fine = np.clip(fine, -80.0, 80.0)  # bone and air have edges of hundreds
    strength = np.sqrt(np.maximum(ndimage.uniform_filter(fine**2, 3), 0.0))
    steps = np.sqrt(sum(np.gradient(fine, axis=axis) ** 2 for axis in range(3)))
    in_plane = np.sqrt(np.maximum(ndimage.uniform_filter(fine**2, (1, 3, 3)), 0.0))
    found: Float[np.ndarray, "features z y x"] = np.stack(
        [np.abs(fine), strength, in_plane, steps, ndimage.uniform_filter(np.abs(fine), 5)]
    )
    return found


def auc(positive: Float[np.ndarray, " n"], negative: Float[np.ndarray, " m"]) -> float:
    """Chance that a positive one lies above a negative one; ties count half (Mann and Whitney)."""
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    n, m = len(positive), len(negative)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def auc_of_hu(patients: Sequence[Seen]) -> float:
    """Lesions against soft tissue of the neck, by HU alone; over all patients together."""
    return auc(
        np.concatenate([one.hu_lesion for one in patients]),
        np.concatenate([one.hu_neck for one in patients]),
    )


def auc_of_texture(patients: Sequence[Seen]) -> float:
    """By a quadratic discriminant of texture, learnt from one half and asked of the other.

    At least 0.5: a classifier that is wrong more often than right would be turned round.
    """
    half = len(patients) // 2
    parts = (patients[:half], patients[half:])
    found = []
    for learnt, asked in (parts, parts[::-1]):
        weights = _discriminant(learnt)
        found.append(
            auc(
                _terms(np.concatenate([one.texture_lesion for one in asked])) @ weights,
                _terms(np.concatenate([one.texture_round for one in asked])) @ weights,
            )
        )
    mean = float(np.mean(found))
    return max(mean, 1.0 - mean)


def _discriminant(patients: Sequence[Seen]) -> Float[np.ndarray, " terms"]:
    lesion = _terms(np.concatenate([one.texture_lesion for one in patients]))
    round_ = _terms(np.concatenate([one.texture_round for one in patients]))
    within = np.cov(lesion.T) + np.cov(round_.T)
    within += _RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    weights: Float[np.ndarray, " terms"] = np.linalg.solve(
        within, lesion.mean(axis=0) - round_.mean(axis=0)
    )
    return weights


def _terms(features: Float[np.ndarray, "n features"]) -> Float[np.ndarray, "n terms"]:
    scaled = np.log1p(features)
    return np.concatenate([scaled, scaled**2], axis=1)


def _some(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    if len(values) <= _MOST_OF_ONE:
        return values
    return values[generator.choice(len(values), _MOST_OF_ONE, replace=False)]
