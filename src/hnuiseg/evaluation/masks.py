"""Two masks of one class on one grid: compared once, and every measure read from that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from jaxtyping import Bool

from hnuiseg.evaluation.lesions import LesionDetection, by_criterion, pairwise_iou
from hnuiseg.evaluation.overlap import Overlap, dsc_agg
from hnuiseg.evaluation.surface import SurfaceDistances
from hnuiseg.volume import Grid

State = Literal["both present", "correctly empty", "missed", "invented"]
STATES: tuple[State, ...] = ("both present", "correctly empty", "missed", "invented")
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class MaskComparison:
    """What every measure of a prediction and a truth is read from (DESIGN section 5)."""

    state: State
    overlap: Overlap
    distances: SurfaceDistances
    by_overlap: LesionDetection
    by_iou: LesionDetection

    @classmethod
    def of(
        cls,
        predicted: Bool[np.ndarray, "z y x"],
        true: Bool[np.ndarray, "z y x"],
        grid: Grid,
        progress: Callable[[float, str], None] | None = None,
    ) -> Self:
        """Compare two masks of shape `grid.shape`; what is ignored has been taken out of both.

        `progress` hears how far the work is (0 to 1) and what is next. WrongCall where shapes
        differ.
        """
        tell = progress or (lambda fraction, what: None)
        tell(0.0, "overlap")
        box = joint_box(predicted, true)  # nothing beyond it can change a measure
        predicted, true = predicted[box], true[box]
        overlap = Overlap.of(predicted, true, grid.voxel_ml)
        tell(0.1, "surfaces")
        distances = SurfaceDistances.between(predicted, true, grid.spacing)
        tell(0.9, "lesions")
        iou = pairwise_iou(predicted, true)
        return cls(
            _state(bool(predicted.any()), bool(true.any())),
            overlap,
            distances,
            by_criterion(iou, "any overlap"),
            by_criterion(iou, "IoU > 0.30"),
        )

    @property
    def dsc(self) -> float:
        """DSC; nan where both are empty."""
        return dsc_agg([self.overlap])


def joint_box(prediction: Bool[np.ndarray, "z y x"], truth: Bool[np.ndarray, "z y x"]) -> Box:
    """The smallest box (z, y, x) that holds both masks; without extent where both are empty."""
    either = prediction | truth
    sides = []
    for axis in range(3):
        hit = np.flatnonzero(either.any(axis=tuple(k for k in range(3) if k != axis)))
        sides.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
    return sides[0], sides[1], sides[2]


def _state(predicted: bool, true: bool) -> State:
    if predicted and true:
        return "both present"
    if predicted:
        return "invented"
    return "missed" if true else "correctly empty"
