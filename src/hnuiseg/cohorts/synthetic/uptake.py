"""Where tracer goes in a patient: organs by the CT, decoys by anatomy, lesions as planted.

Decoys are what looks like disease and isn't: tonsils, glands, muscles in use, vocal cords, brown
fat. They lie where they lie in people, inside radiotherapy targets too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from hnuiseg.cohorts.phantom.scene import smooth_noise
from hnuiseg.cohorts.synthetic import ranges
from hnuiseg.cohorts.synthetic.disease import Lesion
from hnuiseg.cohorts.synthetic.lesion import Blob
from hnuiseg.cohorts.synthetic.painting import Painted
from hnuiseg.cohorts.synthetic.source import RealCt
from hnuiseg.volume import Triple, holes_filled

_RIM = 0.65  # of a lesion's uptake at its surface, to that of its middle
_CORE_SUV = 1.2
_MOST_ACTIVITY = 90.0  # SUV before blur: a small hot node needs more than is seen of it

# sternomastoid, pterygoids, deep neck: aside from the midline, ahead of the spine, above the hyoid
_MUSCLES = ((48.0, -2.0, -20.0), (38.0, 18.0, 60.0), (18.0, -24.0, 20.0))

Activity = Float[np.ndarray, "z y x"]
Mask = Bool[np.ndarray, "z y x"]


@dataclass(frozen=True, slots=True, eq=False)
class Decoy:
    """Normal uptake that a reader might take for disease."""

    name: str
    blob: Blob
    suv: float


@dataclass(frozen=True, slots=True, eq=False)
class Uptake:
    """SUV before the scanner sees it, on the CT's coarse grid; without lesions, and of each lesion.

    `of_lesions` is for an uptake of 1: what a scanner makes of it decides the real one.
    """

    normal: Activity
    of_lesions: tuple[Activity, ...]
    decoys: tuple[Decoy, ...]


def drawn_uptake(
    real: RealCt, lesions: Sequence[Lesion], art: Painted, generator: np.random.Generator
) -> Uptake:
    """A patient's normal uptake, with decoys, and the places of the lesions."""
    drawn = {
        name: max(0.15, float(generator.normal(mean, sd)))
        for name, (mean, sd) in ranges.NORMAL_UPTAKE.items()
    }
    normal = _tissues(real, drawn, generator)
    decoys = _decoys(real, drawn, generator)
    for decoy in decoys:
        _paint(normal, decoy, real)
    of_lesions = []
    for lesion, share in zip(lesions, art.shares, strict=True):
        one = np.zeros_like(normal)
        profile = _RIM + (1.0 - _RIM) * np.clip(2.0 * (1.0 - share.level), 0.0, 1.0)
        uneven = 1.0 + 0.12 * smooth_noise(
            real.ct.grid.cropped((0, 0, 0), (profile.shape[0], profile.shape[1], profile.shape[2])),
            generator,
            8.0,
        )
        profile = profile * np.clip(uneven, 0.6, 1.4)
        if lesion.necrotic_hu is not None:
            core = np.clip((0.6 - share.level) / 0.25, 0.0, 1.0)
            profile = profile * (1.0 - core) + core * _CORE_SUV / max(lesion.suv_max, 1.5)
        one[share.box] = share.filled * profile
        normal[share.box] *= 1.0 - share.filled
        of_lesions.append(one.astype(np.float32))
    return Uptake(normal.astype(np.float32), tuple(of_lesions), decoys)


def with_lesions(
    uptake: Uptake, lesions: Sequence[Lesion], seen: Sequence[Activity], normal_seen: Activity
) -> Activity:
    """Activity in which each lesion's highest blurred value is its SUVmax.

    `seen` are the lesions' unit uptakes as the scanner blurs them, `normal_seen` the rest.
    """
    whole = uptake.normal.copy()
    for lesion, unit, blurred in zip(lesions, uptake.of_lesions, seen, strict=True):
        hottest = int(blurred.argmax())
        most = float(blurred.flat[hottest])
        if most <= 0:
            continue
        around = float(normal_seen.flat[hottest])
        whole += unit * float(np.clip((lesion.suv_max - around) / most, 0.5, _MOST_ACTIVITY))
    return whole


