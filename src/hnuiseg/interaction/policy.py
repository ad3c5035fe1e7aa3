"""A policy of doubt: which components of the present state deserve no trust, and why.

It flags; removing what it flags is one edit of the user's (`DeleteSeveralEdit`), and one undo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.summary import LesionSummary


@dataclass(frozen=True, slots=True)
class DoubtPolicy:
    """Limits below or beyond which a component is doubtful; None: that isn't looked at.

    Limits that take hardly a true lesion: in HECKTOR 2022 (464 patients) the SUVmax of the hottest
    node is below 2.5 g/ml in 3.7 of 100 and below 4 in 11. On semi-synthetic patients kept for
    calibration no limit that flags an invented node spares every true one (benchmarks/doubt.py).
    """

    least_probability: float | None = 0.5  # mean, of its class
    least_peak: float | None = 0.75  # probability of its class, in its most probable voxel
    least_suv: float | None = 2.0  # g/ml, the maximum; where the PET reaches
    least_ml: float | None = 0.1
    farthest_mm: float | None = 150.0  # from the largest lesion
    in_field: bool = True  # its middle must lie in the part that is searched

    def __post_init__(self) -> None:
        for name in ("least_probability", "least_peak", "least_suv", "least_ml", "farthest_mm"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise WrongCall(f"{name} of {value}", "a number from 0", "mend it, or leave it out")


@dataclass(frozen=True, slots=True)
class Flagged:
    """A doubtful component, with every reason."""

    lesion: LesionSummary
    reasons: tuple[str, ...]


def doubtful(
    lesions: Sequence[LesionSummary], policy: DoubtPolicy | None = None
) -> tuple[Flagged, ...]:
    """What the policy flags, in the given order; never what a person accepted or locked."""
    limits = policy or DoubtPolicy()
    found = []
    for lesion in lesions:
        reasons = () if lesion.locked or lesion.accepted else _reasons(lesion, limits)
        if reasons:
            found.append(Flagged(lesion, reasons))
    return tuple(found)


def _reasons(lesion: LesionSummary, policy: DoubtPolicy) -> tuple[str, ...]:
    said = []
    probability, suv = policy.least_probability, policy.least_suv
    if probability is not None and lesion.mean_probability < probability:
        said.append(f"probability {lesion.mean_probability:.2f} below {probability:g}")
    if policy.least_peak is not None and lesion.peak_probability < policy.least_peak:
        said.append(f"nowhere more probable than {lesion.peak_probability:.2f}")
    if suv is not None and lesion.suv_max is not None and lesion.suv_max < suv:
        said.append(f"SUVmax {lesion.suv_max:.1f} below {suv:g}")
    if policy.least_ml is not None and lesion.volume_ml < policy.least_ml:
        said.append(f"{lesion.volume_ml:.2f} ml, below {policy.least_ml:g} ml")
    if policy.farthest_mm is not None and lesion.apart_mm > policy.farthest_mm:
        said.append(f"{lesion.apart_mm:.0f} mm from the largest lesion")
    if policy.in_field and not lesion.in_field:
        said.append("outside the head-and-neck field")
    return tuple(said)
