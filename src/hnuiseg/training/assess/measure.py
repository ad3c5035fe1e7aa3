"""The measures of one answer on the CT's grid, as JSON that adds up over patients.

Voxels whose truth is 255 are in no measure, nor in overlap, surfaces and lesions the rims of
predicted lesions that lie in it (`judged_truth`). What was predicted there is reported apart, Dice
once more with these rims as inventions, and the Hausdorff distance with 255 as background.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from hnuiseg.evaluation import (
    LesionDetection,
    MaskComparison,
    SurfaceDistances,
    Voxels,
    aurc,
    dice,
    error_band,
    joint_box,
    judged_truth,
    least_aurc,
    reliability_sums,
    tempered,
    without_nan,
)
from hnuiseg.inference import CLASSES, likeliest
from hnuiseg.study import IGNORE
from hnuiseg.volume import Triple, Volume, components

TOLERANCES_MM = (2.0, 5.0)
VALUES = tuple((name, value) for value, name in enumerate(CLASSES) if value)


def class_measures(labels: UInt8[np.ndarray, "z y x"], truth: Volume) -> dict[str, Any]:
    """By class: overlap, surfaces and lesions of labels 0, 1, 2; null where undefined."""
    said, judged = (t != IGNORE for t in (truth.array, judged_truth(labels, truth.array)))
    return {
        name: without_nan(_measures(labels == value, truth.array == value, said, judged, truth))
        for name, value in VALUES
    }


def _measures(
    predicted: Bool[np.ndarray, "z y x"],
    true: Bool[np.ndarray, "z y x"],
    said: Bool[np.ndarray, "z y x"],
    judged: Bool[np.ndarray, "z y x"],
    on: Volume,
) -> dict[str, Any]:
    found = MaskComparison.of(predicted & judged, true, on.grid)
    box = joint_box(predicted, true)
    predicted, true, said, judged = predicted[box], true[box], said[box], judged[box]
    unsaid = int(np.count_nonzero(predicted & ~said))
    hausdorff = hausdorff_with = found.distances.hausdorff()
    if unsaid:
        hausdorff_with = SurfaceDistances.between(predicted, true, on.grid.spacing).hausdorff()
    near, nearer = (found.distances.nsd(mm) for mm in reversed(TOLERANCES_MM))
    return {
        "state": found.state,
        "dsc": found.dsc,
        "dsc_with_rims": dice(predicted & said, true),
        "nsd_2mm": nearer,
        "nsd_5mm": near,
        "hd_mm": hausdorff,
        "hd95_mm": found.distances.hausdorff_95(),
        "hd_with_255_mm": hausdorff_with,
        "prediction_ml": found.overlap.prediction_ml,
        "truth_ml": found.overlap.truth_ml,
        "intersection_ml": found.overlap.intersection_ml,
        "lesions_by_overlap": _counts(found.by_overlap),
        "lesions_by_iou": _counts(found.by_iou),
        "in_255_ml": unsaid * on.grid.voxel_ml,
        "lesions_in_255": _all_unsaid(predicted, judged) if unsaid else 0,
    }


def _all_unsaid(predicted: Bool[np.ndarray, "z y x"], judged: Bool[np.ndarray, "z y x"]) -> int:
    """Predicted lesions that are judged nowhere."""
    numbered, count = components(predicted)
    return count - len(np.unique(numbered[predicted & judged]))


def _counts(detection: LesionDetection) -> dict[str, int]:
    return {
        "found": detection.found,
        "missed": detection.missed,
        "invented": detection.invented,
    }


def calibration_sums(
    members: Float[np.ndarray, "3 z y x"], truth: Volume, temperature: float | None
) -> dict[str, Any]:
    """By class, within 15 mm of it: `reliability_sums` as they are and calibrated.

    The latter is null where the model has no temperature. The band is that of the members' own
    labels and the truth.
    """
    labels = likeliest(members)
    found: dict[str, Any] = {}
    for name, value in VALUES:
        band = error_band(labels, truth.array, truth.grid.spacing, value)
        near = Voxels(members[:, band].T, truth.array[band])
        found[name] = {
            "as they are": reliability_sums(near, value).tolist(),
            "calibrated": None
            if temperature is None
            else reliability_sums(
                Voxels(tempered(near.probabilities, temperature), near.truth), value
            ).tolist(),
        }
    return found


def ranking(
    labels: UInt8[np.ndarray, "z y x"],
    members: Float[np.ndarray, "3 z y x"],
    one_pass: Float[np.ndarray, "3 z y x"],
    truth: Volume,
) -> dict[str, Any]:
    """AURC of two entropies over the same errors: the members' mean's, and one pass'.

    Errors are voxels whose label isn't the truth's, within 15 mm of either class in `labels` or
    truth. `perfect` is the least area that these errors allow; null without such voxels.
    """
    spacing: Triple = truth.grid.spacing
    band = error_band(labels, truth.array, spacing)
    wrong = labels[band] != truth.array[band]
    return without_nan(
        {
            "voxels": len(wrong),
            "errors": int(wrong.sum()),
            "members": aurc(_entropy(members[:, band]), wrong),
            "one pass": aurc(_entropy(one_pass[:, band]), wrong),
            "perfect": least_aurc(int(wrong.sum()), len(wrong)),
        }
    )


def _entropy(probabilities: Float[np.ndarray, "3 n"]) -> Float[np.ndarray, " n"]:
    """In nats, in double precision: equal surenesses of float32 would tie."""
    from scipy.special import entr

    return entr(probabilities.astype(np.float64)).sum(axis=0)
