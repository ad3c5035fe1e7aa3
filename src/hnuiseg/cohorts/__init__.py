"""Where training and test cases come from: readers of cohorts, prepared data sets, the phantom."""

from hnuiseg.cohorts.cached_case import (
    open_array,
    read_array,
    read_cached,
    write_array,
)
from hnuiseg.cohorts.clinic import clinic
from hnuiseg.cohorts.folder import folder
from hnuiseg.cohorts.hecktor import hecktor
from hnuiseg.cohorts.hn1 import hn1
from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, LeftOut, ListedCase
from hnuiseg.cohorts.manifest import CaseEntry, Manifest, read_manifest, summary
from hnuiseg.cohorts.openkbp import openkbp
from hnuiseg.cohorts.phantom import Phantom, Variant, phantom, phantom_case, phantoms
from hnuiseg.cohorts.phantom.write import write_phantom_patient
from hnuiseg.cohorts.prepare import CASES, SPLITS, prepare
from hnuiseg.cohorts.regions import RegionTable, described, region_names
from hnuiseg.cohorts.splits import Splits, check_covers, make_splits, read_splits
from hnuiseg.cohorts.synthetic import synthetic
from hnuiseg.cohorts.whole_folder import whole_folder

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
    "RegionTable",
    "Splits",
    "Variant",
    "check_covers",
    "clinic",
    "described",
    "folder",
    "hecktor",
    "hn1",
    "make_splits",
    "open_array",
    "openkbp",
    "phantom",
    "phantom_case",
    "phantoms",
    "prepare",
    "read_array",
    "read_cached",
    "read_manifest",
    "read_splits",
    "region_names",
    "summary",
    "synthetic",
    "whole_folder",
    "write_array",
    "write_phantom_patient",
]
