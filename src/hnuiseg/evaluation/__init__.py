"""How well a prediction matches a truth: overlap, surfaces, lesions, doubt; and of a cohort."""

from hnuiseg.evaluation.calibration import (
    Reliability,
    Voxels,
    ece_of,
    error_band,
    fit_temperature,
    reliability,
    reliability_sums,
    tempered,
)
from hnuiseg.evaluation.lesions import LesionDetection, detect, pairwise_iou, pooled
from hnuiseg.evaluation.masks import STATES, MaskComparison, joint_box
from hnuiseg.evaluation.overlap import Overlap, dice, dsc_agg
from hnuiseg.evaluation.risk_coverage import aurc, least_aurc, risk_coverage
from hnuiseg.evaluation.statistics import (
    Interval,
    bootstrap,
    bootstrap_difference,
    by_patient,
    defined,
    holm,
    ratio,
    wilcoxon,
)
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
from hnuiseg.evaluation.undefined import or_nan, without_nan
from hnuiseg.evaluation.unsaid import judged_truth

__all__ = [
    "STATES",
    "ClassEvaluation",
    "CohortTable",
    "Evaluation",
    "Interval",
    "LesionDetection",
    "MaskComparison",
    "Mean",
    "Overlap",
    "Reliability",
    "SurfaceDistances",
    "Voxels",
    "aurc",
    "bootstrap",
    "bootstrap_difference",
    "by_patient",
    "defined",
    "detect",
    "dice",
    "dsc_agg",
    "ece_of",
    "error_band",
    "evaluate",
    "evaluate_many",
    "fit_temperature",
    "holm",
    "joint_box",
    "judged_truth",
    "least_aurc",
    "or_nan",
    "pairwise_iou",
    "pooled",
    "ratio",
    "reliability",
    "reliability_sums",
    "risk_coverage",
    "surface_voxels",
    "tempered",
    "wilcoxon",
    "without_nan",
]
