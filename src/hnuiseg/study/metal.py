"""Metal on a CT: fillings and implants, whose streaks hide what lies in their slices."""

from dataclasses import dataclass

import numpy as np

from hnuiseg.volume import Reorientation, Volume

METAL_HU = 3000.0  # above enamel; 12 bits end at 3071, where most scanners clip metal
_SLICE_CM2 = 0.1
LARGE_ML = 1.0  # 30 of 178 planning CTs hold more (benchmarks/results/field.json)


@dataclass(frozen=True, slots=True)
class Metal:
    """How much metal, and over how much of the patient's length."""

    volume_ml: float
    length_mm: float  # of axial slices with at least 0.1 cm² of it


def metal(ct: Volume) -> Metal:
    """Metal of a CT in HU, whatever its stored orientation."""
    turn = Reorientation.of(ct.grid)
    dz, dy, dx = turn.grid(ct.grid).spacing
    voxels = np.count_nonzero(turn.array(ct.array) >= METAL_HU, axis=(1, 2))
    slices = int((voxels * dy * dx / 100.0 >= _SLICE_CM2).sum())
    return Metal(float(voxels.sum()) * ct.grid.voxel_ml, slices * dz)
