"""A user who is shown a place and says what is true there: the truth gives sign and class alone."""

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import TUMOURS, Click, Index, Tumour
from hnuiseg.study import IGNORE

_NAMES: dict[int, Tumour] = {value: region for region, value in TUMOURS.items()}


def said_of(
    index: Index, predicted: UInt8[np.ndarray, "z y x"], truth: UInt8[np.ndarray, "z y x"]
) -> Click | None:
    """The click at this voxel of someone who knows what it is; None where nobody does (255).

    Tumour: a positive click of its class, also where that was predicted already. None: a negative
    click of the class that was predicted, or of GTVp where none was.
    """
    true, found = int(truth[index]), int(predicted[index])
    if true == IGNORE:
        return None
    if true:
        return Click(_NAMES[true], True, index)
    return Click(_NAMES.get(found, "GTVp"), False, index)
