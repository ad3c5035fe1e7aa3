"""One connected component in its own box, and the voxels of it that a click may take.

A component is a few thousand voxels among millions. Everything here costs its box only.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.interaction.clicks import Index
from hnuiseg.volume import Triple, components

# Equal depths along different axes can differ in the last bit of a float.
_SAME_DEPTH_MM = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """A 26-connected set of voxels: a mask within its bounding box."""

    start: Index  # of the box, in the volume
    mask: Bool[np.ndarray, "z y x"]  # read-only, as large as the box
    size: int  # voxels

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Its place in the volume."""
        z, y, x = (slice(s, s + n) for s, n in zip(self.start, self.mask.shape, strict=True))
        return z, y, x

    @property
    def first(self) -> Index:
        """Its first voxel in the volume's order: what sorts components of one size."""
        return self._voxel(int(self.mask.argmax()))

    def random(self, generator: np.random.Generator) -> Index:
        """Any of its voxels, all alike."""
        return self._one_of(self.mask, generator)

    def deepest(self, spacing: Triple, generator: np.random.Generator) -> Index:
        """The voxel farthest (mm) from every voxel outside; one of several by chance.

        Beyond the image is outside, as for surfaces (DESIGN §5).
        """
        # What lies nearest is never beyond a rim of one voxel round the box.
        depth = ndimage.distance_transform_edt(np.pad(self.mask, 1), sampling=spacing)
        depth = depth[1:-1, 1:-1, 1:-1]
        return self._one_of(depth >= depth.max() - _SAME_DEPTH_MM, generator)

    def _one_of(self, mask: Bool[np.ndarray, "z y x"], generator: np.random.Generator) -> Index:
        places = np.flatnonzero(mask)
        return self._voxel(int(places[int(generator.integers(len(places)))]))

    def _voxel(self, place: int) -> Index:
        within = np.unravel_index(place, self.mask.shape)
        z, y, x = (s + int(i) for s, i in zip(self.start, within, strict=True))
        return z, y, x


def components_of(mask: Bool[np.ndarray, "z y x"]) -> tuple[Component, ...]:
    """Every 26-connected component, largest first; equal ones in the order of their first voxel."""
    around = ndimage.find_objects(mask.view(np.uint8))
    if not around:
        return ()
    numbered, _ = components(mask[around[0]])
    found = []
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        part = numbered[box] == number
        part.flags.writeable = False
        z, y, x = (a.start + b.start for a, b in zip(around[0], box, strict=True))
        found.append(Component((z, y, x), part, int(np.count_nonzero(part))))
    return tuple(found)


def component_at(mask: Bool[np.ndarray, "z y x"], index: Index) -> Component:
    """The 26-connected component that a voxel of the mask lies in."""
    around = ndimage.find_objects(mask.view(np.uint8))[0]
    numbered, _ = components(mask[around])
    here = numbered[tuple(i - a.start for i, a in zip(index, around, strict=True))]
    whole = numbered == here
    box = ndimage.find_objects(whole.view(np.uint8))[0]
    part = whole[box]
    part.flags.writeable = False
    z, y, x = (a.start + b.start for a, b in zip(around, box, strict=True))
    return Component((z, y, x), part, int(np.count_nonzero(part)))