def _tissues(real: RealCt, drawn: dict[str, float], generator: np.random.Generator) -> Activity:
    hu, places = real.ct.array, real.places
    low = ndimage.gaussian_filter(hu, 0.6)
    suv = np.zeros(hu.shape, dtype=np.float32)
    body = places.body
    suv[body & (low > -250)] = drawn["fat"]
    suv[body & (low > -20)] = drawn["muscle"]
    vessel = body & (low > 120) & (low < 300)
    suv[vessel] = drawn["vessel"]
    suv[body & (low > 300)] = drawn["marrow"]
    brain = _brain(real, low)
    grey = ndimage.distance_transform_edt(brain, sampling=real.ct.grid.spacing) < 14.0
    suv[brain] = 0.62 * drawn["brain"]  # white matter and ventricles
    suv[brain & grey] = drawn["brain"]
    for organ, name in (
        ("SpinalCord", "cord"),
        ("Brainstem", "cord"),
        ("Esophagus", "oesophagus"),
    ):
        if organ in real.organs:
            suv[real.organs[organ] & (low > -100)] = drawn[name]
    for organ, level in zip(
        ("RightParotid", "LeftParotid"), _pair(drawn["parotid"], generator), strict=True
    ):
        if organ in real.organs:
            suv[real.organs[organ] & (low > -150)] = level
    suv *= 1.0 + 0.12 * smooth_noise(real.ct.grid, generator, 25.0)
    return np.maximum(suv, 0.0)


def _brain(real: RealCt, low: Activity) -> Mask:
    """Soft tissue that bone encloses above the base of the skull."""
    _, dy, dx = real.ct.grid.spacing
    wide = max(1, round(5.0 / min(dy, dx)))
    bone = ndimage.binary_closing(low > 180, structure=np.ones((1, 3, 3)), iterations=wide)
    inside = holes_filled(bone) & ~bone & (low > -30) & (low < 120)
    first = int(real.places.heights["base"] / real.ct.grid.spacing[0])
    inside[: max(0, first)] = False
    inside = ndimage.binary_opening(inside, iterations=1)
    labels, count = ndimage.label(inside)
    if count == 0:
        return np.zeros_like(inside)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    brain: Mask = ndimage.binary_dilation(labels == largest) & (low > -30) & (low < 180)
    return brain


def _decoys(
    real: RealCt, drawn: dict[str, float], generator: np.random.Generator
) -> tuple[Decoy, ...]:
    """Pairs and single structures, placed by airway, spine and hyoid."""
    hyoid, cricoid = real.places.heights["hyoid"], real.places.heights["cricoid"]
    found: list[Decoy] = []

    def put(name: str, place: Triple, radii: Triple, suv: float) -> None:
        blob = _ellipsoid(place, radii, generator)
        found.append(Decoy(name, blob, min(max(suv, 0.5), ranges.MOST_NORMAL_SUV)))

    def pair(name: str, aside: float, ahead: float, z: float, radii: Triple) -> None:
        left, right = _pair(drawn[name], generator)
        for flank, suv in ((1.0, left), (-1.0, right)):
            put(name, _from_spine(real, flank * aside, ahead, z), radii, suv)

    for flank, suv in zip((1.0, -1.0), _pair(drawn["tonsil"], generator), strict=True):
        put("tonsil", _wall(real, flank, hyoid + 30.0), (6.0, 8.0, 12.0), suv)
    put("lingual tonsil", _front(real, hyoid + 12.0), (13.0, 5.0, 9.0), drawn["lingual tonsil"])
    put("soft palate", _front(real, hyoid + 48.0), (14.0, 7.0, 6.0), drawn["soft palate"])
    pair("submandibular", 30.0, 30.0, hyoid + 10.0, (8.0, 13.0, 11.0))
    pair("sublingual", 14.0, 56.0, hyoid + 14.0, (5.0, 13.0, 6.0))
    pair("thyroid", 17.0, 20.0, cricoid - 14.0, (8.0, 9.0, 18.0))
    put("cords", _front(real, cricoid + 16.0), (11.0, 9.0, 4.0), drawn["cords"])
    put(
        "mylohyoid",
        _from_spine(real, 0.0, 60.0, hyoid + 6.0),
        (20.0, 18.0, 5.0),
        drawn["mylohyoid"],
    )
    pair("eye muscles", 31.0, 76.0, hyoid + 105.0, (11.0, 12.0, 9.0))
    if generator.random() < ranges.MUSCLE_IN_USE:
        flank = float(generator.choice([-1.0, 1.0]))
        aside, ahead, up = _MUSCLES[int(generator.integers(len(_MUSCLES)))]
        put(
            "muscle in use",
            _from_spine(real, flank * aside, ahead, hyoid + up),
            (9.0, 11.0, 24.0),
            drawn["muscle in use"],
        )
    if generator.random() < ranges.BROWN_FAT:
        for aside, ahead in ((60.0, -2.0), (72.0, -8.0), (44.0, -28.0)):
            pair("brown fat", aside, ahead, cricoid - 38.0, (13.0, 9.0, 7.0))
    return tuple(found)


