"""Do PET and CT show the same body in the same place?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.volume import Volume, body_mask, holes_filled, standing, thinned

_LOOK_MM = 4.0
_SHARE_OF_TISSUE = 0.25  # between the fat of a body and the air around it, whatever the tracer
_LEAST_AIR = 0.03  # of the covered voxels; a PET without any shows no outline


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two outlines compared where the PET covers the CT."""

    dice: float
    apart_mm: float  # between their centres, within axial planes


def agreement(ct: Volume, on_ct: Volume, coverage: Bool[np.ndarray, "z y x"]) -> Agreement | None:
    """The body on the CT against the body on the PET; None where one of them has no outline.

    Both are looked at every 4 mm. The PET's body is what has a quarter of the median uptake
    of the CT's tissue, without specks and holes.
    """
    hu, _ = thinned(standing(ct), _LOOK_MM)
    suv = thinned(standing(on_ct), _LOOK_MM)[0].array
    covered = Volume(coverage.view(np.uint8), ct.grid, "label")
    seen = thinned(standing(covered), _LOOK_MM)[0].array.astype(bool)
    body = body_mask(hu) & seen
    if not body.any():
        return None
    hot = (suv > _SHARE_OF_TISSUE * float(np.median(suv[body]))) & seen
    if not hot.any() or hot.sum() > (1.0 - _LEAST_AIR) * seen.sum():
        return None
    theirs = _whole(hot)
    both = 2.0 * float((body & theirs).sum()) / float(body.sum() + theirs.sum())
    gap = (_centre(theirs) - _centre(body)) * hu.grid.spacing
    return Agreement(both, float(np.hypot(gap[1], gap[2])))


def _whole(hot: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """The largest piece, its holes filled in axial planes: cold air ways and ventricles."""
    labels, count = ndimage.label(ndimage.binary_opening(hot))
    if count == 0:
        return hot
    return holes_filled(labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1)


def _centre(mask: Bool[np.ndarray, "z y x"]) -> Float[np.ndarray, "3"]:
    return np.argwhere(mask).mean(axis=0)
