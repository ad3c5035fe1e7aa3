"""Where training and test cases come from: readers of cohorts, prepared data sets, the phantom."""

from hnuiseg.cohorts.cached_case import open_array, read_array, read_cached, write_array
from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, LeftOut, ListedCase
from hnuiseg.cohorts.manifest import CaseEntry, Manifest, read_manifest, summary
from hnuiseg.cohorts.phantom import Phantom, Variant, phantom, phantom_case
from hnuiseg.cohorts.phantom.write import write_phantom_patient
from hnuiseg.cohorts.prepare import CASES, SPLITS, prepare
from hnuiseg.cohorts.splits import Splits, check_covers, make_splits, read_splits

__all__ = [
    "CASES",
    "SPLITS",
    "AnnotatedCase",
    "CaseEntry",
    "Cohort",
    "LeftOut",
    "ListedCase",
    "Manifest",
    "Phantom",
    "Splits",
    "Variant",
    "check_covers",
    "make_splits",
    "open_array",
    "phantom",
    "phantom_case",
    "prepare",
    "read_array",
    "read_cached",
    "read_manifest",
    "read_splits",
    "summary",
    "write_array",
    "write_phantom_patient",
]
