"""`Case`: one patient's image set, ready for the network.

A training case and a patient's case are this same type, made by the same code.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from hnuiseg.dicom import DicomReference, SuvFactor
from hnuiseg.volume import Volume


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning for the clinician: it reaches report, result.json and, if strict, the status."""

    code: str  # short and stable, for machines: "pet-coverage", "not-head-neck", …
    text: str  # one sentence a tired person understands


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the images came from, and what the user stated rather than the files."""

    source: str  # "dicom" or "files"
    ct: str  # what the CT is: series description and UID, or a file name without its folder
    pet: str | None
    stated: tuple[str, ...] = ()  # "registration of CT and PET", "weight 71 kg (--weight-kg)", …
    registration: str | None = None  # what joined two frames of reference; None: they share one


@dataclass(frozen=True, slots=True, eq=False)
class PetImage:
    """A PET in SUVbw, on the CT's grid for the network and on its own for measuring."""

    on_ct: Volume  # g/ml; 0 outside the coverage
    coverage: Bool[np.ndarray, "z y x"]  # CT voxels that the PET reaches
    native: Volume  # g/ml, the PET's own grid: SUV figures are measured here
    suv: SuvFactor  # how stored values became SUVbw


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """CT in HU as stored, PET or none, warnings and provenance."""

    ct: Volume  # HU
    pet: PetImage | None
    notices: tuple[Notice, ...]
    provenance: Provenance
    dicom: DicomReference | None  # what an RTSTRUCT must refer to; None for plain files
    field: tuple[slice, slice, slice] | None = None  # z, y, x as stored; None: all is searched
