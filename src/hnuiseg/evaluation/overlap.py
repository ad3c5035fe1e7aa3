"""Overlap of two masks: the paper's equation 4, and its form over a cohort."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool

from hnuiseg.errors import WrongCall


@dataclass(frozen=True, slots=True)
class Overlap:
    """Volumes of two masks and of what they share; ml, or voxels where `voxel_ml` was 1."""

    intersection_ml: float
    prediction_ml: float
    truth_ml: float

    @classmethod
    def of(
        cls,
        prediction: Bool[np.ndarray, "z y x"],
        truth: Bool[np.ndarray, "z y x"],
        voxel_ml: float = 1.0,
    ) -> Self:
        """The overlap of two masks on one grid; WrongCall where their shapes differ."""
        require_one_shape(prediction, truth)
        shared, predicted, true = (
            int(np.count_nonzero(mask)) for mask in (prediction & truth, prediction, truth)
        )
        return cls(shared * voxel_ml, predicted * voxel_ml, true * voxel_ml)


def dice(prediction: Bool[np.ndarray, "z y x"], truth: Bool[np.ndarray, "z y x"]) -> float:
    """DSC, equation 4: twice the shared voxels by the sum of both masks.

    Both masks empty: nan, there is nothing to agree on. One empty: 0.
    """
    return dsc_agg([Overlap.of(prediction, truth)])


def dsc_agg(overlaps: Iterable[Overlap]) -> float:
    """DSCagg of one class over a cohort: twice the summed intersections by the summed volumes.

    Volumes are in ml, so that patients with other voxel sizes weigh by tissue. Nothing but
    three sums is kept. Where every mask is empty, nan.

    Source: Andrearczyk et al., HECKTOR 2022 (LNCS 13626), who count voxels.
    """
    shared = volumes = 0.0
    for overlap in overlaps:
        shared += overlap.intersection_ml
        volumes += overlap.prediction_ml + overlap.truth_ml
    return 2.0 * shared / volumes if volumes > 0 else math.nan


def require_one_shape(prediction: Bool[np.ndarray, "..."], truth: Bool[np.ndarray, "..."]) -> None:
    """WrongCall where two masks can't lie on one grid."""
    if prediction.shape != truth.shape:
        raise WrongCall(
            f"a prediction of shape {prediction.shape} and a truth of shape {truth.shape}",
            "masks on the same grid (z, y, x)",
            "use evaluate(..., resample_prediction=True), which knows the grids",
        )
    if prediction.dtype != np.bool_ or truth.dtype != np.bool_:
        raise WrongCall(
            f"masks of type {prediction.dtype} and {truth.dtype}",
            "boolean masks of one class",
            "compare the label map with the class's value first",
        )
