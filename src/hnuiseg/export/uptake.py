"""High uptake beyond what was searched: listed, never contoured.

Physiological uptake (heart, kidneys, bladder, …) is among it; nothing here says what it is.
"""

from dataclasses import dataclass

import numpy as np

from hnuiseg.study import Case, Outline
from hnuiseg.volume import Grid, Triple, components, covered

HIGH_SUV = 4.0  # g/ml, the fixed threshold of MTV
LEAST_ML = 1.0


@dataclass(frozen=True, slots=True)
class Uptake:
    """One 26-connected piece of the PET at SUV 4.0 or more outside the searched field."""

    suv_max: float  # g/ml
    volume_ml: float  # at SUV 4.0 or more
    centroid_mm: Triple  # x, y, z; LPS
    location: str


def searched_grid(case: Case) -> Grid:
    """The grid of what the network looked at: the CT, or the field within it."""
    if case.field is None:
        return case.ct.grid
    a, b, c = (s.start for s in case.field)
    i, j, k = (s.stop - s.start for s in case.field)
    return case.ct.grid.cropped((a, b, c), (i, j, k))


def uptake_outside(case: Case) -> tuple[Uptake, ...]:
    """Pieces of at least 1 ml, by falling SUVmax; measured on the PET's own grid."""
    if case.pet is None:
        return ()
    pet = case.pet.native
    hot = pet.array >= HIGH_SUV
    if not hot.any():
        return ()
    hot &= ~covered(searched_grid(case), pet.grid)
    labels, count = components(hot)
    outline = None
    found = []
    for number in range(1, count + 1):
        index = np.argwhere(labels == number)
        volume = len(index) * pet.grid.voxel_ml
        if volume < LEAST_ML:
            break  # components come by falling volume
        outline = outline or Outline.of(case.ct)
        x, y, z = (float(v) for v in pet.grid.to_world(index.mean(axis=0, keepdims=True))[0])
        highest = float(pet.array[tuple(index.T)].max())
        found.append(Uptake(highest, volume, (x, y, z), _where(case, outline, (x, y, z))))
    return tuple(sorted(found, key=lambda u: -u.suv_max))


def _where(case: Case, outline: Outline, place: Triple) -> str:
    index = np.floor(case.ct.grid.to_index(np.asarray([place])) + 0.5).astype(np.int64)
    if ((index < 0) | (index >= case.ct.grid.shape)).any():
        return "outside the CT"
    return outline.words(index)
