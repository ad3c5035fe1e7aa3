"""Does a CT plausibly hold a head and neck, and where in a long scan does it lie?

A head or neck, cut across, is narrow, lies whole within the image, has bone and, somewhere,
an airway or sinus: air enclosed by tissue. A thigh has no such air; a chest is wide, or cut
at the image's edge, and holds far more.

The limits were set on 89 head-and-neck planning CTs, of which one with 12 mm of narrow slices
fails, and on two chests and 23 limbs and trunks, none of which passes. All of 89 further planning
CTs pass (`benchmarks/field.py`, results/field.json).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.study.case import Case
from hnuiseg.volume import Reorientation, Volume, standing, thinned

Box = tuple[slice, slice, slice]  # z, y, x as stored

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

_LONG_MM = 500.0  # planning CTs of head and neck are shorter; only a longer scan is cut
_GAP_MM = 100.0  # streaks, arms or a wide jaw interrupt one by less (96 mm in field.json)
_ABOVE_MM = 60.0  # the crown is too small to count as a head
_BELOW_MM = 150.0  # from the last narrow slice; planning targets reach 135 mm (field.json)


@dataclass(frozen=True, slots=True, eq=False)
class AxialSlices:
    """What each axial slice that was looked at resembles, from the feet to the head."""

    like: Bool[np.ndarray, " n"]  # narrow, whole and bony
    airway: Bool[np.ndarray, " n"]  # and encloses air
    every: int  # slices of the standing CT from one to the next
    apart_mm: float

    def holds(self, where: slice = slice(None)) -> bool:
        """Whether the slices hold enough of a head and neck."""
        narrow = float(self.like[where].sum()) * self.apart_mm
        return narrow >= _NARROW_MM and self.airway[where].sum() * self.apart_mm >= _AIRWAY_MM


def looks_like_head_and_neck(ct: Volume) -> bool:
    """Whether enough axial slices look like a head or neck, whatever the stored orientation."""
    return axial_slices(ct).holds()


def head_neck_field(ct: Volume) -> Box | None:
    """The part of a long scan that holds head and neck, as a box of the stored array.

    None where all is to be searched: the scan is no longer than one of head and neck, no head
    and neck is found in it, or nearly all of it belongs to one. Of several stretches of
    slices that resemble one, the highest is taken: feet are narrow too.
    """
    turn = Reorientation.of(ct.grid)
    upright = turn.grid(ct.grid)
    count, spacing = upright.shape[0], upright.spacing[0]
    if count * spacing <= _LONG_MM:
        return None
    slices = axial_slices(ct)
    stretch = next((s for s in _stretches(slices) if slices.holds(s)), None)
    if stretch is None:
        return None
    low = max(0, round(stretch.start * slices.every - _BELOW_MM / spacing))
    high = min(count, round(stretch.stop * slices.every + _ABOVE_MM / spacing))
    if (count - (high - low)) * spacing < 50.0:
        return None
    sides = [slice(0, n) for n in ct.grid.shape]
    sides[turn.axes[0]] = slice(count - high, count - low) if turn.flips[0] else slice(low, high)
    return sides[0], sides[1], sides[2]


def searched(case: Case) -> Case:
    """What the network shall look at: the case with air outside its field, on the same grid.

    Outputs keep the CT's grid (law 1); outside the field there is no body, so nothing is
    sampled there and nothing contoured.
    """
    if case.field is None:
        return case
    ct = np.full_like(case.ct.array, -1000)
    ct[case.field] = case.ct.array[case.field]
    pet = case.pet
    if pet is not None:
        on_ct, coverage = np.zeros_like(pet.on_ct.array), np.zeros_like(pet.coverage)
        on_ct[case.field] = pet.on_ct.array[case.field]
        coverage[case.field] = pet.coverage[case.field]
        pet = replace(pet, on_ct=replace(pet.on_ct, array=on_ct), coverage=coverage)
    return replace(case, ct=replace(case.ct, array=ct), pet=pet)


def axial_slices(ct: Volume) -> AxialSlices:
    """The axial slices of a CT every 4 mm, whatever its stored orientation."""
    seen, every = thinned(standing(ct), _LOOK_MM)
    spacing = seen.grid.spacing
    found = [_like_head_or_neck(hu, spacing[1], spacing[2]) for hu in seen.array]
    like, air = (np.array(flags, dtype=bool) for flags in zip(*found, strict=True))
    return AxialSlices(like, like & air, every[0], spacing[0])


def _stretches(slices: AxialSlices) -> list[slice]:
    """Stretches of slices like a head or neck, over small gaps; the highest first."""
    index = np.flatnonzero(slices.like)
    if not index.size:
        return []
    parts = np.split(index, np.flatnonzero(np.diff(index) * slices.apart_mm > _GAP_MM) + 1)
    return [slice(int(p[0]), int(p[-1]) + 1) for p in reversed(parts)]


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
