"""A patient in another position, as between staging and planning: nodded, shifted and bent."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hnuiseg.cohorts.phantom.scene import smooth_noise
from hnuiseg.cohorts.synthetic import ranges
from hnuiseg.cohorts.synthetic.landmarks import Landmarks
from hnuiseg.volume import Grid, interpolated

Field = Float[np.ndarray, "3 z y x"]


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """Where in the planning position each voxel of the staging position lies.

    `moved` is in mm along z, y, x on `grid`: place in planning = place in staging + moved.
    """

    grid: Grid
    moved: Field

    @classmethod
    def drawn(cls, grid: Grid, places: Landmarks, generator: np.random.Generator) -> "Posture":
        """Nodding about the lower neck, a shift, and a smooth rest; `grid` is the CT's, axial."""
        dz = grid.spacing[0]
        z, y, _ = (
            (np.arange(n) * s).reshape([-1 if k == axis else 1 for k in range(3)])
            for axis, (n, s) in enumerate(zip(grid.shape, grid.spacing, strict=True))
        )
        pivot_z = places.heights["cricoid"] - 20.0
        pivot_y = float(np.interp(pivot_z / dz, np.arange(len(places.spine)), places.spine)) + 10.0
        angle = np.deg2rad(generator.uniform(-1.0, 1.0) * ranges.MOST_FLEXION_DEG)
        # the neck bends gradually from shoulders that lie still to a head that turns whole
        share = np.clip((z - pivot_z + 40.0) / 110.0, 0.0, 1.0)
        bent = angle * share * share * (3.0 - 2.0 * share)
        up, back = z - pivot_z, y - pivot_y
        shift = generator.normal(size=3)
        shift *= generator.uniform(0.0, ranges.MOST_SHIFT_MM) / np.linalg.norm(shift)
        moved = np.empty((3, *grid.shape), dtype=np.float32)
        moved[0] = np.cos(bent) * up - np.sin(bent) * back - up + shift[0]
        moved[1] = np.sin(bent) * up + np.cos(bent) * back - back + shift[1]
        moved[2] = shift[2]
        for axis in range(3):
            moved[axis] += ranges.BEND_MM * smooth_noise(grid, generator, 50.0)
        return cls(grid, moved)

    def on(self, fine: Grid) -> "Posture":
        """The same on another axial grid over the same patient."""
        _, offset = fine.index_map(self.grid)
        steps = np.array(fine.spacing) / np.array(self.grid.spacing)
        moved = [interpolated(one, steps, offset, fine.shape) for one in self.moved]
        return Posture(fine, np.stack(moved))

    def places(self) -> Field:
        """z, y, x in mm, in the planning position, of each voxel."""
        places = self.moved.copy()
        for axis, (n, spacing) in enumerate(zip(self.grid.shape, self.grid.spacing, strict=True)):
            first = self.grid.origin[2 - axis]
            own = (first + spacing * np.arange(n)).astype(np.float32)
            places[axis] += own.reshape([-1 if k == axis else 1 for k in range(3)])
        return places


def looked_up(
    values: Float[np.ndarray, "z y x"],
    grid: Grid,
    places: Field,
    *,
    outside: float,
) -> Float[np.ndarray, "a b c"]:
    """Linear values of an image at places (z, y, x in mm); `outside` beyond it."""
    import torch
    from torch.nn import functional

    at = torch.empty((1, *places.shape[1:], 3))
    for axis, (n, spacing) in enumerate(zip(grid.shape, grid.spacing, strict=True)):
        index = (places[axis] - grid.origin[2 - axis]) / spacing
        at[0, ..., 2 - axis] = torch.from_numpy(index * np.float32(2 / (n - 1)) - np.float32(1))
    image = torch.from_numpy(np.ascontiguousarray(values - np.float32(outside)))[None, None]
    found = functional.grid_sample(image, at, mode="bilinear", align_corners=True)
    result: Float[np.ndarray, "a b c"] = found[0, 0].numpy() + np.float32(outside)
    return result
