"""The patient's body on a CT, without the table."""

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.volume.volume import Volume

_TISSUE_HU = -300.0  # between lung and fat, as usual in body segmentation


def body_mask(ct: Volume) -> Bool[np.ndarray, "z y x"]:
    """Voxels of the largest thing denser than lung, with its air-filled holes.

    Thin things (table, mask, clothes) are opened away with a 4 mm element before the
    largest component is taken. All False where nothing is dense, as in an empty scan.
    """
    dense = ct.array > _TISSUE_HU
    radius = [max(0, round(4.0 / s)) for s in ct.grid.spacing]
    size = tuple(2 * r + 1 for r in radius)
    opened = ndimage.binary_opening(dense, structure=np.ones((1, size[1], size[2]), dtype=bool))
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros(ct.grid.shape, dtype=bool)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    mask = labels == largest
    for z in range(mask.shape[0]):
        mask[z] = ndimage.binary_fill_holes(mask[z])
    return mask
