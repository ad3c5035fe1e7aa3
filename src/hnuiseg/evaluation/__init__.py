"""How well a prediction matches a truth: overlap, surfaces, lesions."""

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
    "SurfaceDistances",
    "detect",
    "dice",
    "dsc_agg",
    "evaluate",
    "evaluate_many",
    "pairwise_iou",
    "pooled",
    "surface_voxels",
]
