"""`Prediction`: what the network says of a case, voxel by voxel, on the CT's grid."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from hnuiseg.volume import Grid

CLASSES = ("background", "GTVp", "GTVn")  # label values 0, 1, 2


@dataclass(frozen=True, slots=True)
class NotDrawn:
    """A component under the model's least volume or least peak: listed, drawn nowhere."""

    class_name: str
    volume_ml: float
    peak_probability: float  # of its class, in its most probable voxel
    inside_mm: tuple[float, float, float]  # LPS; where it is most probable


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Arrays are read as (z, y, x) of `grid`, the CT as stored.

    With `--no-uncertainty` one deterministic pass is made: `members` is 1, entropy is that of
    its softmax, and `mutual_information`, `variance` and `votes` are None. A voxel with fewer
    than two votes is *not sampled* (DESIGN law 4): its mutual information is nan.
    """

    # argmax of probabilities without `not_drawn`; of a session what its edits say
    labels: UInt8[np.ndarray, "z y x"]
    probabilities: Float[np.ndarray, "3 z y x"]  # mean over members; sums to 1
    entropy: Float[np.ndarray, "z y x"]  # predictive entropy of the mean, nats
    mutual_information: Float[np.ndarray, "z y x"] | None  # nats; entropy - mean member entropy
    variance: Float[np.ndarray, "3 z y x"] | None  # over members, per class; on request
    votes: Int[np.ndarray, "z y x"] | None  # members that saw the voxel
    grid: Grid
    members: int
    seed: int
    settings: dict[str, str]  # provenance: model name, hash, device, precision, spacing, window
    temperature: float | None = None  # that calibrates `probabilities`; None: nobody measured it
    not_drawn: tuple[NotDrawn, ...] = ()  # components under the model's least volume or peak
