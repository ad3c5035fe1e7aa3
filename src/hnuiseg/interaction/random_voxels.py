"""Random voxels of a mask as large as a volume."""

import numpy as np
from jaxtyping import Bool

from hnuiseg.interaction.clicks import Index


def random_voxels(
    mask: Bool[np.ndarray, "z y x"], count: int, generator: np.random.Generator
) -> tuple[Index, ...]:
    """So many voxels of the mask, each drawn from all of them; none where the mask is empty.

    A list of all voxels would be eight times the size of the mask: only a slice is listed.
    """
    until = np.cumsum(np.count_nonzero(mask, axis=(1, 2)))  # voxels up to and with each slice
    if until[-1] == 0:
        return ()
    drawn = []
    for rank in generator.integers(until[-1], size=count):
        z = int(np.searchsorted(until, rank, side="right"))
        places = np.flatnonzero(mask[z])
        y, x = np.unravel_index(places[int(rank) - int(until[z])], mask.shape[1:])
        drawn.append((z, int(y), int(x)))
    return tuple(drawn)
