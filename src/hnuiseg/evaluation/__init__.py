"""How well a prediction matches a truth: overlap, surfaces, lesions."""

from hnuiseg.evaluation.calibration import (
    Reliability,
    Voxels,
    error_band,
    fit_temperature,
    reliability,
    tempered,
)
from hnuiseg.evaluation.lesions import LesionDetection, detect, pairwise_iou, pooled
from hnuiseg.evaluation.overlap import Overlap, dice, dsc_agg
from hnuiseg.evaluation.surface import SurfaceDistances
from hnuiseg.evaluation.surface_points import surface_voxels
from hnuiseg.evaluation.table import (
    ClassEvaluation,
    CohortTable,
    Evaluation,
    Mean,
    evaluate,
    evaluate_many,
)

__all__ = [
    "ClassEvaluation",
    "CohortTable",
    "Evaluation",
    "LesionDetection",
    "Mean",
    "Overlap",
    "Reliability",
    "SurfaceDistances",
    "Voxels",
    "detect",
    "dice",
    "dsc_agg",
    "error_band",
    "evaluate",
    "evaluate_many",
    "fit_temperature",
    "pairwise_iou",
    "pooled",
    "reliability",
    "surface_voxels",
    "tempered",
]
