"""Where training and test cases come from: so far the phantom."""

from hnuiseg.cohorts.phantom import Phantom, Variant, phantom, phantom_case
from hnuiseg.cohorts.phantom.write import write_phantom_patient

__all__ = ["Phantom", "Variant", "phantom", "phantom_case", "write_phantom_patient"]
