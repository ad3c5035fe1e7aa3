"""A case with its truth from image files: through the gates of `segment`, labels by position."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnuiseg.cohorts.listing import AnnotatedCase
from hnuiseg.errors import InputRefused
from hnuiseg.study import TRUTH_VALUES, Stated, on_grid, read_files, read_labels


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Where a case's images lie; `suv_per_bqml` (g/ml per Bq/ml) is stated for a PET in Bq/ml."""

    ct: Path
    labels: Path
    pet: Path | None = None
    suv_per_bqml: float | None = None


def annotated(files: ImageFiles) -> AnnotatedCase:
    """Read as `hnuiseg segment --ct --pet --pet-units suv` reads them; the labels put on the CT.

    InputRefused for what can't be read right: a PET that isn't SUV and has no factor, labels on
    another grid, values other than 0, 1, 2 and 255.
    """
    if files.pet is None:
        stated = Stated()
    elif files.suv_per_bqml is None:
        stated = Stated(pet_units="suv")
    else:
        stated = Stated(pet_units="bqml", suv_per_bqml=files.suv_per_bqml)
    case = read_files(files.ct, files.pet, stated)
    labels = on_grid(read_labels(files.labels), case.ct.grid)
    other = [int(v) for v in np.unique(labels.volume.array) if v not in TRUTH_VALUES]
    if other:
        raise InputRefused(
            f"{files.labels.name} holds value {other[0]}",
            "0 background, 1 GTVp, 2 GTVn, 255 unknown",
            "map its values to these first",
        )
    return AnnotatedCase(case, labels.volume, labels.notes)
