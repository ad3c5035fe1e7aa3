"""Stochastic members: one look each at the whole volume, changed a little, mapped back.

Beside its dropout masks (`hnuiseg.networks.dropout`) a member has exactly one random
transform: noise on the images, a flip from left to right, or a rotation of up to 5° about one
axis (paper, section 2.5; the strength of the noise and the axis of the flip are our choice: no
other mirror gives a patient). Member 0 always has noise and never a geometric transform, so that
every voxel has a vote.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from hnuiseg.volume import Triple

NOISE_STD = 0.02  # in the network's normalised units
LARGEST_ANGLE = 5.0  # degrees, the paper's

_IMAGES = 2  # CT and PET come first; prompts after them
_PET = 1


class _Purpose(IntEnum):
    """Second part of a random key: no two uses share a stream. Never renumber."""

    TRANSFORM = 1
    NOISE = 2


@dataclass(frozen=True, slots=True)
class Noise:
    """White Gaussian noise on CT and PET, from the stream of (seed, member)."""

    seed: int
    index: int
    std: float = NOISE_STD

    def apply(
        self,
        images: Float[Tensor, "c z y x"],
        coverage: Bool[Tensor, "z y x"] | None,
    ) -> Float[Tensor, "c z y x"]:
        """The images with noise; PET only within its coverage, None being no PET at all."""
        noisy = images.clone()
        stream = np.random.default_rng((self.seed, _Purpose.NOISE, self.index))
        for channel in range(min(_IMAGES, images.shape[0])):
            if channel == _PET and coverage is None:
                continue
            for z in range(images.shape[1]):  # a slice at a time keeps the drawing small
                drawn = stream.standard_normal(tuple(images.shape[2:]), dtype=np.float32)
                added = torch.from_numpy(drawn).to(images.device) * self.std
                if channel == _PET and coverage is not None:
                    added = torch.where(coverage[z], added, 0.0)
                noisy[channel, z] += added
        return noisy


@dataclass(frozen=True, slots=True)
class Flip:
    """The patient mirrored from left to right, along x; exact both ways."""

    def apply(self, images: Float[Tensor, "c z y x"]) -> Float[Tensor, "c z y x"]:
        """The images mirrored; undone by doing it again."""
        return images.flip(3)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A turn in millimetres about an axis through the volume's centre.

    Positive angles turn from the first to the second of the two other axes, in the order
    z, y, x. Nothing is interpolated along the axis itself.
    """

    axis: int  # 0 z, 1 y, 2 x
    degrees: float

    def apply(
        self,
        images: Float[Tensor, "c z y x"],
        spacing: Triple,
        padding: Float[Tensor, " c"],
    ) -> Float[Tensor, "c z y x"]:
        """The turned volume; what comes into view has its channel's `padding`.

        Images are interpolated linearly, prompts by the nearest voxel: a click stays −1, 0
        or +1, the values that the network learned.
        """
        points, inside = self._points(images, spacing, -self.degrees)
        air = padding.tolist()
        turned = torch.empty_like(images)
        for channel in range(images.shape[0]):
            if air[channel] == 0.0 and not images[channel].any():  # prompts without a click
                turned[channel] = 0.0
                continue
            mode = "bilinear" if channel < _IMAGES else "nearest"
            seen = _sampled(images[channel], self.axis, points, mode)
            turned[channel] = torch.where(inside, seen, air[channel])
        return turned

    def undo(
        self, probabilities: Float[Tensor, "k z y x"], spacing: Triple
    ) -> tuple[Float[Tensor, "k z y x"], Bool[Tensor, "z y x"]]:
        """Probabilities turned back linearly, summing to 1, and which voxels were in view."""
        points, inside = self._points(probabilities, spacing, self.degrees)
        back = torch.empty_like(probabilities)
        for k in range(probabilities.shape[0]):
            back[k] = _sampled(probabilities[k], self.axis, points, "bilinear")
        back /= back.sum(dim=0)
        return back, inside.expand(tuple(back.shape[1:]))

    def _points(
        self, volume: Float[Tensor, "c z y x"], spacing: Triple, degrees: float
    ) -> tuple[Float[Tensor, "1 a b 2"], Bool[Tensor, "z y x"]]:
        """Where each voxel of a plane across the axis lies after a turn, and if in view.

        Points are in grid_sample's order (b, a) and units; the mask has length 1 along the
        axis. In view means within the outer faces, as in `hnuiseg.volume.covered`.
        """
        first, second = (k for k in range(3) if k != self.axis)
        n, m = volume.shape[1 + first], volume.shape[1 + second]
        a = (torch.arange(n, dtype=torch.float64)[:, None] - (n - 1) / 2) * spacing[first]
        b = (torch.arange(m, dtype=torch.float64) - (m - 1) / 2) * spacing[second]
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        half_a = (cos * a - sin * b) / (spacing[first] * n / 2)  # −1 … 1 between outer faces
        half_b = (sin * a + cos * b) / (spacing[second] * m / 2)
        # 1e-9: a centre exactly on an outer face must not depend on rounding
        inside = (half_a.abs() <= 1 + 1e-9) & (half_b.abs() <= 1 + 1e-9)
        points = torch.stack((half_b, half_a), dim=-1)[None].float()
        return points.to(volume.device), inside.unsqueeze(self.axis).to(volume.device)


