"""From what a user points at to a `Case`: choosing series, gates and warnings."""

from hnuiseg.study.case import Case, Notice, PetImage, Provenance

__all__ = ["Case", "Notice", "PetImage", "Provenance"]
