"""What a click can be aimed at: lesions of a truth, and the errors of a prediction."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.clicks import TUMOURS, Click, Index, Tumour
from hnuiseg.interaction.component import Component, component_at, components_of
from hnuiseg.study import IGNORE
from hnuiseg.volume import Triple


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A component of one class, with the sign of the click that it asks for."""

    region: Tumour
    positive: bool  # True: a lesion, or what of it was missed; False: what was invented
    component: Component

    def click(self, index: Index) -> Click:
        """The click that says what is true of it, at the given voxel."""
        return Click(self.region, self.positive, index)

    def deepest_click(self, spacing: Triple, generator: np.random.Generator) -> Click:
        """The click at its deepest voxel (mm); one of several by chance."""
        return self.click(self.component.deepest(spacing, generator))


def lesion_findings(truth: UInt8[np.ndarray, "z y x"]) -> tuple[Finding, ...]:
    """Every lesion of a label map, all positive, largest first over both classes."""
    return _largest_first(
        Finding(region, True, component)
        for region, value in TUMOURS.items()
        for component in components_of(truth == value)
    )


def error_findings(
    predicted: UInt8[np.ndarray, "z y x"], truth: UInt8[np.ndarray, "z y x"]
) -> tuple[Finding, ...]:
    """Every error of a prediction by class and kind, largest first.

    Positive where the truth has a class that the prediction misses, negative where it is the
    other way round: GTVp taken for GTVn is missed in GTVp and invented in GTVn. Missed and
    invented voxels of one class are apart even where they touch. What the truth ignores (255)
    is no part of any error. WrongCall where the shapes differ.
    """
    require_one_grid(predicted, truth)
    wrong = (predicted != truth) & (truth != IGNORE)
    return _largest_first(
        Finding(region, positive, component)
        for region, value in TUMOURS.items()
        for positive, labels in ((False, predicted), (True, truth))
        for component in components_of(wrong & (labels == value))
    )


def random_error(
    predicted: UInt8[np.ndarray, "z y x"],
    truth: UInt8[np.ndarray, "z y x"],
    region: Tumour,
    generator: np.random.Generator,
) -> Finding | None:
    """One of `error_findings` of a class by chance, larger ones more often; None: there is none.

    An error of n voxels is drawn n times as often as one of one voxel: the error that a voxel
    lies in which is drawn from all wrong ones. So only its kind's components need be found.
    """
    require_one_grid(predicted, truth)
    value = TUMOURS[region]
    invented = (predicted == value) & (truth != value) & (truth != IGNORE)
    missed = (truth == value) & (predicted != value)
    places = np.flatnonzero(invented | missed)
    if not places.size:
        return None
    place = int(places[int(generator.integers(places.size))])
    z, y, x = (int(i) for i in np.unravel_index(place, truth.shape))
    positive = bool(missed[z, y, x])
    return Finding(region, positive, component_at(missed if positive else invented, (z, y, x)))


def require_one_grid(
    predicted: UInt8[np.ndarray, "z y x"], truth: UInt8[np.ndarray, "z y x"]
) -> None:
    """WrongCall where prediction and truth can't lie on one grid."""
    if predicted.shape != truth.shape:
        raise WrongCall(
            f"a prediction of shape {predicted.shape} and a truth of shape {truth.shape}",
            "label maps on the same grid (z, y, x)",
            "bring the truth onto the prediction's grid first",
        )


def _largest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By falling size, then by first voxel; at the same place GTVp and invented come first."""
    return tuple(sorted(findings, key=lambda f: (-f.component.size, f.component.first)))
