"""Checks that refuse an image, or warn: what every study passes before it becomes a `Case`."""

import math

import numpy as np
from jaxtyping import Bool

from hnuiseg.errors import InputRefused
from hnuiseg.study.case import Notice
from hnuiseg.study.field import looks_like_head_and_neck
from hnuiseg.volume import Reorientation, Volume

_HU_AT_LEAST, _HU_AT_MOST = 100.0, -200.0  # any CT of a patient has bone and air
_HU_USUAL = (-3024.0, 3071.0)  # GE pads with -3024; 12 bits end at 3071
_SMALL_MM = (80.0, 150.0, 150.0)  # z, y, x of the standing image
_THICK_MM = 5.0


def refuse_without_hu(ct: Volume) -> None:
    """Refuse a CT whose values can't be HU: without anything like air, or like soft bone."""
    low, high = float(ct.array.min()), float(ct.array.max())
    if high < _HU_AT_LEAST or low > _HU_AT_MOST:
        raise InputRefused(
            f"the CT's values run from {low:g} to {high:g}: not a CT in HU",
            f"a lowest value below {_HU_AT_MOST:g} and a highest above {_HU_AT_LEAST:g} HU",
            "give the CT in Hounsfield units",
        )


def ct_notices(ct: Volume) -> tuple[Notice, ...]:
    """Warnings about the CT alone: field, values, slice thickness, size."""
    notices = []
    if not looks_like_head_and_neck(ct):
        text = "The CT doesn't look like a head and neck; the model knows nothing else."
        notices.append(Notice("not-head-neck", text))
    low, high = float(ct.array.min()), float(ct.array.max())
    if low < _HU_USUAL[0] or high > _HU_USUAL[1]:
        text = (
            f"CT values run from {low:.0f} to {high:.0f} HU, beyond the usual "
            f"{_HU_USUAL[0]:.0f} to {_HU_USUAL[1]:.0f}: metal, or a wrong scale."
        )
        notices.append(Notice("ct-extreme", text))
    thickest = max(ct.grid.spacing)
    if thickest > _THICK_MM:
        text = f"Slices are {thickest:.2f} mm apart; small nodes may be missed beyond 5 mm."
        notices.append(Notice("thick-slices", text))
    small = _small(ct)
    if small is not None:
        notices.append(Notice("small-field", small))
    return tuple(notices)


def coverage_notices(coverage: Bool[np.ndarray, "z y x"]) -> tuple[Notice, ...]:
    """A warning where the PET covers only a part of the CT; refused where it covers none."""
    share = float(coverage.mean())
    if share == 0.0:
        raise InputRefused(
            "the PET covers no part of the CT",
            "a PET and a CT of the same region",
            "choose matching series, or segment from the CT alone with --ct-only",
        )
    if share == 1.0:
        return ()
    per_cent = math.floor(share * 1000) / 10  # never rounded up to 100
    text = f"The PET covers {per_cent:.1f} % of the CT; elsewhere only the CT was used."
    return (Notice("pet-coverage", text),)


def ct_alone_notice() -> Notice:
    """What a user must know where no PET was used."""
    return Notice("ct-only", "No PET is used: the result rests on the CT alone.")


def _small(ct: Volume) -> str | None:
    upright = Reorientation.of(ct.grid).grid(ct.grid)
    extent = [n * s for n, s in zip(upright.shape, upright.spacing, strict=True)]
    if all(has >= least for has, least in zip(extent, _SMALL_MM, strict=True)):
        return None
    deep, back, wide = extent
    return (
        f"The CT's field is small ({wide:.0f} x {back:.0f} mm, {deep:.0f} mm from head to feet); "
        "a lesion at its edge may be cut."
    )
