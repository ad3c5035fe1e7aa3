"""Distances between the surfaces of two masks: the paper's equations 5 to 7.

Two definitions of a surface live side by side, and each measure says which it uses.

*Surface voxels* (the paper): mask voxels with a face neighbour outside the mask; beyond the
image's border is outside. Distances run between voxel centres, and every voxel counts once.

*Surface elements* (surface-distance, Nikolov et al. 2021, doi:10.2196/26151): at every voxel
corner whose eight voxels are mixed, the marching-cubes surface, weighed by its area in mm².
Distances run between such corners.
"""

import itertools
import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Self

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from hnuiseg.errors import WrongCall
from hnuiseg.evaluation.overlap import require_one_shape
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

        Distances are exact: a search tree over surface points, not a chamfer. Memory goes with
        the masks' joint box and their surfaces, not with the image. WrongCall where shapes
        differ, a mask isn't boolean, or a spacing isn't a positive number.
        """
        require_one_shape(prediction, truth)
        if len(spacing) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing):
            raise WrongCall(
                f"a spacing of {tuple(spacing)} mm",
                "three positive numbers (z, y, x)",
                "pass the spacing of the masks' Grid",
            )
        box = joint_box(prediction, truth)
        # one voxel of outside on every face, so that a border needs no rule of its own
        inner_prediction, inner_truth = np.pad(prediction[box], 1), np.pad(truth[box], 1)
        prediction_voxels = _positions(surface_voxels(inner_prediction), spacing)
        truth_voxels = _positions(surface_voxels(inner_truth), spacing)
        prediction_elements, prediction_mm2 = _elements(inner_prediction, spacing)
        truth_elements, truth_mm2 = _elements(inner_truth, spacing)
        return cls(
            _nearest(prediction_voxels, truth_voxels),
            _nearest(truth_voxels, prediction_voxels),
            _nearest(prediction_elements, truth_elements),
            prediction_mm2,
            _nearest(truth_elements, prediction_elements),
            truth_mm2,
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


def surface_voxels(mask: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Mask voxels with a face neighbour outside the mask; beyond the border is outside."""
    padded = np.pad(mask, 1)
    core = (slice(1, -1),) * 3
    inside = padded[core].copy()
    for axis in range(3):
        for step in (slice(None, -2), slice(2, None)):
            shifted = list(core)
            shifted[axis] = step
            inside &= padded[tuple(shifted)]
    return mask & ~inside


def joint_box(
    prediction: Bool[np.ndarray, "z y x"], truth: Bool[np.ndarray, "z y x"]
) -> tuple[slice, slice, slice]:
    """The smallest box (z, y, x) that holds both masks; without extent where both are empty."""
    either = prediction | truth
    sides = []
    for axis in range(3):
        hit = np.flatnonzero(either.any(axis=tuple(k for k in range(3) if k != axis)))
        sides.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
    return sides[0], sides[1], sides[2]


def _limit(tolerance_mm: float) -> float:
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise WrongCall(
            f"a tolerance of {tolerance_mm} mm", "a number from 0 upwards", "the paper uses 2 mm"
        )
    return tolerance_mm + _ROUNDING_MM


def _positions(points: Bool[np.ndarray, "z y x"], spacing: Triple) -> Float[np.ndarray, "n 3"]:
    return np.argwhere(points) * np.asarray(spacing, dtype=np.float64)


def _nearest(
    points: Float[np.ndarray, "n 3"], others: Float[np.ndarray, "m 3"]
) -> Float[np.ndarray, " n"]:
    if not len(points) or not len(others):
        return np.full(len(points), np.inf)
    distances, _ = KDTree(others).query(points)
    return np.asarray(distances, dtype=np.float64)


def _elements(
    mask: Bool[np.ndarray, "z y x"], spacing: Triple
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Positions (mm) and areas (mm²) of the surface elements of a mask with an empty rim."""
    codes = np.zeros(tuple(n - 1 for n in mask.shape), dtype=np.uint8)
    for bit, corner in enumerate(itertools.product((0, 1), repeat=3)):
        shifted = tuple(slice(c, c + n) for c, n in zip(corner, codes.shape, strict=True))
        codes |= mask[shifted].astype(np.uint8) << bit
    mixed = (codes != 0) & (codes != 255)
    return _positions(mixed, spacing), _areas(spacing)[codes[mixed]]


# What marching cubes with vertices on edge midpoints puts into a cube of eight voxels, for the
# 13 ways to fill it that remain when cubes that are mirrored, turned or complementary count as
# one: the filled corners (zyx), then each triangle's normal in eighths, its length the area.
# The triangles are those of surface-distance (Apache-2.0): where a polygon isn't flat, another
# cut into triangles would have another area.
_SHAPES: tuple[tuple[str, tuple[tuple[int, int, int], ...]], ...] = (
    ("111", ((1, 1, 1),)),
    ("110 111", ((2, 2, 0), (2, 2, 0))),
    ("101 110", ((1, 1, 1), (1, 1, 1))),
    ("011 100", ((1, 1, 1), (1, 1, 1))),
    ("101 110 111", ((1, 1, 1), (2, 2, 2), (4, 0, 0))),
    ("011 101 110", ((1, 1, 1), (1, 1, 1), (1, 1, 1))),
    ("011 100 111", ((0, 2, 2), (0, 2, 2), (1, 1, 1))),
    ("100 101 110 111", ((4, 0, 0), (4, 0, 0))),
    ("010 011 100 101", ((2, 2, 0), (2, 2, 0), (2, 2, 0), (2, 2, 0))),
    ("011 101 110 111", ((1, 1, 1), (1, 1, 1), (2, 2, 2), (2, 2, 2))),
    ("001 010 100 111", ((1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1))),
    ("011 100 101 110", ((1, 1, 1), (1, 1, 1), (2, 2, 2), (4, 0, 0))),
    ("011 100 110 111", ((0, 2, 2), (1, 1, 1), (2, 0, 2), (3, 3, 3))),
)


@cache
def _normals() -> Float[np.ndarray, "256 4 3"]:
    """Normals (z, y, x) of the triangles of every code on unit voxels, without their signs."""
    normals = np.zeros((256, 4, 3))
    for shape, triangles in _SHAPES:
        corners = [tuple(int(c) for c in corner) for corner in shape.split()]
        for axes in itertools.permutations(range(3)):
            for flips in itertools.product((0, 1), repeat=3):
                code = 0
                for corner in corners:
                    z, y, x = (corner[axes[k]] ^ flips[k] for k in range(3))
                    code |= 1 << (4 * z + 2 * y + x)
                turned = np.asarray(triangles, dtype=float)[:, axes] / 8.0
                normals[[code, 255 - code], : len(turned)] = turned
    normals.flags.writeable = False
    return normals


def _areas(spacing: Triple) -> Float[np.ndarray, "256"]:
    z, y, x = spacing
    faces = np.array([y * x, z * x, z * y])  # mm² of a voxel's face across each axis
    return np.asarray(np.linalg.norm(_normals() * faces, axis=2).sum(axis=1))
