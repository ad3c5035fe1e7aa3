"""Checks that refuse an image, or warn: what every study passes before it becomes a `Case`."""

import math

import numpy as np
import pydicom
from jaxtyping import Bool

from hnuiseg.errors import InputRefused
from hnuiseg.study.age import ADULT_YEARS, age_years
from hnuiseg.study.agreement import agreement
from hnuiseg.study.case import Notice
from hnuiseg.study.field import Box, looks_like_head_and_neck
from hnuiseg.study.metal import LARGE_ML, metal
from hnuiseg.volume import Reorientation, Volume

_HU_AT_LEAST, _HU_AT_MOST = 100.0, -200.0  # any CT of a patient has bone and air
_HU_USUAL = (-3024.0, 3071.0)  # GE pads with -3024; 12 bits end at 3071
_SMALL_MM = (80.0, 150.0, 150.0)  # z, y, x of the standing image
_THICK_MM = 5.0
# PET/CT of 22 limbs and trunks: Dice 0.919 or more, 4.5 mm or less (benchmarks/results/field.json)
_SAME_BODY = 0.85  # Dice of the two outlines
_SAME_PLACE_MM = 12.0
_CHILD_KG = 35.0  # about the median at 11 years (CDC growth charts, 2000)


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
    found = metal(ct)
    if found.volume_ml >= LARGE_ML:
        text = (
            f"{found.volume_ml:.1f} ml of metal: its streaks may hide or feign tumour in "
            f"{found.length_mm:.0f} mm of slices."
        )
        notices.append(Notice("metal", text))
    small = _small(ct)
    if small is not None:
        notices.append(Notice("small-field", small))
    return tuple(notices)


def field_notices(ct: Volume, field: Box | None) -> tuple[Notice, ...]:
    """A warning where only a part of the CT is searched (`head_neck_field`)."""
    if field is None:
        return ()
    axis = Reorientation.of(ct.grid).axes[0]
    long, spacing = ct.grid.shape[axis], ct.grid.spacing[axis]
    part = field[axis].stop - field[axis].start
    text = (
        f"The CT is {long * spacing:.0f} mm long; only the {part * spacing:.0f} mm around head "
        "and neck were searched, and nothing beyond them is contoured."
    )
    return (Notice("whole-body", text),)


def age_notices(header: pydicom.Dataset) -> tuple[Notice, ...]:
    """A warning where the header tells of a child."""
    age = age_years(header)
    if age is None or age >= ADULT_YEARS:
        return ()
    text = f"The patient is {math.floor(age)} years old; the model has learned from adults only."
    return (Notice("paediatric", text),)


def weight_notices(weight_kg: float | None) -> tuple[Notice, ...]:
    """A warning where the weight behind the SUV is a child's."""
    if weight_kg is None or weight_kg >= _CHILD_KG:
        return ()
    text = (
        f"A weight of {weight_kg:g} kg is a child's, or wrong: the model has learned from adults "
        "only, and a wrong weight makes every SUV wrong."
    )
    return (Notice("paediatric", text),)


def agreement_notices(
    ct: Volume, on_ct: Volume, coverage: Bool[np.ndarray, "z y x"]
) -> tuple[Notice, ...]:
    """A warning where PET and CT show different bodies, or one body in two places."""
    found = agreement(ct, on_ct, coverage)
    if found is None or (found.dice >= _SAME_BODY and found.apart_mm <= _SAME_PLACE_MM):
        return ()
    text = (
        f"The bodies on PET and CT disagree: their outlines overlap by {100 * found.dice:.0f} % "
        f"(Dice), their centres lie {found.apart_mm:.0f} mm apart. Check the registration, and "
        "that both are of one patient."
    )
    return (Notice("pet-ct-disagree", text),)


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
