"""Where people click, in training: in the middle of an error, anywhere in it, or near its border.

Recipe `plus` draws from all of them, so that a network doesn't take a click for the centre of what
it should correct (robot users overstate what clicks gain: Marinov et al., arXiv 2404.01816).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from hnuiseg.interaction.clicks import TUMOURS, Click, Index
from hnuiseg.interaction.findings import Finding, lesion_findings, random_error
from hnuiseg.volume import Triple

_BORDER = 1.5  # voxels of depth that count as the border


@dataclass(frozen=True, slots=True)
class Placement:
    """How often a click is put where, and how unsteady and wrong the hand is."""

    centre: float = 0.4  # share of clicks at the deepest voxel
    anywhere: float = 0.4  # by chance, deeper voxels more often; the rest near the border
    jittered: float = 0.5  # share of clicks that are moved
    jitter_mm: float = 3.0  # standard deviation along each axis
    wrong: float = 0.03  # share of clicks of the wrong sign


def one_of_each_class(
    predicted: UInt8[np.ndarray, "z y x"],
    truth: UInt8[np.ndarray, "z y x"],
    spacing: Triple,
    placement: Placement,
    generator: np.random.Generator,
) -> tuple[Click, ...]:
    """A click at each class' error, larger errors more often; none where a class has none.

    A click that is moved stays inside the image. What the truth ignores is no error.
    """
    found = (random_error(predicted, truth, region, generator) for region in TUMOURS)
    return tuple(
        _click(error, truth.shape, spacing, placement, generator)
        for error in found
        if error is not None
    )


def one_of_each_lesion(
    truth: UInt8[np.ndarray, "z y x"],
    spacing: Triple,
    placement: Placement,
    generator: np.random.Generator,
) -> tuple[Click, ...]:
    """A click in every lesion, whatever was predicted: people also click on what is right."""
    return tuple(
        _click(lesion, truth.shape, spacing, placement, generator)
        for lesion in lesion_findings(truth)
    )


def _click(
    finding: Finding,
    shape: tuple[int, ...],
    spacing: Triple,
    placement: Placement,
    generator: np.random.Generator,
) -> Click:
    index = _place(finding, spacing, placement, generator)
    if generator.random() < placement.jittered:
        index = _moved(index, spacing, placement.jitter_mm, shape, generator)
    click = finding.click(index)
    if generator.random() < placement.wrong:
        click = replace(click, positive=not click.positive)
    return click


def _place(
    finding: Finding, spacing: Triple, placement: Placement, generator: np.random.Generator
) -> Index:
    chance = float(generator.random())
    component = finding.component
    if chance < placement.centre:
        return component.deepest(spacing, generator)
    depth = ndimage.distance_transform_edt(np.pad(component.mask, 1))[1:-1, 1:-1, 1:-1]
    if chance < placement.centre + placement.anywhere:
        weights = depth
    else:
        weights = (component.mask & (depth <= _BORDER)).astype(float)
    flat = weights.ravel() / weights.sum()
    within = np.unravel_index(int(generator.choice(flat.size, p=flat)), component.mask.shape)
    z, y, x = (s + int(i) for s, i in zip(component.start, within, strict=True))
    return z, y, x


def _moved(
    index: Index,
    spacing: Triple,
    jitter_mm: float,
    shape: tuple[int, ...],
    generator: np.random.Generator,
) -> Index:
    steps = generator.normal(0.0, jitter_mm, size=3) / np.array(spacing)
    z, y, x = (
        min(max(i + round(float(step)), 0), n - 1)
        for i, step, n in zip(index, steps, shape, strict=True)
    )
    return z, y, x
