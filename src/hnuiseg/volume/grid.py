"""Where voxels lie in the patient.

Arrays are C-ordered (z, y, x); world positions are LPS millimetres (x, y, z) as in
DICOM. Only this file converts between the two.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """Plain tuples, so that grids compare and hash."""

    shape: tuple[int, int, int]  # z, y, x; voxels
    spacing: Triple  # z, y, x; mm between voxel centres
    origin: Triple  # x, y, z; mm, LPS, centre of voxel (0, 0, 0)
    direction: tuple[Triple, Triple, Triple]  # LPS unit vector of a step in z, y, x
    frame_of_reference: str  # DICOM (0020,0052); empty where the format carries none

    @classmethod
    def axial(
        cls,
        shape: tuple[int, int, int],
        spacing: Triple,
        origin: Triple = (0.0, 0.0, 0.0),
        frame_of_reference: str = "",
    ) -> Self:
        """A grid whose steps run to the head (z), to the back (y) and to the left (x)."""
        steps = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
        return cls(shape, spacing, origin, steps, frame_of_reference)

    @classmethod
    def from_steps(
        cls,
        shape: tuple[int, int, int],
        steps: Float[np.ndarray, "3 3"],
        origin: Float[np.ndarray, "3"],
        frame_of_reference: str = "",
    ) -> Self:
        """A grid from the LPS vectors (mm) of one step in z, y and x."""
        spacing = np.linalg.norm(steps, axis=1)
        direction = steps / spacing[:, None]
        return cls(
            shape,
            _triple(spacing),
            _triple(origin),
            (_triple(direction[0]), _triple(direction[1]), _triple(direction[2])),
            frame_of_reference,
        )

    @property
    def steps(self) -> Float[np.ndarray, "3 3"]:
        """LPS vectors in mm of one step in z, y and x, one a row."""
        return np.asarray(self.direction) * np.asarray(self.spacing)[:, None]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in ml."""
        return float(abs(np.linalg.det(self.steps))) / 1000.0

    @property
    def diagonal_mm(self) -> float:
        """Diagonal of the whole image in mm, between outer voxel faces."""
        return float(np.linalg.norm(np.asarray(self.shape) @ self.steps))

    def to_world(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """LPS positions (x, y, z) in mm of voxel indices; indices may be fractional."""
        return np.asarray(self.origin) + np.asarray(zyx) @ self.steps

    def to_index(self, xyz_mm: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Fractional voxel indices (z, y, x) of LPS positions in mm."""
        return (np.asarray(xyz_mm) - np.asarray(self.origin)) @ np.linalg.inv(self.steps)

    def index_map(self, other: "Grid") -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
        """Matrix and offset with `index in other = matrix @ index here + offset`."""
        inverse = np.linalg.inv(other.steps)
        offset = (np.asarray(self.origin) - np.asarray(other.origin)) @ inverse
        return (self.steps @ inverse).T, offset

    def same_place(self, other: "Grid", tolerance_mm: float = 1e-3) -> bool:
        """Whether both have the same shape and every corner within the tolerance."""
        if self.shape != other.shape:
            return False
        n = np.asarray(self.shape) - 1
        corners = np.array(np.meshgrid(*[(0, k) for k in n], indexing="ij")).reshape(3, -1).T
        gap = self.to_world(corners) - other.to_world(corners)
        return bool(np.abs(gap).max() <= tolerance_mm)

    def resized(self, spacing: Triple) -> Self:
        """The same field of view at another spacing; outer faces stay within half a voxel."""
        old, new = np.asarray(self.spacing), np.asarray(spacing)
        shape = np.maximum(1, np.round(np.asarray(self.shape) * old / new)).astype(int)
        corner = np.asarray(self.origin) - 0.5 * self.steps.sum(axis=0)
        extent = np.asarray(self.shape) * old - shape * new  # keeps the centre of the field
        steps = np.asarray(self.direction) * new[:, None]
        first = (extent / 2) @ np.asarray(self.direction) + corner + 0.5 * steps.sum(axis=0)
        return replace(
            self,
            shape=(int(shape[0]), int(shape[1]), int(shape[2])),
            spacing=spacing,
            origin=_triple(first),
        )

    def cropped(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> Self:
        """The grid of a box that begins at `start` (z, y, x; may be negative for padding)."""
        origin = self.to_world(np.asarray([start], dtype=float))[0]
        return replace(self, shape=shape, origin=_triple(origin))


def _triple(values: Float[np.ndarray, "3"]) -> Triple:
    a, b, c = (float(v) for v in values)
    return a, b, c
