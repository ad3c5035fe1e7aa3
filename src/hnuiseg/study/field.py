"""Does a CT plausibly hold a head and neck?

A head or neck, cut across, is narrow, lies whole within the image, has bone and, somewhere,
an airway or sinus: air enclosed by tissue. A thigh has no such air; a chest is wide, or cut
at the image's edge, and holds far more. Set on 89 head-and-neck planning CTs (one of them,
with 12 mm of narrow slices, fails), two chests and 23 limbs and trunks (none passes).
"""

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.volume import Volume, standing

_LOOK_MM = 4.0  # coarse enough to be quick, fine enough for a trachea of 15 mm
_TISSUE_HU = -300.0
_AIR_HU = -400.0
_BONE_HU = 250.0
_AREA_CM2 = (80.0, 340.0)
_WIDEST_MM = 240.0
_BONE_CM2 = 3.0
_AIR_CM2 = (0.4, 40.0)
_NARROW_MM = 20.0  # of slices like a head or neck, in all
_AIRWAY_MM = 9.0  # of those with enclosed air, in all


def looks_like_head_and_neck(ct: Volume) -> bool:
    """Whether enough axial slices look like a head or neck, whatever the stored orientation."""
    upright = standing(ct)
    every = [max(1, math.floor(_LOOK_MM / s)) for s in upright.grid.spacing]
    seen = upright.array[:: every[0], :: every[1], :: every[2]]
    spacing = [s * n for s, n in zip(upright.grid.spacing, every, strict=True)]
    narrow = airway = 0
    for hu in seen:
        like, air = _like_head_or_neck(hu, spacing[1], spacing[2])
        narrow += like
        airway += like and air
    return narrow * spacing[0] >= _NARROW_MM and airway * spacing[0] >= _AIRWAY_MM


def _like_head_or_neck(hu: Float[np.ndarray, "y x"], dy: float, dx: float) -> tuple[bool, bool]:
    """Whether one axial slice is narrow, whole and bony, and whether it encloses air."""
    body = _largest(ndimage.binary_opening(hu > _TISSUE_HU, structure=np.ones((3, 3), dtype=bool)))
    rows, columns = np.nonzero(body)
    if rows.size == 0:
        return False, False
    cm2 = dy * dx / 100.0
    body = ndimage.binary_fill_holes(body)
    area = float(body.sum()) * cm2
    wide = float(max(np.ptp(columns) * dx, np.ptp(rows) * dy))
    bone = float((body & (hu > _BONE_HU)).sum()) * cm2
    edge = float(np.concatenate([body[0], body[-1], body[:, 0], body[:, -1]]).mean())
    like = (
        _AREA_CM2[0] <= area <= _AREA_CM2[1]
        and wide <= _WIDEST_MM
        and bone >= _BONE_CM2
        and edge <= 0.15  # headrests and hair touch the edge; a cropped trunk fills it
    )
    air = float((body & (hu < _AIR_HU)).sum()) * cm2
    return like, _AIR_CM2[0] <= air <= _AIR_CM2[1]


def _largest(mask: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    largest: Bool[np.ndarray, "y x"] = labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1
    return largest
