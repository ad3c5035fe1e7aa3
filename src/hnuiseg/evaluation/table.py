"""One prediction against its truth, class by class, and the table of a cohort."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Shaped

from hnuiseg.errors import InputRefused
from hnuiseg.evaluation.lesions import LesionDetection, pooled
from hnuiseg.evaluation.masks import STATES, MaskComparison, State
from hnuiseg.evaluation.overlap import Overlap, dsc_agg
from hnuiseg.evaluation.undefined import without_nan
from hnuiseg.study import IGNORE
from hnuiseg.volume import Volume, covered, resample

# inference/ names the same classes; importing it would import torch.
CLASSES = (("GTVp", 1), ("GTVn", 2))
TOLERANCE_MM = 2.0  # the paper's, appendix A

Progress = Callable[[float, str], None]
Measure = Literal["dsc", "nsd", "nsd_by_area", "hd_mm", "hd95_mm"]
MEASURES: dict[Measure, str] = {
    "dsc": "DSC",
    "nsd": "NSD",
    "nsd_by_area": "NSD area",
    "hd_mm": "HD mm",
    "hd95_mm": "HD95 mm",
}
_VARIANTS = """\
DSC: equation 4. NSD: equations 5-6 at 2 mm, by surface voxels. NSD area: the same tolerance,
surface elements weighed by area, as surface-distance. HD: equation 7, mm between centres of
surface voxels. HD95: greater of the two directed 95th percentiles.
Lesions: 26-connected components; found/missed/invented by any overlap and by IoU > 0.30."""


@dataclass(frozen=True, slots=True)
class ClassEvaluation:
    """The measures of one class; `nan` where a measure has no meaning (DESIGN §5).

    Both masks empty: every measure is nan. One empty: DSC and NSD 0, distances nan.
    """

    name: str  # "GTVp" or "GTVn"
    state: State
    dsc: float
    nsd: float  # at 2 mm, by surface voxels
    nsd_by_area: float  # at 2 mm, by area of surface elements
    hd_mm: float
    hd95_mm: float
    prediction_ml: float
    truth_ml: float
    intersection_ml: float
    lesions_by_overlap: LesionDetection
    lesions_by_iou: LesionDetection


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A prediction against its truth.

    Voxels where the truth is 255 count as background in both, so volumes, surfaces and
    lesions end there on both sides alike; `ignored_ml` says how much that was.
    """

    classes: tuple[ClassEvaluation, ...]  # GTVp, GTVn
    ignored_ml: float
    diagonal_mm: float  # of the truth's image: what an undefined distance counts in rankings
    resampled: bool  # the prediction was brought onto the truth's grid
    notes: tuple[str, ...]  # what a reader of the numbers must know

    def to_json(self) -> dict[str, Any]:
        """Ready for `json.dumps`: nan is None, so that the text is JSON and not a dialect."""
        return {
            "tolerance_mm": TOLERANCE_MM,
            "classes": {
                c.name: without_nan({k: v for k, v in asdict(c).items() if k != "name"})
                for c in self.classes
            },
            "ignored_ml": self.ignored_ml,
            "diagonal_mm": self.diagonal_mm,
            "resampled": self.resampled,
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """A table for people, naming each variant."""
        rows = [["", "state", *MEASURES.values(), "pred. ml", "truth ml", "overlap", "IoU>0.30"]]
        for c in self.classes:
            values = [_shown(getattr(c, m), m) for m in MEASURES]
            counts = [_counts(c.lesions_by_overlap), _counts(c.lesions_by_iou)]
            volumes = [f"{c.prediction_ml:.2f}", f"{c.truth_ml:.2f}"]
            rows.append([c.name, c.state, *values, *volumes, *counts])
        return "\n".join([*_aligned(rows), "", _VARIANTS, *(f"Note: {n}." for n in self.notes)])


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over the patients in whom the measure is defined, and how many those are."""

    value: float  # nan where defined is 0
    defined: int
    patients: int


@dataclass(frozen=True, slots=True)
class CohortTable:
    """The evaluations of a cohort, one a patient, in the order they came."""

    evaluations: tuple[Evaluation, ...]

    def mean(self, name: str, measure: Measure) -> Mean:
        """The mean of a measure of one class ("GTVp", "GTVn") over its defined values."""
        values = [getattr(c, measure) for c in self._of(name)]
        defined = [v for v in values if not math.isnan(v)]
        value = math.fsum(defined) / len(defined) if defined else math.nan
        return Mean(value, len(defined), len(values))

    def dsc_agg(self, name: str) -> float:
        """DSCagg of one class: twice the summed intersections by the summed volumes."""
        return dsc_agg(
            Overlap(c.intersection_ml, c.prediction_ml, c.truth_ml) for c in self._of(name)
        )

    def states(self, name: str) -> dict[State, int]:
        """How many patients are in each state, for one class."""
        return {state: sum(c.state == state for c in self._of(name)) for state in STATES}

    def detection(self, name: str) -> tuple[LesionDetection, LesionDetection]:
        """Lesions of one class summed over patients: by any overlap, and by IoU > 0.30."""
        classes = self._of(name)
        return (
            pooled((c.lesions_by_overlap for c in classes), "any overlap"),
            pooled((c.lesions_by_iou for c in classes), "IoU > 0.30"),
        )

    def to_json(self) -> dict[str, Any]:
        """Ready for `json.dumps`: per class the means, and every patient's evaluation."""
        classes = {}
        for name, _ in CLASSES:
            by_overlap, by_iou = self.detection(name)
            classes[name] = without_nan(
                {
                    "means": {m: asdict(self.mean(name, m)) for m in MEASURES},
                    "dsc_agg": self.dsc_agg(name),
                    "states": self.states(name),
                    "lesions_by_overlap": {**asdict(by_overlap), "f1_agg": by_overlap.f1},
                    "lesions_by_iou": {**asdict(by_iou), "f1_agg": by_iou.f1},
                }
            )
        return {
            "tolerance_mm": TOLERANCE_MM,
            "classes": classes,
            "patients": [e.to_json() for e in self.evaluations],
        }

    def summary(self) -> str:
        """A table for people: each mean with the number of patients in whom it is defined."""
        rows = [["", *MEASURES.values(), "DSCagg", "F1agg overlap", "F1agg IoU>0.30"]]
        tails = []
        for name, _ in CLASSES:
            means = [(m, self.mean(name, m)) for m in MEASURES]
            values = [f"{_shown(mean.value, m)} ({mean.defined})" for m, mean in means]
            scores = [self.dsc_agg(name), *(d.f1 for d in self.detection(name))]
            rows.append([name, *values, *(_shown(s, "dsc") for s in scores)])
            counted = ", ".join(f"{n} {state}" for state, n in self.states(name).items())
            tails.append(f"{name} in {len(self.evaluations)} patients: {counted}.")
        meaning = "Means are over defined values; in brackets, how many."
        ignored = sum(e.ignored_ml > 0 for e in self.evaluations)
        moved = sum(e.resampled for e in self.evaluations)
        if ignored or moved:
            tails.append(f"Predictions resampled: {moved}. Truths with ignored voxels: {ignored}.")
        return "\n".join([*_aligned(rows), "", *tails, meaning, _VARIANTS])

    def _of(self, name: str) -> list[ClassEvaluation]:
        return [c for e in self.evaluations for c in e.classes if c.name == name]


def evaluate(
    prediction: Volume,
    truth: Volume,
    *,
    resample_prediction: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare two label maps: 0 background, 1 GTVp, 2 GTVn, and in the truth 255 to ignore.

    Both must lie on the same grid within 1e-3 mm. With `resample_prediction` the prediction is
    brought onto the truth's grid by nearest neighbour first, and the result says so.
    `progress` is called with how far the work is (0 to 1) and what is next.

    Raises InputRefused for other values, other grids, or two frames of reference.
    """
    _require_labels(prediction, "prediction", (0, 1, 2))
    _require_labels(truth, "truth", (0, 1, 2, IGNORE))
    tell = progress or (lambda fraction, what: None)
    notes: list[str] = []
    resampled = not prediction.grid.same_place(truth.grid)
    _require_one_place(prediction, truth, resampled and not resample_prediction)
    if resampled:
        moved = resample(prediction, truth.grid, order=0)
        notes = _resampling_notes(prediction, moved, truth)
        prediction = moved
    ignored = truth.array == IGNORE
    ignored_ml = int(np.count_nonzero(ignored)) * truth.grid.voxel_ml
    if ignored_ml:
        notes.append(f"{ignored_ml:.2f} ml that the truth marks 255 count as background in both")
    classes = []
    for done, (name, value) in enumerate(CLASSES):

        def step(within: float, what: str, done: int = done, name: str = name) -> None:
            tell((done + within) / len(CLASSES), f"{name}, {what}")

        predicted = (prediction.array == value) & ~ignored
        classes.append(_class(name, predicted, truth.array == value, truth, step))
    tell(1.0, "done")
    return Evaluation(tuple(classes), ignored_ml, truth.grid.diagonal_mm, resampled, tuple(notes))


def evaluate_many(
    pairs: Iterable[tuple[Volume, Volume]], *, resample_prediction: bool = False
) -> CohortTable:
    """Evaluate (prediction, truth) of each patient; images are let go one after the other.

    Raises as `evaluate` does, for the first pair that is refused.
    """
    return CohortTable(
        tuple(evaluate(p, t, resample_prediction=resample_prediction) for p, t in pairs)
    )


def _class(
    name: str,
    predicted: Bool[np.ndarray, "z y x"],
    true: Bool[np.ndarray, "z y x"],
    on: Volume,
    tell: Progress,
) -> ClassEvaluation:
    found = MaskComparison.of(predicted, true, on.grid, tell)
    return ClassEvaluation(
        name=name,
        state=found.state,
        dsc=found.dsc,
        nsd=found.distances.nsd(TOLERANCE_MM),
        nsd_by_area=found.distances.nsd_by_area(TOLERANCE_MM),
        hd_mm=found.distances.hausdorff(),
        hd95_mm=found.distances.hausdorff_95(),
        prediction_ml=found.overlap.prediction_ml,
        truth_ml=found.overlap.truth_ml,
        intersection_ml=found.overlap.intersection_ml,
        lesions_by_overlap=found.by_overlap,
        lesions_by_iou=found.by_iou,
    )


def _require_labels(volume: Volume, what: str, allowed: tuple[int, ...]) -> None:
    known = np.zeros(volume.array.shape, dtype=bool)
    for value in allowed:
        known |= volume.array == value
    if known.all():
        return
    others = np.unique(volume.array[~known])
    shown = ", ".join(str(v) for v in others[:4].tolist()) + (", …" if others.size > 4 else "")
    raise InputRefused(
        f"the {what} holds the values {shown}",
        f"a label map of {', '.join(map(str, allowed))} (0 background, 1 GTVp, 2 GTVn)",
        "give the label map, or rename its values first",
    )


def _require_one_place(prediction: Volume, truth: Volume, grids_differ: bool) -> None:
    frames = prediction.grid.frame_of_reference, truth.grid.frame_of_reference
    if all(frames) and frames[0] != frames[1]:
        raise InputRefused(
            "prediction and truth lie in different frames of reference",
            "the same Frame of Reference UID (0020,0052), or files that carry none",
            "register them first; their positions can't be compared as they are",
        )
    if grids_differ:
        raise InputRefused(
            f"the prediction lies on another grid ({_grid(prediction)}) than the truth "
            f"({_grid(truth)})",
            "the same shape, with corners within 0.001 mm",
            "compare on the grid that was segmented, or ask for nearest-neighbour resampling "
            "(resample_prediction=True, `hnuiseg evaluate --resample`)",
        )


def _grid(volume: Volume) -> str:
    def joined(values: Iterable[float]) -> str:
        return "×".join(f"{v:.4g}" for v in values)

    grid = volume.grid
    origin = ", ".join(f"{v:.1f}" for v in grid.origin)
    return f"{joined(grid.shape)} voxels of {joined(grid.spacing)} mm from ({origin})"


def _resampling_notes(own: Volume, moved: Volume, truth: Volume) -> list[str]:
    def ml(volume: Volume, value: int) -> float:
        return int(np.count_nonzero(volume.array == value)) * volume.grid.voxel_ml

    changes = ", ".join(
        f"{name} {ml(own, value):.2f} ml became {ml(moved, value):.2f} ml"
        for name, value in CLASSES
    )
    notes = [f"the prediction was resampled onto the truth's grid by nearest neighbour; {changes}"]
    unseen = _tumour(truth.array) & ~covered(own.grid, truth.grid)
    if unseen.any():
        lost = int(np.count_nonzero(unseen)) * truth.grid.voxel_ml
        notes.append(f"{lost:.2f} ml of the truth lie outside the prediction's image, as missed")
    return notes


def _tumour(labels: Shaped[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    return np.asarray((labels != 0) & (labels != IGNORE))


def _shown(value: float, measure: Measure) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if measure in ("hd_mm", "hd95_mm") else f"{value:.3f}"


def _counts(detection: LesionDetection) -> str:
    return f"{detection.found}/{detection.missed}/{detection.invented}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            # words to the left, numbers to the right
            cell.rjust(width) if any(c.isdigit() for c in rows[1][k]) else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
