"""The patient's body on a CT, without the table."""

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.volume.orient import Reorientation
from hnuiseg.volume.volume import Volume

_TISSUE_HU = -300.0  # between lung and fat, as usual in body segmentation


def body_mask(ct: Volume) -> Bool[np.ndarray, "z y x"]:
    """Voxels of the largest thing denser than lung, with its air-filled holes.

    Thin things (table, mask, clothes) are opened away in axial planes with a square of 4 mm
    to each side before the largest component is taken; holes are what an axial plane
    encloses, however the image is stored. All False where nothing is dense, as in an empty
    scan.
    """
    turn = Reorientation.of(ct.grid)
    dense = turn.array(ct.array) > _TISSUE_HU
    _, dy, dx = turn.grid(ct.grid).spacing
    square = np.ones((1, *(2 * max(0, round(4.0 / s)) + 1 for s in (dy, dx))), dtype=bool)
    labels, count = ndimage.label(ndimage.binary_opening(dense, structure=square))
    if count == 0:
        return np.zeros(ct.grid.shape, dtype=bool)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    mask = labels == largest
    for plane in mask:
        plane[:] = ndimage.binary_fill_holes(plane)
    return np.ascontiguousarray(turn.undo(mask))
