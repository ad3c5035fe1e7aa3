"""Predicted lesions that lie where nobody knows what is: neither found nor invented.

A truth may leave tissue unsaid (255): of the planted cohort, what lies in the real patient's
targets, and holds the patient's own disease. A network that finds that disease draws a little over
the edge of the unknown, and the rim of a real node would count as an invented one.
"""

import numpy as np
from jaxtyping import UInt8

from hnuiseg.study import IGNORE
from hnuiseg.volume import components

SHARE = 0.75  # of a lesion's voxels; a rim one working voxel wide is about a quarter of a node


def judged_truth(
    labels: UInt8[np.ndarray, "z y x"], truth: UInt8[np.ndarray, "z y x"]
) -> UInt8[np.ndarray, "z y x"]:
    """The truth by which labels 0, 1, 2 are judged: 255 in all of a predicted lesion of that kind.

    That is a 26-connected component of a class of which at least three quarters are unsaid, and
    that holds no voxel of a lesion of the truth. Everything else of the truth stays as it is; it is
    returned itself where it leaves nothing unsaid.
    """
    unsaid = truth == IGNORE
    if not unsaid.any():
        return truth
    judged = truth.copy()
    for value in (1, 2):
        numbers, count = components(labels == value)
        if not count:
            continue

        def held(by: np.ndarray, numbers: np.ndarray = numbers, count: int = count) -> np.ndarray:
            return np.bincount(numbers[by], minlength=count + 1)

        beyond = held(unsaid) >= SHARE * np.bincount(numbers.ravel(), minlength=count + 1)
        beyond &= held((truth == 1) | (truth == 2)) == 0
        beyond[0] = False
        judged[beyond[numbers]] = IGNORE
    return judged
