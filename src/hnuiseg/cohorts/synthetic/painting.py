"""Lesions on a CT, on its own coarse grid: through its blur, with its own grain.

What a network could tell a lesion by besides its density and shape would be a short cut: grain that
is too smooth or too fine, edges that are too sharp. So a lesion's voxels are mixed by the share of
them that it fills, and its grain is cut out of the same patient's soft tissue elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from hnuiseg.cohorts.phantom.scene import smooth_noise
from hnuiseg.cohorts.synthetic import ranges
from hnuiseg.cohorts.synthetic.disease import Lesion
from hnuiseg.cohorts.synthetic.lesion import Box
from hnuiseg.cohorts.synthetic.source import MUSCLE_HU, RealCt
from hnuiseg.volume import Grid, interpolated

_PARTS = (2, 3, 3)  # of a voxel, along z, y, x, that are looked at one by one
_BONE_HU = 220.0
_AIR_HU = -450.0
_SOFT_HU = (-40.0, 140.0)
_GRAIN_VOXELS = 1.2  # standard deviation of the low pass that grain is left over from
_MOST_GRAIN_HU = 60.0  # beyond lies the edge of something
_DONORS = 24  # places that are tried
_FARTHEST_PUSH = 2.4  # radii from the centre, beyond which nothing has moved
_CORE = (0.35, 0.62)  # of the radius: where necrosis begins and ends
_STRANDED = 0.45  # of a fat plane, at most


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """How much of each voxel in a box a lesion fills, and how far out (level) its parts lie."""

    box: Box
    filled: Float[np.ndarray, "z y x"]
    level: Float[np.ndarray, "z y x"]


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """The CT with disease, and what was painted where."""

    hu: Float[np.ndarray, "z y x"]
    closed: Float[np.ndarray, "z y x"]  # from 0 to 1: bone, open airway and outside; ½ is its edge
    shares: tuple[Share, ...]  # of each lesion


@dataclass(frozen=True, slots=True, eq=False)
class _Grain:
    """What is left of a real CT above a low pass, and where it is soft tissue's."""

    residue: Float[np.ndarray, "z y x"]
    soft: Bool[np.ndarray, "z y x"]
    places: Int[np.ndarray, "n 3"]  # voxels of soft tissue

    @classmethod
    def of(cls, real: RealCt) -> "_Grain":
        hu = real.ct.array
        soft = soft_tissue(hu) & real.places.body
        return cls(hu - _low_pass(hu), soft, np.argwhere(soft))

    def cut(
        self, shape: tuple[int, ...], generator: np.random.Generator
    ) -> Float[np.ndarray, "z y x"]:
        """From the softest of some boxes of that shape."""
        whole = np.array(self.soft.shape)
        best, most = None, -1.0
        for _ in range(_DONORS):
            centre = self.places[int(generator.integers(len(self.places)))]
            first = np.clip(centre - np.array(shape) // 2, 0, whole - np.array(shape))
            box = tuple(slice(int(a), int(a) + n) for a, n in zip(first, shape, strict=True))
            middle = tuple(slice(n // 4, n - n // 4) for n in shape)
            share = float(self.soft[box][middle].mean())
            if share > most:
                best, most = box, share
        assert best is not None
        residue, ours = self.residue[best], self.soft[best]
        spread = float(residue[ours].std()) if ours.any() else 8.0
        drawn = generator.normal(0.0, spread, shape).astype(np.float32)
        # where the donor has bone, air or an edge, grain of the same strength
        usable = ours & (np.abs(residue) < _MOST_GRAIN_HU)
        return np.where(usable, residue, np.clip(drawn, -_MOST_GRAIN_HU, _MOST_GRAIN_HU))


def painted(real: RealCt, lesions: Sequence[Lesion], generator: np.random.Generator) -> Painted:
    """Plant the lesions one after the other."""
    hu = real.ct.array.copy()
    closed, grain = closed_to_disease(real), _Grain.of(real)
    shares = []
    for lesion in lesions:
        share = share_of(lesion, real.ct.grid, closed)
        pushed = _pushed(hu, share, lesion, real.ct.grid)
        hu[share.box] = _filled(pushed, share, lesion, grain, real.ct.grid, generator)
        shares.append(share)
    return Painted(hu, closed, tuple(shares))


def closed_to_disease(real: RealCt) -> Float[np.ndarray, "z y x"]:
    """Bone, what is left of the airway, and all outside the body; softened to half at its edge."""
    hu = real.ct.array
    bone = ndimage.binary_opening(ndimage.gaussian_filter(hu, 0.5) > _BONE_HU)
    # a tumour narrows the airway and doesn't fill it: only its inner voxels stay open
    open_air = ndimage.binary_erosion(hu < _AIR_HU)
    closed = bone | open_air | ~real.places.body
    softened: Float[np.ndarray, "z y x"] = ndimage.gaussian_filter(
        closed.astype(np.float32), 0.6, mode="nearest"
    )
    return softened


def share_of(lesion: Lesion, grid: Grid, closed: Float[np.ndarray, "z y x"]) -> Share:
    """By the middles of equal parts of each voxel."""
    box = lesion.blob.box(grid, _FARTHEST_PUSH * lesion.blob.radius_mm)
    shape = [side.stop - side.start for side in box]
    fine = [
        (np.arange(n * parts) + 0.5) / parts - 0.5 + side.start
        for n, parts, side in zip(shape, _PARTS, box, strict=True)
    ]
    z, y, x = (f * s for f, s in zip(fine, grid.spacing, strict=True))
    level = lesion.blob.level(x[None, None, :], y[None, :, None], z[:, None, None])
    steps = np.array([1.0 / parts for parts in _PARTS])
    barrier = interpolated(
        closed[box], steps, 0.5 * steps - 0.5, (level.shape[0], level.shape[1], level.shape[2])
    )
    inside = ((level <= 1.0) & (barrier < 0.5)).astype(np.float32)

    def mean(values: Float[np.ndarray, "Z Y X"]) -> Float[np.ndarray, "z y x"]:
        split = values.reshape(shape[0], _PARTS[0], shape[1], _PARTS[1], shape[2], _PARTS[2])
        found: Float[np.ndarray, "z y x"] = split.mean(axis=(1, 3, 5))
        return found

    return Share(box, mean(inside), mean(level))


def _pushed(
    hu: Float[np.ndarray, "z y x"], share: Share, lesion: Lesion, grid: Grid
) -> Float[np.ndarray, "z y x"]:
    """The box with what lay in the lesion pushed outwards; bone stays where it is."""
    before = hu[share.box]
    out = np.maximum(share.level, 1e-3)
    fading = np.clip((_FARTHEST_PUSH - out) / (_FARTHEST_PUSH - 1.0), 0.0, 1.0)
    moved = lesion.displaced * np.minimum(fading, 1.0) ** 2
    # cubes, as volumes: what comes to lie at `out` lay closer by the volume that was pushed away
    from_ = np.cbrt(np.maximum(out**3 - moved * np.minimum(out, 1.0) ** 3, 0.0)) / out
    places = []
    for axis, (centre, side, spacing) in enumerate(
        zip(reversed(lesion.blob.centre), share.box, grid.spacing, strict=True)
    ):
        shape = tuple(-1 if k == axis else 1 for k in range(3))
        own = np.arange(side.start, side.stop).reshape(shape)
        middle = centre / spacing
        places.append(middle + (own - middle) * from_ - side.start)
    moved_hu = ndimage.map_coordinates(before, places, order=3, mode="nearest")
    stays = ndimage.binary_dilation((before > _BONE_HU) | (moved_hu > _BONE_HU)) | (moved == 0)
    return np.where(stays, before, np.clip(moved_hu, -1000.0, _BONE_HU)).astype(np.float32)


def _filled(
    hu: Float[np.ndarray, "z y x"],
    share: Share,
    lesion: Lesion,
    grain: _Grain,
    grid: Grid,
    generator: np.random.Generator,
) -> Float[np.ndarray, "z y x"]:
    shape = hu.shape
    small = Grid.axial((shape[0], shape[1], shape[2]), grid.spacing)
    vital = MUSCLE_HU + lesion.enhancement_hu
    density = vital + ranges.UNEVEN_HU * smooth_noise(small, generator, 9.0)
    if lesion.necrotic_hu is not None:
        start, end = _CORE
        edge = share.level + 0.12 * smooth_noise(small, generator, 8.0)
        core = np.clip((end - edge) / (end - start), 0.0, 1.0)
        density = density + lesion.rim_hu * (1.0 - core)
        density = density + core * (lesion.necrotic_hu - density)
    cut = grain.cut(shape, generator)
    stranded = _stranding(hu, share, lesion, small, generator)
    mixed: Float[np.ndarray, "z y x"] = stranded + share.filled * (density + cut - stranded)
    return mixed.astype(np.float32)


def _stranding(
    hu: Float[np.ndarray, "z y x"],
    share: Share,
    lesion: Lesion,
    grid: Grid,
    generator: np.random.Generator,
) -> Float[np.ndarray, "z y x"]:
    """Fat planes round the lesion blurred into what borders on them, in places."""
    beyond = np.maximum(share.level - 1.0, 0.0) * lesion.blob.radius_mm
    near = np.exp(-beyond / ranges.FAT_PLANES_LOST_MM)
    patchy = np.clip(0.5 + smooth_noise(grid, generator, 12.0), 0.0, 1.0)
    fat = np.clip((-20.0 - hu) / 60.0, 0.0, 1.0) * (hu > -200.0)
    strength = _STRANDED * near * patchy * fat
    stranded: Float[np.ndarray, "z y x"] = hu + strength * (MUSCLE_HU - 20.0 - hu)
    return stranded


def soft_tissue(hu: Float[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Neither fat, air nor bone, looked at through a low pass."""
    low = _low_pass(hu)
    found: Bool[np.ndarray, "z y x"] = (low > _SOFT_HU[0]) & (low < _SOFT_HU[1])
    return found


def _low_pass(hu: Float[np.ndarray, "z y x"]) -> Float[np.ndarray, "z y x"]:
    low: Float[np.ndarray, "z y x"] = ndimage.gaussian_filter(hu, _GRAIN_VOXELS)
    return low
