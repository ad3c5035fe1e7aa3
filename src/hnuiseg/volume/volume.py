"""An image: an array and where it lies."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Shaped

from hnuiseg.errors import HnuisegError
from hnuiseg.volume.grid import Grid

Unit = Literal["HU", "g/ml", "Bq/ml", "label", "1", "nat"]


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no one truth value
class Volume:
    """A read-only array (z, y, x) on its grid: share it, never copy to be safe."""

    array: Shaped[np.ndarray, "z y x"]
    grid: Grid
    unit: Unit

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape:
            raise HnuisegError(
                f"an array of shape {self.array.shape} on a grid of shape {self.grid.shape}",
                "equal shapes",
                "report this as a fault of hnuiseg",
            )
        view = self.array.view()
        view.flags.writeable = False
        object.__setattr__(self, "array", view)
