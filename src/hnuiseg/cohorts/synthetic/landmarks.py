"""Where airway, spine and the borders of the neck's levels lie on a real CT."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.errors import InputRefused
from hnuiseg.volume import Volume, body_mask

_AIR_HU = -450.0
_CORD_TO_FRONT_MM = 26.0  # canal and vertebral body
_LARYNX_MM = 42.0  # hyoid to the lower border of the cricoid
_CORRIDOR_MM = (24.0, 48.0)  # half-width of the throat, and its depth in front of the spine
REGIONS = (
    "Brainstem",
    "SpinalCord",
    "RightParotid",
    "LeftParotid",
    "Esophagus",
    "Larynx",
    "Mandible",
)

Mask = Bool[np.ndarray, "z y x"]


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """In mm along the CT's axes: x to the left, y to the back, z to the head."""

    body: Mask
    airway: Mask  # of the throat: pharynx, larynx, upper trachea
    midline: Float[np.ndarray, " z"]  # x in each slice
    spine: Float[np.ndarray, " z"]  # y of the front of the spine in each slice
    heights: Mapping[str, float]  # z of hyoid, cricoid, base (of the skull)


def landmarks(ct: Volume, organs: Mapping[str, Mask]) -> Landmarks:
    """From the CT (axial, HU) and the organs that were contoured (any of `REGIONS`).

    Where organs aren't contoured, from the outline of neck and body. InputRefused where no body or
    no airway is seen.
    """
    dz, dy, dx = ct.grid.spacing
    body = body_mask(ct)
    cord = organs.get("SpinalCord")
    along, off = (body, 0.0) if cord is None or not cord.any() else (cord, _CORD_TO_FRONT_MM)
    slices = np.flatnonzero(along.any(axis=(1, 2)))
    if not len(slices):
        raise InputRefused("no body is seen", "a CT of a head and neck", "leave this patient out")
    centres = np.array([np.argwhere(along[k]).mean(axis=0) for k in slices])
    every = np.arange(len(body))
    # the front of the spine lies at about the middle of the neck
    spine = np.interp(every, slices, _smooth(centres[:, 0])) * dy - off
    midline = np.interp(every, slices, _smooth(centres[:, 1])) * dx
    heights = _heights(organs, body, dz)
    z = every * dz
    y = np.arange(body.shape[1]) * dy
    x = np.arange(body.shape[2]) * dx
    wide, deep = _CORRIDOR_MM
    aside = np.abs(x[None, None, :] - midline[:, None, None]) < wide
    ahead = spine[:, None, None] - y[None, :, None]
    high = (z > heights["cricoid"] - 40.0) & (z < heights["base"] + 20.0)
    throat = aside & (ahead > -3.0) & (ahead < deep) & high[:, None, None]
    airway = (ct.array < _AIR_HU) & body & throat
    if not airway.any():
        raise InputRefused("no airway is seen", "a CT of the throat", "leave this patient out")
    return Landmarks(body, airway, midline, spine, heights)


def _heights(organs: Mapping[str, Mask], body: Mask, dz: float) -> dict[str, float]:
    def ends(name: str) -> tuple[float, float] | None:
        mask = organs.get(name)
        if mask is None or not mask.any():
            return None
        found = np.flatnonzero(mask.any(axis=(1, 2)))
        return float(found[0] * dz), float(found[-1] * dz)

    larynx, jaw, brainstem = ends("Larynx"), ends("Mandible"), ends("Brainstem")
    parotids = [found for found in (ends("RightParotid"), ends("LeftParotid")) if found]
    if larynx is not None and larynx[1] - larynx[0] > 25.0:
        hyoid, cricoid = larynx[1] - 4.0, larynx[0]
    else:
        if jaw is not None:
            hyoid = jaw[0] - 6.0
        elif parotids:
            hyoid = min(low for low, _ in parotids) - 14.0
        elif brainstem is not None:
            hyoid = brainstem[0] - 78.0
        else:
            hyoid = _narrowest(body) * dz + _LARYNX_MM / 2
        cricoid = hyoid - _LARYNX_MM
    base = hyoid + 78.0 if brainstem is None else brainstem[0]
    base = min(max(base, hyoid + 55.0), hyoid + 110.0)
    return {"hyoid": hyoid, "cricoid": cricoid, "base": base}


def _narrowest(body: Mask) -> int:
    """The slice of least area above the widest one: the neck, at the larynx."""
    area = ndimage.gaussian_filter1d(body.sum(axis=(1, 2)).astype(float), 2.0)
    inside = np.flatnonzero(area > 0.1 * area.max())
    first = int(area.argmax())
    half = first + max(1, (int(inside[-1]) - first) * 2 // 3)  # above lies the crown, narrow too
    return first + int(area[first:half].argmin())


def _smooth(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    smooth: Float[np.ndarray, " n"] = ndimage.gaussian_filter1d(values, 2.0, mode="nearest")
    return smooth
