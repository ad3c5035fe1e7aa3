"""A phantom as a `Case`, without a detour through files."""

from hnuiseg.cohorts.phantom.patient import Phantom
from hnuiseg.dicom import SuvFactor
from hnuiseg.study import Case, PetImage, Provenance
from hnuiseg.volume import covered, resample


def phantom_case(made: Phantom) -> Case:
    """The case that reading the phantom's files would give, but for rounding in the files."""
    pet = None
    if made.pet is not None:
        suv = SuvFactor((1.0,), "SUV", "phantom, made in SUVbw", None, None, None, False)
        grid = made.ct.grid
        on_ct = resample(made.pet, grid)
        pet = PetImage(on_ct, covered(made.pet.grid, grid), made.pet, suv)
    provenance = Provenance("files", "phantom CT", "phantom PET" if made.pet else None)
    return Case(made.ct, pet, (), provenance, None)
