"""Distances between the surfaces of two masks: the paper's equations 5 to 7.

Two definitions of a surface live side by side, and each measure says which it uses.

*Surface voxels* (the paper): mask voxels with a face neighbour outside the mask; beyond the
image's border is outside. Distances run between voxel centres, and every voxel counts once.

*Surface elements* (surface-distance, Nikolov et al. 2021, doi:10.2196/26151): at every voxel
corner whose eight voxels are mixed, the marching-cubes surface, weighed by its area in mm².
Distances run between such corners.
"""

import math
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from hnuiseg.errors import WrongCall
from hnuiseg.evaluation.overlap import require_one_shape
from hnuiseg.evaluation.surface_points import surface_elements, surface_voxels
from hnuiseg.volume import Triple

# NIfTI keeps spacing in float32: without this, a distance of exactly the tolerance would be
# within it for a DICOM study and beyond it for the same study as NIfTI.
_ROUNDING_MM = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceDistances:
    """Distances in mm from each mask's surface to the nearest point of the other's.

    Computed once, read by every measure. A mask without voxels has no surface: its own arrays
    are empty and the other's distances infinite.
    """

    prediction_mm: Float[np.ndarray, " n"]  # from surface voxels of the prediction
    truth_mm: Float[np.ndarray, " m"]  # from surface voxels of the truth
    prediction_element_mm: Float[np.ndarray, " p"]  # from surface elements of the prediction
    prediction_element_mm2: Float[np.ndarray, " p"]  # their areas
    truth_element_mm: Float[np.ndarray, " q"]
    truth_element_mm2: Float[np.ndarray, " q"]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    @classmethod
    def between(
        cls,
        prediction: Bool[np.ndarray, "z y x"],
        truth: Bool[np.ndarray, "z y x"],
        spacing: Triple,
    ) -> Self:
        """All distances between two masks on one grid; spacing (z, y, x) in mm.

        Distances are exact: a search tree over surface points, not a chamfer. Memory and time go
        with the masks' own voxels, neither with the image nor with how far apart they lie.
        WrongCall where shapes differ, a mask isn't boolean, or a spacing isn't a positive number.
        """
        require_one_shape(prediction, truth)
        if len(spacing) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing):
            raise WrongCall(
                f"a spacing of {tuple(spacing)} mm",
                "three positive numbers (z, y, x)",
                "pass the spacing of the masks' Grid",
            )
        predicted, true = surface_voxels(prediction), surface_voxels(truth)
        predicted_corners, predicted_mm2 = surface_elements(prediction, predicted, spacing)
        true_corners, true_mm2 = surface_elements(truth, true, spacing)
        mm = np.asarray(spacing, dtype=np.float64)
        return cls(
            _nearest(predicted * mm, true * mm),
            _nearest(true * mm, predicted * mm),
            _nearest(predicted_corners * mm, true_corners * mm),
            predicted_mm2,
            _nearest(true_corners * mm, predicted_corners * mm),
            true_mm2,
        )

    def nsd(self, tolerance_mm: float = 2.0) -> float:
        """NSD, equations 5 and 6: the share of surface voxels within the tolerance.

        Distances equal to the tolerance are within it, as are those that exceed it by less
        than 1e-6 mm. Both masks empty: nan. One empty: 0.
        """
        limit = _limit(tolerance_mm)
        total = self.prediction_mm.size + self.truth_mm.size
        near = np.count_nonzero(self.prediction_mm <= limit) + np.count_nonzero(
            self.truth_mm <= limit
        )
        return float(near) / total if total else math.nan

    def nsd_by_area(self, tolerance_mm: float = 2.0) -> float:
        """NSD with surface elements weighed by their area, as surface-distance computes it.

        The same rules for ties and empty masks as `nsd`.
        """
        limit = _limit(tolerance_mm)
        total = float(self.prediction_element_mm2.sum() + self.truth_element_mm2.sum())
        near = (
            self.prediction_element_mm2[self.prediction_element_mm <= limit].sum()
            + self.truth_element_mm2[self.truth_element_mm <= limit].sum()
        )
        return float(near) / total if total else math.nan

    def hausdorff(self) -> float:
        """HD in mm, equation 7: the greatest distance either way; nan where a mask is empty."""
        return self.hausdorff_percentile(100.0)

    def hausdorff_95(self) -> float:
        """HD95 in mm: the greater of the two directed 95th percentiles; nan where one is empty.

        Percentiles are over surface voxels, with linear interpolation, as in MONAI. It is
        neither the percentile of both directions pooled nor the one weighed by area.
        """
        return self.hausdorff_percentile(95.0)

    def hausdorff_percentile(self, percent: float) -> float:
        """The greater of the two directed percentiles (0 to 100) in mm; nan where one is empty."""
        if not (self.prediction_mm.size and self.truth_mm.size):
            return math.nan
        return float(max(np.percentile(mm, percent) for mm in (self.prediction_mm, self.truth_mm)))


def _limit(tolerance_mm: float) -> float:
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise WrongCall(
            f"a tolerance of {tolerance_mm} mm", "a number from 0 upwards", "the paper uses 2 mm"
        )
    return tolerance_mm + _ROUNDING_MM


def _nearest(
    points: Float[np.ndarray, "n 3"], others: Float[np.ndarray, "m 3"]
) -> Float[np.ndarray, " n"]:
    if not len(points) or not len(others):
        return np.full(len(points), np.inf)
    distances, _ = KDTree(others).query(points)
    return np.asarray(distances, dtype=np.float64)