def _pair(level: float, generator: np.random.Generator) -> tuple[float, float]:
    """Left and right of a normal pair."""
    ratio = float(np.exp(generator.uniform(-1.0, 1.0) * 0.75 * np.log(ranges.RIGHT_TO_LEFT)))
    return level * ratio**0.5, level / ratio**0.5


def _ellipsoid(place: Triple, radii: Triple, generator: np.random.Generator) -> Blob:
    volume = 4.0 / 3.0 * np.pi * float(np.prod(radii)) / 1000.0
    blob = Blob.drawn(place, volume, 0.08, generator)
    scaled = np.array(radii) * np.exp(generator.normal(0.0, 0.12, 3))
    x, y, z = (float(r) for r in scaled)
    return Blob(place, (x, y, z), np.eye(3), blob.directions, blob.heights)


def _paint(suv: Activity, decoy: Decoy, real: RealCt) -> None:
    """Into soft tissue alone (brown fat: into fat)."""
    grid = real.ct.grid
    box = decoy.blob.box(grid)
    z, y, x = (np.arange(s.start, s.stop) * d for s, d in zip(box, grid.spacing, strict=True))
    if min(len(z), len(y), len(x)) == 0:
        return
    level = decoy.blob.level(x[None, None, :], y[None, :, None], z[:, None, None])
    hu = real.ct.array[box]
    takes = (hu > -160) & (hu < -20) if decoy.name == "brown fat" else (hu > -80) & (hu < 180)
    share = np.clip((1.15 - level) / 0.3, 0.0, 1.0) * takes
    suv[box] += share * np.maximum(decoy.suv - suv[box], 0.0)


def _from_spine(real: RealCt, aside: float, ahead: float, z: float) -> Triple:
    k = z / real.ct.grid.spacing[0]
    every = np.arange(len(real.places.midline))
    x = float(np.interp(k, every, real.places.midline)) + aside
    y = float(np.interp(k, every, real.places.spine)) - ahead
    return x, y, z


def _slice_of(real: RealCt, z: float) -> Mask:
    """The airway's slice at that height, or the nearest one with some."""
    filled = np.flatnonzero(real.places.airway.any(axis=(1, 2)))
    k = int(filled[np.abs(filled * real.ct.grid.spacing[0] - z).argmin()])
    plane: Mask = real.places.airway[k]
    return plane


def _wall(real: RealCt, flank: float, z: float) -> Triple:
    """Just beside the airway."""
    _, dy, dx = real.ct.grid.spacing
    rows, columns = np.nonzero(_slice_of(real, z))
    x = (columns.max() if flank > 0 else columns.min()) * dx + flank * 5.0
    return float(x), float(rows.mean() * dy), z


def _front(real: RealCt, z: float) -> Triple:
    """Just in front of the airway."""
    _, dy, dx = real.ct.grid.spacing
    rows, columns = np.nonzero(_slice_of(real, z))
    return float(columns.mean() * dx), float(rows.min() * dy - 5.0), z
