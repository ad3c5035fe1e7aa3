"""Predicted lesions that lie where nobody knows what is: neither found nor invented.

A truth may leave tissue unsaid (255): of the planted cohort, what lies in the real patient's
targets, and holds the patient's own disease. A network that finds that disease draws a little over
the edge of the unknown, and the rim of a real node would count as an invented one.
"""

import numpy as np
from jaxtyping import UInt8

from hnuiseg.evaluation.masks import joint_box
from hnuiseg.study import IGNORE
from hnuiseg.volume import components

SHARE = 0.75  # of a lesion's voxels; one that reaches farther out is judged, rim and all


def judged_truth(
    labels: UInt8[np.ndarray, "z y x"], truth: UInt8[np.ndarray, "z y x"]
) -> UInt8[np.ndarray, "z y x"]:
    """The truth by which labels 0, 1, 2 are judged: 255 in all of a predicted lesion of that kind.

    That is a 26-connected component of a class of which at least three quarters are unsaid, and
    that holds no voxel of a lesion of the truth. Everything else of the truth stays as it is; it is
    returned itself where it leaves nothing unsaid.
    """
    around = joint_box(labels > 0, labels > 0)
    seen, known = labels[around], truth[around]
    unsaid, true = known == IGNORE, (known == 1) | (known == 2)
    if not unsaid.any():
        return truth
    beyond = np.zeros(seen.shape, dtype=bool)
    for value in (1, 2):
        numbers, count = components(seen == value)
        sizes, apart, held = (
            np.bincount(numbers[mask], minlength=count + 1) for mask in (numbers > 0, unsaid, true)
        )
        chosen = (apart >= SHARE * sizes) & (held == 0)
        chosen[0] = False
        beyond |= chosen[numbers]
    judged = truth.copy()
    judged[around][beyond] = IGNORE
    return judged
