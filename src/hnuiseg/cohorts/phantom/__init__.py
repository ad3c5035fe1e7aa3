"""A procedural head and neck with tumour and nodes: needs no data, is believable to learn from."""

from hnuiseg.cohorts.phantom.case import phantom_case
from hnuiseg.cohorts.phantom.cohort import phantoms
from hnuiseg.cohorts.phantom.patient import Phantom, Variant, phantom

__all__ = ["Phantom", "Variant", "phantom", "phantom_case", "phantoms"]
