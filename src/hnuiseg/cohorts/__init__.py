"""Where training and test cases come from: readers of cohorts, and the phantom."""

from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, LeftOut, ListedCase
from hnuiseg.cohorts.phantom import Phantom, Variant, phantom, phantom_case
from hnuiseg.cohorts.phantom.write import write_phantom_patient

__all__ = [
    "AnnotatedCase",
    "Cohort",
    "LeftOut",
    "ListedCase",
    "Phantom",
    "Variant",
    "phantom",
    "phantom_case",
    "write_phantom_patient",
]
