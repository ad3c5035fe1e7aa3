"""What a user states about a study, beyond what its files say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hnuiseg.dicom import check_stated_weight
from hnuiseg.errors import WrongCall


@dataclass(frozen=True, slots=True)
class Stated:
    """Statements of the user; each that is used is recorded as stated, never as found."""

    weight_kg: float | None = None  # --weight-kg
    ct_only: bool = False  # --ct-only
    pet_units: Literal["suv", "bqml"] | None = None  # --pet-units; a NIfTI carries no unit
    registration: Path | None = None  # --registration; DICOM, or an ITK transform
    accept_sex_mean: bool = False  # --accept-sex-mean

    def __post_init__(self) -> None:
        check_stated_weight(self.weight_kg)
        if self.pet_units not in (None, "suv", "bqml"):
            raise WrongCall(f"--pet-units {self.pet_units}", "suv or bqml", "name one of the two")
