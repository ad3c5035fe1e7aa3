"""A map of real values as a DICOM Parametric Map of float32."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from pydicom.dataset import Dataset

from hnuiseg.dicom.derived import Made, common_arguments, finish, frames, identity, sources
from hnuiseg.dicom.reference import DicomReference
from hnuiseg.dicom.tumour_codes import TUMOUR_CODES, Code
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid

_SERIES = 904  # viewers list it after the scanner's


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the values of a map are."""

    label: str  # LUT Label (0040,9210), at most 16 characters
    explanation: str  # LUT Explanation (0028,3003), at most 64
    quantity: Code
    unit: Code  # UCUM
    lowest: float
    highest: float


# UCUM knows no nat: a pure number, annotated. No standard scheme codes this entropy.
ENTROPY = Quantity(
    "ENTROPY",
    "Entropy over background, GTVp and GTVn; -1 is not sampled",
    Code("ENTROPY", "99HNUISEG", "Predictive entropy"),
    Code("{nat}", "UCUM", "nat"),
    0.0,
    float(np.log(3.0)),
)
NOT_SAMPLED = -1.0  # Float Pixel Padding Value (0028,0122): no entropy is below 0


def parametric_map(
    values: Float[np.ndarray, "z y x"],
    quantity: Quantity,
    grid: Grid,
    reference: DicomReference,
    made: Made,
) -> Dataset:
    """A map of `values`, bit for bit, on the slices of `reference`; -1 where they are NaN.

    Every slice gets a frame. Content Qualification is RESEARCH. The same arguments give the
    same bytes. Raises OutputFailed for infinite values, or if values, grid and slices don't
    fit. Source: DICOM PS3.3 A.75, C.8.32, C.7.6.24, C.7.6.16.2.11.
    """
    if values.shape != grid.shape:
        raise OutputFailed(
            f"a map of {values.shape} on a grid of {grid.shape}",
            "a map on the grid of the referenced series",
            "bring it onto the original CT first",
        )
    stored = np.where(np.isnan(values), np.float32(NOT_SAMPLED), values).astype(np.float32)
    if not np.isfinite(stored).all():
        raise OutputFailed("a map with infinite values", "finite values or NaN", "correct it")
    base = identity("parametric map", reference, made, (repr(quantity).encode(), stored.tobytes()))
    middle, width = (quantity.lowest + quantity.highest) / 2, quantity.highest - quantity.lowest
    from highdicom.content import VOILUTTransformation
    from highdicom.pm import ParametricMap, RealWorldValueMapping
    from highdicom.sr import CodedConcept

    mapping = RealWorldValueMapping(
        lut_label=quantity.label,
        lut_explanation=quantity.explanation,
        unit=CodedConcept(*quantity.unit),
        value_range=(quantity.lowest, quantity.highest),
        slope=1.0,
        intercept=0.0,
        quantity_definition=CodedConcept(*quantity.quantity),
    )
    arguments: dict[str, Any] = {
        **common_arguments(base, made, _SERIES, quantity.label),
        **frames(grid, reference, range(grid.shape[0])),
    }
    dataset = ParametricMap(
        sources(grid, reference),
        stored,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[VOILUTTransformation(middle, width)],
        **arguments,
    )
    dataset.FloatPixelPaddingValue = dataset.FloatPixelPaddingRangeLimit = NOT_SAMPLED
    _in_order(dataset, stored, grid)
    dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [_anatomy()]
    finish(dataset, reference, made, base)
    return dataset


def _in_order(dataset: Dataset, stored: Float[np.ndarray, "z y x"], grid: Grid) -> None:
    """Frames by their place along their normal.

    Any order is allowed and highdicom takes the opposite, but dcmqi 1.5.7 takes a map's frames
    for ascending without looking: it would turn the patient upside down.
    """
    placed = []
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        position = np.array([frame.PlanePositionSequence[0].ImagePositionPatient], dtype=float)
        placed.append((round(float(grid.to_index(position)[0, 0])), frame))
    along = float(np.linalg.det(grid.steps[::-1]))  # rows, columns and slices right-handed: > 0
    placed.sort(key=lambda item: item[0] if along > 0 else -item[0])
    for number, (_, frame) in enumerate(placed, start=1):
        frame.FrameContentSequence[0].DimensionIndexValues = number
    dataset.PerFrameFunctionalGroupsSequence = [frame for _, frame in placed]
    dataset.FloatPixelData = stored[[plane for plane, _ in placed]].tobytes()


def _anatomy() -> Dataset:
    """Frame Anatomy (0020,9071): head and neck, not one of a pair. dcmqi can't do without."""
    region = Dataset()
    code = TUMOUR_CODES["GTVp"].region
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = code
    anatomy = Dataset()
    anatomy.AnatomicRegionSequence = [region]
    anatomy.FrameLaterality = "U"
    return anatomy
