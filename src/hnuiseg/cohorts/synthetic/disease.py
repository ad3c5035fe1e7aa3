"""Which lesions a patient gets, and where: a primary at the airway, nodes along the chains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.cohorts.synthetic import ranges
from hnuiseg.cohorts.synthetic.landmarks import Landmarks
from hnuiseg.cohorts.synthetic.lesion import Blob
from hnuiseg.cohorts.synthetic.source import RealCt
from hnuiseg.volume import Triple

GTVP, GTVN = 1, 2
_PRIMARY_BUMPS, _NODE_BUMPS = 0.13, 0.06
_SOFT_HU = (-170.0, 170.0)
_FAT_HU = -40.0
_APART = 1.0  # of the summed radii, between centres
_BESIDE_AIRWAY = (0.35, 1.0)  # of its radius: from the airway to a primary's centre
_FARTHEST_MM = 12.0  # from where the atlas has a node to where there is room for it
_BALL_ML_PER_MM3 = np.pi / 6000.0


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """One lesion as it will be painted."""

    value: int  # 1 GTVp, 2 GTVn
    where: str  # site or level
    blob: Blob
    enhancement_hu: float  # over the patient's muscle
    necrotic_hu: float | None  # of the core; None: solid
    rim_hu: float
    displaced: float  # share of the volume that is pushed aside
    suv_max: float


def drawn_disease(real: RealCt, generator: np.random.Generator) -> tuple[Lesion, ...]:
    """By the published shares and sizes; empty where no site was found."""
    room = _room(real)
    lesions: list[Lesion] = []
    site = _primary_place(real, room, generator)
    first, second = generator.standard_normal(2)
    r = ranges.SUVMAX_CORRELATION
    hottest = ranges.SUVMAX_NODES.of(r * first + np.sqrt(1 - r**2) * second)
    side = float(generator.choice([-1.0, 1.0]))
    where = "oropharynx"
    no_primary = generator.random() < ranges.NO_PRIMARY
    if site is not None:
        where, place, volume = site
        side = float(np.sign(place[0] - _at(real, real.places.midline, place[2])) or side)
        if not no_primary:
            blob = Blob.drawn(place, volume, _PRIMARY_BUMPS, generator)
            uptake = ranges.SUVMAX_PRIMARY.of(float(first))
            lesions.append(_lesion(GTVP, where, blob, uptake, generator))
    if no_primary or generator.random() >= ranges.NO_NODES:
        lesions.extend(_nodes(real, room, where, side, hottest, lesions, generator))
    return tuple(lesions)


def _lesion(
    value: int, where: str, blob: Blob, suv_max: float, generator: np.random.Generator
) -> Lesion:
    large = 2.0 * blob.radius_mm >= ranges.NECROTIC_FROM_MM
    share = ranges.NECROTIC_NODES if value == GTVN else 0.5 * ranges.NECROTIC_NODES
    necrotic = large and bool(generator.random() < share)
    return Lesion(
        value,
        where,
        blob,
        ranges.ENHANCEMENT_HU.draw(generator),
        float(generator.uniform(*ranges.NECROTIC_HU)) if necrotic else None,
        float(generator.uniform(*ranges.RIM_HU)) if necrotic else 0.0,
        float(generator.uniform(*ranges.DISPLACED)),
        suv_max,
    )


def _room(real: RealCt) -> Float[np.ndarray, "z y x"]:
    """1 where a lesion may grow, 0 or less where it can't; fat between muscles is best."""
    hu = ndimage.gaussian_filter(real.ct.array, 0.7)
    soft = (hu > _SOFT_HU[0]) & (hu < _SOFT_HU[1]) & real.places.body
    room = np.where(soft, 0.8, -1.0).astype(np.float32)
    room[soft & (hu < _FAT_HU)] = 1.0
    room[real.places.airway] = 0.1
    skin = real.places.body & ~ndimage.binary_erosion(real.places.body, iterations=2)
    room[skin | ~real.places.body] = -2.0
    if "SpinalCord" in real.organs:
        room[real.organs["SpinalCord"]] = -3.0
    return room


def _primary_place(
    real: RealCt, room: Float[np.ndarray, "z y x"], generator: np.random.Generator
) -> tuple[str, Triple, float] | None:
    """Site, place and volume: inside the high-dose target, beside the airway."""
    spacing = real.ct.grid.spacing
    volume = ranges.PRIMARY_ML.draw(generator)
    away = ndimage.distance_transform_edt(~real.places.airway, sampling=spacing)
    for shrunk in (1.0, 0.6, 0.3):
        ml = max(ranges.PRIMARY_ML.low, volume * shrunk)
        radius = (3000.0 * ml / (4.0 * np.pi)) ** (1 / 3)
        nearest, farthest = (share * radius for share in _BESIDE_AIRWAY)
        inside = _within(real.high_dose, room, radius, spacing)
        places = real.high_dose & (room > 0) & (away > nearest) & (away <= farthest + 2.0)
        weight = np.where(places, np.maximum(inside - 0.25, 0.0) ** 2, 0.0)
        if weight.sum() > 0:
            voxel = _drawn(weight, generator)
            z, y, x = (float(i * s) for i, s in zip(voxel, spacing, strict=True))
            return _site(real.places, z, generator), (x, y, z), ml
    return None


