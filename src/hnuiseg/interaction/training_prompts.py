"""The clicks that a network is trained with, stages 1 and 3 of the paper.

Centres are drawn anywhere in a component: a user's click is rarely its centre.
"""

import numpy as np
from jaxtyping import UInt8

from hnuiseg.interaction.clicks import TUMOURS, Click
from hnuiseg.interaction.component import components_of
from hnuiseg.interaction.findings import error_findings
from hnuiseg.interaction.random_voxels import random_voxels
from hnuiseg.study import IGNORE


def stage_one_clicks(
    labels: UInt8[np.ndarray, "z y x"], generator: np.random.Generator
) -> tuple[Click, ...]:
    """Stage 1: a positive click in each lesion, and as many negative ones outside that class.

    Outside a class is background and the other class, never 255. Negative clicks come first,
    so that a ball near a lesion doesn't erase the lesion's own. A class that fills the labels
    has no outside, and no negative clicks; a class without lesions has no clicks.
    """
    clicks: list[Click] = []
    for region, value in TUMOURS.items():
        lesions = components_of(labels == value)
        if not lesions:
            continue
        outside = (labels != value) & (labels != IGNORE)
        negative = random_voxels(outside, len(lesions), generator)
        clicks += [Click(region, False, index) for index in negative]
        clicks += [Click(region, True, lesion.random(generator)) for lesion in lesions]
    return tuple(clicks)


def correction_clicks(
    predicted: UInt8[np.ndarray, "z y x"],
    labels: UInt8[np.ndarray, "z y x"],
    generator: np.random.Generator,
) -> tuple[Click, ...]:
    """Stage 3: a negative click in whatever was invented, a positive one in whatever was missed.

    One for each 26-connected component of each class; largest first, so that the ball of a
    small error is drawn over that of a large one. WrongCall where the shapes differ.
    """
    found = error_findings(predicted, labels)
    return tuple(finding.click(finding.component.random(generator)) for finding in found)