Transform = Noise | Flip | Rotation


@dataclass(frozen=True, slots=True)
class Member:
    """One look at the volume; `index` is also the key of its dropout masks."""

    index: int
    transform: Transform

    def apply(
        self,
        images: Float[Tensor, "c z y x"],
        spacing: Triple,
        *,
        coverage: Bool[Tensor, "z y x"] | None,
        padding: Float[Tensor, " c"],
    ) -> Float[Tensor, "c z y x"]:
        """The volume as this member sees it: CT, PET, then prompts. The input is untouched.

        `spacing` in mm (z, y, x); `coverage` marks the voxels that the PET reaches, None
        where there is no PET; `padding` is what a rotation brings in, one value a channel.
        """
        match self.transform:
            case Noise():
                return self.transform.apply(images, coverage)
            case Flip():
                return self.transform.apply(images)
            case Rotation():
                return self.transform.apply(images, spacing, padding)

    def undo(
        self, probabilities: Float[Tensor, "k z y x"], spacing: Triple
    ) -> tuple[Float[Tensor, "k z y x"], Bool[Tensor, "z y x"] | None]:
        """Probabilities back in place, and the voxels it may vote on; None: all."""
        match self.transform:
            case Noise():
                return probabilities, None
            case Flip():
                return self.transform.apply(probabilities), None
            case Rotation():
                return self.transform.undo(probabilities, spacing)


def draw_members(n: int, seed: int) -> tuple[Member, ...]:
    """The first `n` members of a seed; more members never change the earlier ones.

    Kinds, axes of rotations and angles are uniform; `seed` is a non-negative integer.
    """
    return tuple(Member(index, _draw(seed, index)) for index in range(n))


def _draw(seed: int, index: int) -> Transform:
    if index == 0:
        return Noise(seed, 0)
    stream = np.random.default_rng((seed, _Purpose.TRANSFORM, index))
    kind, axis = int(stream.integers(3)), int(stream.integers(3))
    if kind == 0:
        return Noise(seed, index)
    if kind == 1:
        return Flip()
    return Rotation(axis, float(stream.uniform(-LARGEST_ANGLE, LARGEST_ANGLE)))


def _sampled(
    volume: Float[Tensor, "z y x"], axis: int, points: Float[Tensor, "1 a b 2"], mode: str
) -> Float[Tensor, "z y x"]:
    """Every plane across the axis read at the same points; beyond the edge its edge value."""
    planes = volume.movedim(axis, 0)
    read = functional.grid_sample(
        planes[:, None],
        points.expand(planes.shape[0], -1, -1, -1),
        mode=mode,
        padding_mode="border",
        align_corners=False,
    )
    return read[:, 0].movedim(0, axis)
