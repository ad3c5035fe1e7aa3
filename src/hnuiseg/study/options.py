"""What a user states about a study, beyond what its files say."""

import math
from dataclasses import dataclass
from typing import Literal

from hnuiseg.errors import WrongCall


@dataclass(frozen=True, slots=True)
class Stated:
    """Statements of the user; each that is used is recorded as stated, never as found."""

    weight_kg: float | None = None  # --weight-kg
    ct_only: bool = False  # --ct-only
    pet_units: Literal["suv", "bqml"] | None = None  # --pet-units; a NIfTI carries no unit

    def __post_init__(self) -> None:
        weight = self.weight_kg
        if weight is not None and not (math.isfinite(weight) and 20.0 <= weight <= 400.0):
            raise WrongCall(
                f"--weight-kg {weight:g}",
                "a weight from 20 to 400 kg",
                "give the patient's weight at the scan, in kg",
            )
        if self.pet_units not in (None, "suv", "bqml"):
            raise WrongCall(f"--pet-units {self.pet_units}", "suv or bqml", "name one of the two")
