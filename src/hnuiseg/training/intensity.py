"""Random changes of intensity (paper section 3.2): scaling, shifting, Gaussian noise.

Never of a PET that isn't there: outside its coverage the PET channel stays exactly 0.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from hnuiseg.training.placement import Patch


@dataclass(frozen=True, slots=True)
class Intensity:
    """How far values are changed; the paper names the kinds, not the ranges."""

    scale: float = 0.1  # factor drawn evenly from 1 - scale to 1 + scale, for each channel
    shift: float = 0.05  # added, drawn evenly from -shift to shift, in scaled units
    noise: float = 0.05  # standard deviation, drawn evenly from 0, in scaled units


def changed(patch: Patch, how: Intensity, generator: np.random.Generator) -> Patch:
    """CT and PET scaled, shifted and noisy, each by draws of its own."""
    noise = torch.Generator().manual_seed(int(generator.integers(2**62)))
    images = torch.empty_like(patch.images)
    torch.randn(images.shape, generator=noise, out=images)
    for channel, grain in enumerate(images):
        factor = float(generator.uniform(1 - how.scale, 1 + how.scale))
        shift = float(generator.uniform(-how.shift, how.shift))
        grain.mul_(how.noise * float(generator.random())).add_(shift)
        grain.add_(patch.images[channel], alpha=factor)
    images[1][patch.coverage == 0] = 0.0
    return replace(patch, images=images)
