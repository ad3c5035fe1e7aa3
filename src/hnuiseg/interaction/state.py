"""What a session says of every voxel now, and what a voxel can be given."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int16, UInt8

from hnuiseg.interaction.boxes import Box
from hnuiseg.interaction.clicks import TUMOURS, Tumour
from hnuiseg.volume import Grid

NOT_SAMPLED = np.float32(np.nan)  # mutual information where fewer than two members looked


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """What so many voxels have: a label, three probabilities, doubt in nats and its votes."""

    labels: UInt8[np.ndarray, " n"]
    probabilities: Float[np.ndarray, "3 n"]
    entropy: Float[np.ndarray, " n"]
    mutual_information: Float[np.ndarray, " n"]  # nan: not sampled
    votes: Int16[np.ndarray, " n"]  # members that looked; 0 where only a user spoke

    @classmethod
    def said(cls, count: int, label: int) -> "Values":
        """What a user says of voxels: this class for certain, and nobody was asked."""
        probabilities = np.zeros((3, count), dtype=np.float32)
        probabilities[label] = 1.0
        return cls(
            np.full(count, label, dtype=np.uint8),
            probabilities,
            np.zeros(count, dtype=np.float32),
            np.full(count, NOT_SAMPLED, dtype=np.float32),
            np.zeros(count, dtype=np.int16),
        )

    def put(self, other: "Values", where: Bool[np.ndarray, " n"]) -> None:
        """Take another's values at some of the voxels; they are in the other's order."""
        self.labels[where] = other.labels
        self.probabilities[:, where] = other.probabilities
        self.entropy[where] = other.entropy
        self.mutual_information[where] = other.mutual_information
        self.votes[where] = other.votes

    def of(self, where: Bool[np.ndarray, " n"]) -> "Values":
        """Those of some of the voxels."""
        return Values(
            self.labels[where],
            self.probabilities[:, where],
            self.entropy[where],
            self.mutual_information[where],
            self.votes[where],
        )


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Arrays on the CT's grid as stored, read-only; later edits show in them, so copy to keep."""

    labels: UInt8[np.ndarray, "z y x"]
    probabilities: Float[np.ndarray, "3 z y x"]
    entropy: Float[np.ndarray, "z y x"]
    mutual_information: Float[np.ndarray, "z y x"]  # nan: not sampled
    votes: Int16[np.ndarray, "z y x"]
    locked: Bool[np.ndarray, "z y x"]
    grid: Grid
    occupied: Box | None  # holds every labelled voxel, and perhaps more; None: there are none

    def values(self, box: Box, mask: Bool[np.ndarray, "z y x"]) -> Values:
        """A copy of what the voxels of a mask within its box have."""
        probabilities = self.probabilities[(slice(None), *box)]
        return Values(
            self.labels[box][mask],
            probabilities[:, mask],
            self.entropy[box][mask],
            self.mutual_information[box][mask],
            self.votes[box][mask],
        )


def other_class(region: Tumour) -> Tumour:
    """The class that it isn't."""
    return "GTVn" if region == "GTVp" else "GTVp"


def value_of(region: Tumour) -> int:
    """Its value in a label map."""
    return TUMOURS[region]
