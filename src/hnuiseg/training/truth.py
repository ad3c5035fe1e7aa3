"""Truth on a network's working grid."""

import numpy as np
from jaxtyping import UInt8

from hnuiseg.study import IGNORE
from hnuiseg.volume import Grid, Volume, resample, standing

_VALUES = (1, 2, IGNORE)  # the later has the say


def truth_on(truth: Volume, working: Grid) -> UInt8[np.ndarray, "z y x"]:
    """Labels on the working grid: the class that fills most of a voxel, by linear weights."""
    upright = standing(truth)
    if upright.grid == working:
        return np.array(upright.array, dtype=np.uint8)
    labels = np.zeros(working.shape, dtype=np.uint8)
    for value in _VALUES:
        mask = upright.array == value
        if mask.any():
            share = resample(Volume(mask.astype(np.float32), upright.grid, "1"), working)
            labels[share.array > 0.5] = value
    return labels
