"""What a user states about a study, beyond what its files say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hnuiseg.dicom import check_stated_weight
from hnuiseg.errors import WrongCall

_SUV_PER_BQML = (1e-6, 0.1)  # 20 kg with 20 GBq, 400 kg with 4 MBq


@dataclass(frozen=True, slots=True)
class Stated:
    """Statements of the user; each that is used is recorded as stated, never as found."""

    weight_kg: float | None = None  # --weight-kg
    ct_only: bool = False  # --ct-only
    pet_units: Literal["suv", "bqml"] | None = None  # --pet-units; a NIfTI carries no unit
    registration: Path | None = None  # --registration; DICOM, or an ITK transform
    accept_sex_mean: bool = False  # --accept-sex-mean
    suv_per_bqml: float | None = None  # of a PET file in Bq/ml: g/ml per Bq/ml, for cohorts

    def __post_init__(self) -> None:
        check_stated_weight(self.weight_kg)
        if self.pet_units not in (None, "suv", "bqml"):
            raise WrongCall(f"--pet-units {self.pet_units}", "suv or bqml", "name one of the two")
        factor = self.suv_per_bqml
        if factor is not None and not _SUV_PER_BQML[0] <= factor <= _SUV_PER_BQML[1]:
            raise WrongCall(
                f"a factor of {factor:g} g/ml per Bq/ml",
                f"{_SUV_PER_BQML[0]:g} to {_SUV_PER_BQML[1]:g}, as weight and dose make it",
                "check its unit: weight in g by the dose in Bq at the scan",
            )
