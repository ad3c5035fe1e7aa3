"""The patient's body on a CT, without the table."""

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.volume.orient import Reorientation
from hnuiseg.volume.volume import Volume

_TISSUE_HU = -300.0  # between lung and fat, as usual in body segmentation
_PART_OF_BODY_ML = 50.0  # far below a neck or a leg, above what a mask or tube leaves


def body_mask(ct: Volume) -> Bool[np.ndarray, "z y x"]:
    """Voxels of the largest thing denser than lung, with its air-filled holes.

    Thin things (table, mask, clothes) are opened away in axial planes with a square of 4 mm
    to each side before the largest component is taken; holes are what an axial plane
    encloses, however the image is stored. All False where nothing is dense, as in an empty
    scan.
    """
    turn = Reorientation.of(ct.grid)
    labels, count = ndimage.label(_thick_tissue(ct, turn))
    if count == 0:
        return np.zeros(ct.grid.shape, dtype=bool)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    return np.ascontiguousarray(turn.undo(holes_filled(labels == largest)))


def holes_filled(mask: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """The mask, with everything that it encloses within an axial plane (faces touching).

    The same as `scipy.ndimage.binary_fill_holes` of each plane, in one pass.
    """
    in_plane = ndimage.generate_binary_structure(3, 1)
    in_plane[0] = in_plane[2] = False
    labels, count = ndimage.label(~mask, structure=in_plane)
    outside = np.zeros(count + 1, dtype=bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[edge] = True
    outside[0] = False  # label 0 is the mask itself
    return ~outside[labels]


def body_box(ct: Volume, margin_mm: float) -> tuple[slice, slice, slice]:
    """The box (z, y, x; as stored) that holds every large piece of body, and a margin round it.

    Generous where `body_mask` chooses: both legs, two arms, and what is left of a table are
    inside. The whole image where no large piece is found.
    """
    turn = Reorientation.of(ct.grid)
    labels, count = ndimage.label(turn.undo(_thick_tissue(ct, turn)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * ct.grid.voxel_ml
    found = ndimage.find_objects(labels)
    large = [found[k] for k in np.flatnonzero(sizes >= _PART_OF_BODY_ML)]
    if not large:
        z, y, x = (slice(0, n) for n in ct.grid.shape)
        return z, y, x
    sides = []
    for axis, (n, spacing) in enumerate(zip(ct.grid.shape, ct.grid.spacing, strict=True)):
        margin = int(np.ceil(margin_mm / spacing))
        low = min(box[axis].start for box in large) - margin
        high = max(box[axis].stop for box in large) + margin
        sides.append(slice(max(0, low), min(n, high)))
    z, y, x = sides
    return z, y, x


def _thick_tissue(ct: Volume, turn: Reorientation) -> Bool[np.ndarray, "z y x"]:
    """Tissue in standing order, opened in axial planes by a square of 4 mm to each side."""
    _, dy, dx = turn.grid(ct.grid).spacing
    square = np.ones((1, *(2 * max(0, round(4.0 / s)) + 1 for s in (dy, dx))), dtype=bool)
    return ndimage.binary_opening(turn.array(ct.array) > _TISSUE_HU, structure=square)
