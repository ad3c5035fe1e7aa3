"""Where a patch lies in a volume, how it is turned and mirrored, and its voxels there.

Cropping, turning and mirroring are one look-up in the part of the volume that the patch touches:
nothing larger is read or turned, and values are interpolated once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from hnuiseg.training.sample_store import Box, StoredSample

Index = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What a network learns from at once; prompts not drawn yet."""

    images: Float[Tensor, "2 z y x"]  # scaled CT and PET
    coverage: UInt8[Tensor, "z y x"]  # 1 where the PET channel holds an image
    labels: UInt8[Tensor, "z y x"]  # 0, 1, 2, 255
    first: UInt8[Tensor, "z y x"] | None = None  # an automatic mask to correct


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A patch of `size` voxels whose first voxel lies at `start`, mirrored, and turned or not.

    `turn` is a rotation about the patch's middle in mm (z, y, x), source from patch; None: along
    the axes, so that voxels are taken as they are.
    """

    start: Index
    size: Index
    mirrored: tuple[bool, bool, bool] = (False, False, False)
    turn: Float[np.ndarray, "3 3"] | None = None

    def source(self, spacing: tuple[float, float, float]) -> Float[np.ndarray, "3 4"]:
        """Source index of a patch voxel: matrix and, in the last column, that of voxel 0."""
        middle = (np.array(self.size) - 1) / 2
        mirror = np.diag([-1.0 if m else 1.0 for m in self.mirrored])
        scale = np.array(spacing)
        turn = np.eye(3) if self.turn is None else self.turn
        matrix = (turn * scale[None] / scale[:, None]) @ mirror
        first = np.array(self.start) + middle - matrix @ middle
        return np.concatenate([matrix, first[:, None]], axis=1)


def random_turn(generator: np.random.Generator, most_degrees: float) -> Float[np.ndarray, "3 3"]:
    """A rotation about an axis of random direction by up to so many degrees, evenly drawn."""
    axis = generator.normal(size=3)
    axis /= np.linalg.norm(axis)
    angle = np.deg2rad(generator.uniform(-most_degrees, most_degrees))
    cross = np.array(
        [[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]], dtype=float
    )
    turned: Float[np.ndarray, "3 3"] = (  # Rodrigues' formula
        np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    )
    return turned


def cut(
    sample: StoredSample,
    placement: Placement,
    air: float,
    first: UInt8[np.ndarray, "Z Y X"] | None = None,
) -> Patch:
    """The patch: images linear, labels by the nearest voxel; beyond the volume lies air.

    `air` is the scaled CT value of air. Where the PET isn't covered its channel is exactly 0.
    """
    box = _touched(placement, sample)
    images = torch.from_numpy(sample.images(box))
    marks = torch.from_numpy(sample.marks(box))
    if first is not None:
        marks = torch.cat([marks, torch.from_numpy(np.ascontiguousarray(first[box]))[None]])
    images[0] -= air
    if placement.turn is None:
        images, marks = (_straight(part, placement, box) for part in (images, marks))
    else:
        source = placement.source(sample.spacing)
        source[:, 3] -= [side.start for side in box]
        # on an axis of one voxel `grid_sample` can't tell where an index lies: a second of zeros
        short = [n for size in reversed(images.shape[1:]) for n in (0, int(size == 1))]
        images, marks = functional.pad(images, short), functional.pad(marks, short).float()
        at = _places(placement.size, source, images.shape[1:])
        images = functional.grid_sample(images[None], at, mode="bilinear", align_corners=True)[0]
        marks = functional.grid_sample(marks[None], at, mode="nearest", align_corners=True)[0]
        marks = marks.to(torch.uint8)
    images[0] += air
    images[1][marks[1] == 0] = 0.0
    return Patch(images, marks[1], marks[0], None if first is None else marks[2])


def _touched(placement: Placement, sample: StoredSample) -> Box:
    """The part of the volume that the patch's voxels lie in; at least one voxel."""
    source = placement.source(sample.spacing)
    middle = (np.array(placement.size) - 1) / 2
    centre = source[:, :3] @ middle + source[:, 3]
    reach = np.abs(source[:, :3]) @ middle
    sides = []
    for at, half, n in zip(centre, reach, sample.shape, strict=True):
        low = min(max(int(np.floor(at - half + 1e-9)), 0), n - 1)
        high = max(min(int(np.ceil(at + half - 1e-9)) + 1, n), low + 1)
        sides.append(slice(low, high))
    z, y, x = sides
    return z, y, x


def _straight(part: Tensor, placement: Placement, box: Box) -> Tensor:
    """Voxels as they are, with zeros beyond the volume."""
    whole = part.new_zeros((len(part), *placement.size))
    into, out_of = [slice(None)], [slice(None)]
    for start, size, side in zip(placement.start, placement.size, box, strict=True):
        low, high = max(start, side.start), min(start + size, side.stop)
        into.append(slice(low - start, max(high, low) - start))
        out_of.append(slice(low - side.start, max(high, low) - side.start))
    whole[tuple(into)] = part[tuple(out_of)]
    flips = [axis + 1 for axis, mirrored in enumerate(placement.mirrored) if mirrored]
    return whole.flip(flips) if flips else whole


def _places(
    size: Index, source: Float[np.ndarray, "3 4"], within: Sequence[int]
) -> Float[Tensor, "1 z y x 3"]:
    """Where each voxel lies, as `torch.nn.functional.grid_sample` counts: x first, from -1 to 1."""
    steps = [torch.arange(n, dtype=torch.float64) for n in size]
    places = torch.empty((1, *size, 3))
    for axis, ((of_z, of_y, of_x, first), length) in enumerate(
        zip(source.tolist(), within, strict=True)
    ):
        scale = 2 / (length - 1)
        along = (of_z * scale * steps[0] + first * scale - 1)[:, None, None]
        along = along + (of_y * scale * steps[1])[:, None]
        places[0, ..., 2 - axis] = along.float() + (of_x * scale * steps[2]).float()
    return places
