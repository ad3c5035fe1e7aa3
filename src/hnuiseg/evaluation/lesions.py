"""Whether lesions were found, whatever their outline: 26-connected components of one class."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from hnuiseg.evaluation.overlap import require_one_shape
from hnuiseg.volume import components

Criterion = Literal["any overlap", "IoU > 0.30"]


@dataclass(frozen=True, slots=True)
class LesionDetection:
    """How many lesions of one class were found, missed and invented, by a named criterion."""

    found: int  # lesions of the truth that some predicted lesion matches
    missed: int  # lesions of the truth that none matches
    invented: int  # predicted lesions that match none of the truth
    criterion: Criterion

    @property
    def f1(self) -> float:
        """2 found / (2 found + missed + invented); nan where there was nothing to find."""
        total = 2 * self.found + self.missed + self.invented
        return 2 * self.found / total if total else math.nan


def detect(
    prediction: Bool[np.ndarray, "z y x"],
    truth: Bool[np.ndarray, "z y x"],
    criterion: Criterion,
) -> LesionDetection:
    """Compare the lesions of two masks of one class on one grid.

    By any overlap a lesion matches another when they share a voxel: one large blob finds all
    it touches. By IoU > 0.30 (HECKTOR 2025) the two outlines must agree, which touching nodes,
    drawn apart by nobody, can fail: read both. Lesions of any size count, also under 0.1 ml.
    """
    return by_criterion(pairwise_iou(prediction, truth), criterion)


def by_criterion(
    iou: Float[np.ndarray, "truths predictions"], criterion: Criterion
) -> LesionDetection:
    """The counts that a table of `pairwise_iou` gives by one criterion."""
    matches = iou > (0.0 if criterion == "any overlap" else 0.30)
    found = int(np.count_nonzero(matches.any(axis=1)))
    used = int(np.count_nonzero(matches.any(axis=0)))
    return LesionDetection(found, matches.shape[0] - found, matches.shape[1] - used, criterion)


def pairwise_iou(
    prediction: Bool[np.ndarray, "z y x"], truth: Bool[np.ndarray, "z y x"]
) -> Float[np.ndarray, "truths predictions"]:
    """Shared by joint voxels of each lesion of the truth (rows) and of the prediction (columns).

    Both are numbered by falling volume.
    """
    require_one_shape(prediction, truth)
    true, true_count = components(truth)
    predicted, predicted_count = components(prediction)
    both = prediction & truth
    # the product may pass int32 where noise makes many lesions
    pairs = (true[both].astype(np.int64) - 1) * predicted_count + (predicted[both] - 1)
    shared = np.bincount(pairs, minlength=true_count * predicted_count)
    shared = shared.reshape(true_count, predicted_count)
    true_sizes = np.bincount(true[truth], minlength=true_count + 1)[1:]
    predicted_sizes = np.bincount(predicted[prediction], minlength=predicted_count + 1)[1:]
    joint = true_sizes[:, None] + predicted_sizes[None, :] - shared
    return np.asarray(shared / joint, dtype=np.float64)


def pooled(detections: Iterable[LesionDetection], criterion: Criterion) -> LesionDetection:
    """The sums over a cohort; its `f1` is HECKTOR's F1agg."""
    chosen = [d for d in detections if d.criterion == criterion]
    return LesionDetection(
        sum(d.found for d in chosen),
        sum(d.missed for d in chosen),
        sum(d.invented for d in chosen),
        criterion,
    )
