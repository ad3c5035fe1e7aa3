"""The way back: what a network says on its working grid, on the CT's own grid as stored."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from hnuiseg.inference.inputs import body_field
from hnuiseg.study import Case, searched
from hnuiseg.volume import Grid, Reorientation, Triple, Volume, resample

BACKGROUND = (1.0, 0.0, 0.0)  # probabilities of the air beyond the box


@dataclass(frozen=True, slots=True)
class Field:
    """Where the network looked, and the way from there to the CT."""

    whole: Grid  # the working grid before it was cut to the patient
    box: tuple[slice, slice, slice]  # the part of it that was predicted
    standing: Grid  # the CT's grid in standing order
    turn: Reorientation  # from the CT as stored to standing order

    @classmethod
    def of(cls, case: Case, working_spacing: Triple | None) -> "Field":
        """Where a model of that working spacing looks at a case; None: the CT's own."""
        turn = Reorientation.of(case.ct.grid)
        standing = turn.grid(case.ct.grid)
        whole = standing if working_spacing is None else standing.resized(working_spacing)
        return cls(whole, body_field(searched(case), working_spacing), standing, turn)

    def placed(self, values: Tensor, beyond: float, order: int = 1) -> Shaped[np.ndarray, "z y x"]:
        """Values of the box on the standing CT grid, with `beyond` outside the box."""
        array = values.cpu().numpy()
        if array.shape != self.whole.shape:
            full = np.full(self.whole.shape, beyond, dtype=array.dtype)
            full[self.box] = array
            array = full
        return on_standing(array, self.whole, self.standing, order)

    def placed_each(
        self, values: Float[Tensor, "3 z y x"], beyond: tuple[float, float, float]
    ) -> Float[np.ndarray, "3 z y x"]:
        """`placed` of three maps, linearly."""
        result = np.empty((len(values), *self.standing.shape), dtype=np.float32)
        for k in range(len(values)):
            result[k] = self.placed(values[k], beyond[k])
        return result

    def stored(self, values: Shaped[np.ndarray, "z y x"]) -> Shaped[np.ndarray, "a b c"]:
        """A standing map with its axes as the CT is stored."""
        return np.ascontiguousarray(self.turn.undo(values))

    def stored_each(self, values: Float[np.ndarray, "3 z y x"]) -> Float[np.ndarray, "3 a b c"]:
        """`stored` of three maps."""
        turned = [self.turn.undo(one) for one in values]
        result = np.empty((len(values), *turned[0].shape), dtype=np.float32)
        for k, one in enumerate(turned):
            result[k] = one
        return result


def likeliest(probabilities: Float[np.ndarray, "3 z y x"]) -> UInt8[np.ndarray, "z y x"]:
    """The likeliest class; the first of equals."""
    labels = np.empty(probabilities.shape[1:], dtype=np.uint8)
    # compared: several times faster than argmax, which answers in 64 bits
    for z in range(len(labels)):
        background, primary, node = probabilities[:, z]
        labels[z] = primary > background
        labels[z][node > np.maximum(background, primary)] = 2
    return labels


def on_standing(
    values: Shaped[np.ndarray, "z y x"], working: Grid, standing: Grid, order: int
) -> Shaped[np.ndarray, "z y x"]:
    """Working values on the CT's grid; the edge holds for the fraction of a voxel beyond it."""
    if working.same_place(standing):
        return values
    z, y, x = working.shape
    ringed = working.cropped((-1, -1, -1), (z + 2, y + 2, x + 2))
    volume = Volume(np.pad(values, 1, mode="edge"), ringed, "1")
    return resample(volume, standing, order=order).array
