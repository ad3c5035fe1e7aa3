"""Phantoms as a cohort to train on."""

from functools import partial

from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, ListedCase
from hnuiseg.cohorts.phantom.case import phantom_case
from hnuiseg.cohorts.phantom.patient import phantom
from hnuiseg.volume import Triple


def phantoms(seed: int, patients: int, *, spacing: Triple | None = None) -> Cohort:
    """So many patients of cohort `seed`, each with a PET; `spacing` as drawn where not given."""
    cases = tuple(
        ListedCase(
            f"{seed}-{index}",
            f"{seed}-{index}",
            "",
            (),
            partial(_made, seed, index, spacing),
            f"phantom {seed}",
        )
        for index in range(patients)
    )
    licence = "none needed (generated)"
    return Cohort("phantom", licence, True, ("GTVp", "GTVn"), cases)


def _made(seed: int, index: int, spacing: Triple | None) -> AnnotatedCase:
    made = phantom(seed, index, spacing=spacing)
    return AnnotatedCase(phantom_case(made), made.truth)
