"""Can the values of a PET be SUVbw? A unit that is claimed is compared with the values.

SUVbw averages 1 g/ml over a body, by its definition. Of 22 real PET of limbs and trunk in SUVbw
the median over tissue lies between 0.42 and 0.85 and the highest value between 3.4 and 30
(tests/study/test_suv_claim.py); the same in Bq/ml are 1,500 to 4,800 times as much (factors of
2.1e-4 to 6.6e-4 g/ml per Bq/ml in 51 patients whose PET had been given out in Bq/ml by mistake).
Between kBq/ml and SUV there are factors of 1.5 to 4.8 only: no figure tells them apart for certain.
"""

import enum
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from hnuiseg.dicom import SuvFactor
from hnuiseg.errors import InputRefused
from hnuiseg.study.case import Notice
from hnuiseg.volume import Volume

_CLAIMS = ("SUV", "GML", "CM2ML")  # units of SuvFactor where no activity is converted
_TISSUE_HU = -300.0
_BODY_USUAL = (0.1, 3.0)
_BODY_POSSIBLE = (0.01, 20.0)
_TOP_USUAL = 100.0  # a full bladder reaches it
_TOP_POSSIBLE = 1000.0  # asked only where no tissue is known
_HIGHEST_USUAL = 2.0  # in every head and neck something takes up more: brain, tonsils, glands
_HIGHEST_POSSIBLE = 0.2


class Scale(enum.Enum):
    """What the values of a PET look like."""

    SUV = "SUV"
    HIGH = "too high for SUV"  # kBq/ml, a wrong factor, or something very hot
    LOW = "too low for SUV"
    ACTIVITY = "activity"  # Bq/ml
    NOTHING = "next to nothing"  # no unit that is in use


@dataclass(frozen=True, slots=True)
class PetFigures:
    """Three figures of a PET, in the unit that it claims."""

    highest: float
    top: float  # 99.9th percentile over the whole PET
    body: float  # median over tissue that the PET covers; nan where it covers none

    @property
    def scale(self) -> Scale:
        """What they look like."""
        high = self.top > _TOP_POSSIBLE if math.isnan(self.body) else self.body > _BODY_POSSIBLE[1]
        if high:
            return Scale.ACTIVITY
        if self.highest < _HIGHEST_POSSIBLE or self.body < _BODY_POSSIBLE[0]:
            return Scale.NOTHING
        if self.top > _TOP_USUAL or self.body > _BODY_USUAL[1]:
            return Scale.HIGH
        if self.highest < _HIGHEST_USUAL or self.body < _BODY_USUAL[0]:
            return Scale.LOW
        return Scale.SUV

    def __str__(self) -> str:
        """As it stands in messages."""
        body = "unknown" if math.isnan(self.body) else f"{self.body:.4g}"
        return f"highest {self.highest:.4g}, 99.9 % below {self.top:.4g}, median of tissue {body}"


def pet_figures(
    native: Volume, on_ct: Volume, coverage: Bool[np.ndarray, "z y x"], ct: Volume
) -> PetFigures:
    """The figures of a PET on its own grid (z y x), with tissue as the CT (HU) shows it.

    `on_ct` is the PET on the CT's grid and `coverage` the CT voxels that it reaches.
    """
    # every voxel: a sample of them would be another one in another storage order (law 1)
    tissue = coverage & (ct.array > _TISSUE_HU)
    return PetFigures(
        float(native.array.max()),
        float(np.percentile(native.array, 99.9)),
        float(np.median(on_ct.array[tissue])) if tissue.any() else math.nan,
    )


def scale_notices(figures: PetFigures, suv: SuvFactor) -> tuple[Notice, ...]:
    """A warning, `pet-scale`, where the values can hardly be SUVbw (g/ml). Nothing is converted.

    InputRefused where a PET calls itself SUV, by Units (0054,1001) GML or CM2ML or by the
    user's `--pet-units suv`, and its values can't be that.
    """
    scale = figures.scale
    if scale is Scale.SUV:
        return ()
    if suv.units in _CLAIMS and scale in (Scale.ACTIVITY, Scale.NOTHING):
        like = "are those of Bq/ml" if scale is Scale.ACTIVITY else "are far too low for it"
        raise InputRefused(
            f"the PET is said to be in SUV ({suv.branch}), but its values {like} ({figures})",
            "a PET in SUVbw, whose average over a body is about 1 g/ml",
            "give the DICOM series in Bq/ml with dose, weight and times, convert the PET with "
            "these, or segment from the CT alone with --ct-only",
        )
    if scale in (Scale.ACTIVITY, Scale.HIGH):
        text = f"The PET's values look like Bq/ml or are scaled too high for SUV ({figures} g/ml)"
    else:
        text = f"The PET's values are too low for SUV ({figures} g/ml)"
    check = "its unit" if suv.units in _CLAIMS else "dose, weight and times"
    return (Notice("pet-scale", f"{text}; check {check}."),)
