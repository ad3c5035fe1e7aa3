"""Random changes of a training patch (paper section 3.2): scaling, shift, noise, flips.

The PET channel is touched only where the PET has an image: a missing PET stays exactly 0.
Rotations are left to the phantom's own random displacement here.
"""

from dataclasses import replace

import numpy as np
import torch

from hnuiseg.training.sampling import Sample


def without_pet(sample: Sample) -> Sample:
    """The patch as a CT-only study would give it."""
    images = sample.images.clone()
    images[1] = 0.0
    return replace(sample, images=images, coverage=torch.zeros_like(sample.coverage))


def augmented(sample: Sample, generator: np.random.Generator) -> Sample:
    """Scaled, shifted and noisy images; the whole patch mirrored left to right half of the time.

    Patients lie on their backs with the head up: only the left-right flip gives a patient that
    could exist, so training uses that one alone.
    """
    images = sample.images.clone()
    noise = torch.Generator().manual_seed(int(generator.integers(2**62)))
    for channel, deviation in ((0, 0.05), (1, 0.05)):
        scale, shift = float(generator.uniform(0.9, 1.1)), float(generator.normal(0.0, 0.03))
        strength = deviation * float(generator.random())
        grain = strength * torch.randn(images[channel].shape, generator=noise)
        images[channel] = images[channel] * scale + (shift if channel == 0 else 0.0) + grain
    images[1] = torch.where(sample.coverage, images[1], torch.zeros(()))
    changed = replace(sample, images=images)
    if generator.random() < 0.5:
        changed = Sample(
            changed.images.flip(-1), changed.coverage.flip(-1), changed.labels.flip(-1)
        )
    return changed
