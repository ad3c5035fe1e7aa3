"""Training patches: crops around tumour mixed with crops of the body (paper section 3.2)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hnuiseg.inference.inputs import NetworkInputs

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Images and truth on the working grid."""

    images: Float[Tensor, "4 z y x"]
    coverage: Bool[Tensor, "z y x"]  # where the PET channel holds an image
    labels: UInt8[Tensor, "z y x"]

    @classmethod
    def of(cls, inputs: NetworkInputs, labels: UInt8[np.ndarray, "z y x"]) -> "Sample":
        """A case's inputs with its truth; without PET nothing is covered."""
        nothing = torch.zeros(inputs.working.shape, dtype=torch.bool)
        coverage = nothing if inputs.coverage is None else inputs.coverage
        return cls(inputs.images, coverage, torch.from_numpy(labels))

    def cut(self, box: Box) -> "Sample":
        """The part within a box; views."""
        return Sample(self.images[:, *box], self.coverage[box], self.labels[box])


def draw_box(
    labels: UInt8[np.ndarray, "z y x"],
    tissue: Bool[np.ndarray, "z y x"],
    window: tuple[int, int, int],
    generator: np.random.Generator,
    *,
    around_tumour: bool,
) -> Box:
    """A window's place in the volume: around tumour, or anywhere in the body.

    It holds a random voxel of a random class that is present, or else of the tissue, anywhere
    but in its outer eighth. Air teaches nothing: without tissue the window is anywhere. Volumes
    must not be smaller than the window.
    """
    free = [n - w for n, w in zip(labels.shape, window, strict=True)]
    assert all(f >= 0 for f in free)
    present = [value for value in (1, 2) if (labels == value).any()]
    if around_tumour and present:
        voxels = np.flatnonzero(labels == present[int(generator.integers(len(present)))])
    else:
        voxels = np.flatnonzero(tissue)
    if len(voxels) == 0:
        voxels = np.arange(labels.size)
    voxel = np.unravel_index(voxels[int(generator.integers(len(voxels)))], labels.shape)
    starts = [
        int(np.clip(int(v) - int(generator.integers(w // 8, w - w // 8)), 0, f))
        for v, w, f in zip(voxel, window, free, strict=True)
    ]
    z, y, x = (slice(s, s + w) for s, w in zip(starts, window, strict=True))
    return z, y, x
