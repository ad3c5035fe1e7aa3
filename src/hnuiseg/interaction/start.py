"""What a session begins with: an automatic `Prediction`, or somebody's label map."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from hnuiseg.errors import InputRefused
from hnuiseg.inference import NotDrawn, Prediction
from hnuiseg.study import LabelMap
from hnuiseg.volume import Grid

Origin = Literal["automatic", "labels"]


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Arrays on the CT's grid as stored, read-only; they may be files that are read where needed.

    Of a label map the probabilities are one-hot, and nothing was sampled.
    """

    origin: Origin
    labels: UInt8[np.ndarray, "z y x"]
    probabilities: Float[np.ndarray, "3 z y x"]
    entropy: Float[np.ndarray, "z y x"]
    mutual_information: Float[np.ndarray, "z y x"] | None  # None: no voxel was sampled
    votes: Int[np.ndarray, "z y x"] | None
    grid: Grid
    members: int = 0
    seed: int = 0
    temperature: float | None = None
    settings: dict[str, str] = field(default_factory=dict)  # provenance
    notes: tuple[str, ...] = ()
    not_drawn: tuple[NotDrawn, ...] = ()  # as the model's file asks for more than they reach

    @property
    def least_votes(self) -> int:
        """Votes of every voxel where none were counted: one pass, or nobody at all."""
        return 1 if self.origin == "automatic" else 0

    @classmethod
    def of_prediction(cls, prediction: Prediction) -> "Start":
        """The automatic result as it is."""
        return cls(
            "automatic",
            prediction.labels,
            prediction.probabilities,
            prediction.entropy,
            prediction.mutual_information,
            None if prediction.votes is None else prediction.votes.astype(np.int16, copy=False),
            prediction.grid,
            prediction.members,
            prediction.seed,
            prediction.temperature,
            dict(prediction.settings),
            not_drawn=prediction.not_drawn,
        )

    @classmethod
    def of_labels(cls, labels: LabelMap, name: str) -> "Start":
        """A drawing that lies on the CT's grid (`study.on_grid`); 255 and other values refused."""
        array = labels.volume.array
        if int(array.max(initial=0)) > 2:
            raise InputRefused(
                f"{name} has label {int(array.max())}",
                "0 background, 1 GTVp, 2 GTVn",
                "give a drawing of these classes alone",
            )
        return cls.from_array(
            array.astype(np.uint8),
            labels.volume.grid,
            {"start": name},
            notes=labels.notes,
        )

    @classmethod
    def from_array(
        cls,
        labels: UInt8[np.ndarray, "z y x"],
        grid: Grid,
        settings: dict[str, str],
        notes: tuple[str, ...] = (),
    ) -> "Start":
        """One-hot probabilities of labels 0, 1, 2, without doubt and without votes."""
        probabilities = np.zeros((3, *labels.shape), dtype=np.float32)
        for value in range(3):
            np.equal(labels, value, out=probabilities[value], casting="unsafe")
        return cls(
            "labels",
            labels,
            probabilities,
            np.zeros(labels.shape, dtype=np.float32),
            None,
            None,
            grid,
            settings=settings,
            notes=notes,
        )


def writable(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """The same values to write on, while the array stays as it is.

    Of a file's array only the pages that are written on become memory of this process: a start of a
    gigabyte costs what was edited.
    """
    if isinstance(array, np.memmap) and array.filename is not None:
        return np.memmap(
            array.filename, dtype=array.dtype, mode="c", offset=array.offset, shape=array.shape
        )
    return np.array(array)