def _site(places: Landmarks, z: float, generator: np.random.Generator) -> str:
    """By height: the levels that a site drains to follow from it."""
    if z < places.heights["hyoid"] - 6.0:
        return "larynx" if generator.random() < 0.7 else "hypopharynx"  # shares of RADCURE
    return "oropharynx" if z < places.heights["hyoid"] + 45.0 else "nasopharynx"


def _nodes(
    real: RealCt,
    room: Float[np.ndarray, "z y x"],
    site: str,
    side: float,
    hottest: float,
    others: Sequence[Lesion],
    generator: np.random.Generator,
) -> list[Lesion]:
    wanted = []
    for level, share in ranges.INVOLVED[site].items():
        for flank, likely in ((side, share), (-side, share * ranges.OTHER_SIDE[level])):
            if generator.random() < likely:
                wanted.append((level, flank))
                while generator.random() < 1.0 - 1.0 / ranges.NODES_IN_A_LEVEL:
                    wanted.append((level, flank))
    if not wanted:
        wanted = [("II", side)]
    order = [wanted[int(k)] for k in generator.permutation(len(wanted))][: ranges.MOST_NODES]
    found: list[Lesion] = []
    for k, (level, flank) in enumerate(order):
        size = ranges.OTHER_NODE_MM if k else ranges.LARGEST_NODE_MM
        millimetres = size.draw(generator)
        place = _node_place(real, room, level, flank, millimetres, [*others, *found], generator)
        if place is None:
            continue
        blob = Blob.drawn(place, _BALL_ML_PER_MM3 * millimetres**3, _NODE_BUMPS, generator)
        cooler = 1.0 if not found else float(generator.uniform(*ranges.COOLER_NODES))
        found.append(_lesion(GTVN, level, blob, hottest * cooler, generator))
    return found


def _node_place(
    real: RealCt,
    room: Float[np.ndarray, "z y x"],
    level: str,
    flank: float,
    millimetres: float,
    others: Sequence[Lesion],
    generator: np.random.Generator,
) -> Triple | None:
    """Near where the level's nodes lie, where there is room; None where there is none."""
    borders = ranges.LEVELS[level]
    low, high = (real.places.heights[name] + off for name, off in (borders.low, borders.high))
    z = float(generator.uniform(low, max(low, high)))
    x = _at(real, real.places.midline, z) + flank * borders.aside + float(generator.normal(0, 2.5))
    y = _at(real, real.places.spine, z) - borders.ahead + float(generator.normal(0, 2.5))
    centre = np.array([z, y, x])
    spacing = np.array(real.ct.grid.spacing)
    reach = np.ceil((_FARTHEST_MM + millimetres) / spacing).astype(int)
    middle = np.round(centre / spacing).astype(int)
    first = np.maximum(middle - reach, 0)
    last = np.minimum(middle + reach + 1, real.ct.grid.shape)
    if (last - first < 3).any():
        return None
    box = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    inside = _within(real.targets[box], room[box], millimetres / 2, real.ct.grid.spacing)
    at = [
        (np.arange(s.start, s.stop) * d)[tuple(slice(None) if k == j else None for j in range(3))]
        for k, (s, d) in enumerate(zip(box, spacing, strict=True))
    ]
    away = np.sqrt(sum((a - c) ** 2 for a, c in zip(at, centre, strict=True)))
    weight = np.where(
        away < _FARTHEST_MM, np.maximum(inside - 0.3, 0.0) ** 3 * np.exp(-((away / 8.0) ** 2)), 0.0
    )
    for other in others:
        gap = np.sqrt(
            sum((a - c) ** 2 for a, c in zip(at, reversed(other.blob.centre), strict=True))
        )
        weight[gap < _APART * (max(other.blob.radii) + millimetres / 2)] = 0.0
    if weight.sum() <= 0:
        return None
    voxel = _drawn(weight, generator) + first
    z, y, x = (float(i * s) for i, s in zip(voxel, spacing, strict=True))
    return x, y, z


def _within(
    target: Bool[np.ndarray, "z y x"],
    room: Float[np.ndarray, "z y x"],
    radius_mm: float,
    spacing: Triple,
) -> Float[np.ndarray, "z y x"]:
    """How much room a ball of that radius has at each voxel; targets count a little more."""
    sigma = [0.6 * radius_mm / s for s in spacing]
    blurred: Float[np.ndarray, "z y x"] = ndimage.gaussian_filter(
        room + np.float32(0.25) * target, sigma, mode="nearest", truncate=2.5
    )
    return blurred


def _drawn(
    weight: Float[np.ndarray, "z y x"], generator: np.random.Generator
) -> Float[np.ndarray, "3"]:
    """A voxel by weight."""
    summed = np.cumsum(weight, dtype=np.float64)
    flat = int(np.searchsorted(summed, generator.random() * summed[-1], side="right"))
    return np.array(np.unravel_index(min(flat, weight.size - 1), weight.shape))


def _at(real: RealCt, along: Float[np.ndarray, " z"], z_mm: float) -> float:
    return float(np.interp(z_mm / real.ct.grid.spacing[0], np.arange(len(along)), along))
