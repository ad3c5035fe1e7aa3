"""A primary tumour next to the airway and nodes along the neck chains.

Sites, levels, sizes, uptake and necrosis follow published cohorts: HECKTOR 2022 (SUVmax
log-normal, GTVp ln-mean 2.50 sd 0.49, GTVn 2.17 sd 0.60), lyDATA (levels by site), and a nodal
series of 91 patients (largest diameter median 24 mm, necrosis in 56 %).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from hnuiseg.cohorts.phantom.anatomy import Body, tissue
from hnuiseg.cohorts.phantom.scene import Canvas, Point, Shape

GTVP, GTVN = 1, 2
_VISIBLE_ML = 0.15  # smaller remnants, as after cutting at bone, are not called disease


@dataclass(frozen=True, slots=True)
class Site:
    """Where a primary may sit, and how often each neck level is then involved (lyDATA)."""

    name: str
    share: float
    centres: tuple[Point, ...]
    levels: dict[str, float]


_SITES = (
    Site(
        "oropharynx",
        0.52,
        ((17, -16, 18), (-17, -16, 18), (10, -24, 0), (-10, -24, 0), (0, -10, 38)),
        {"I": 0.13, "II": 0.77, "III": 0.36, "IV": 0.13, "V": 0.08, "RP": 0.09},
    ),
    Site(
        "larynx",
        0.26,
        ((8, -22, -38), (-8, -22, -38), (4, -26, -30)),
        {"II": 0.32, "III": 0.30, "IV": 0.07, "V": 0.15},
    ),
    Site(
        "hypopharynx",
        0.10,
        ((16, -10, -20), (-16, -10, -20), (0, 2, -42)),
        {"II": 0.67, "III": 0.49, "IV": 0.20, "V": 0.17},
    ),
    Site(
        "nasopharynx",
        0.12,
        ((10, -8, 50), (-10, -8, 50)),
        {"II": 0.75, "III": 0.35, "IV": 0.12, "V": 0.20, "RP": 0.30},
    ),
)

_LEVELS: dict[str, tuple[Point, Point]] = {  # the two ends of a chain, left side
    "I": ((24, -42, -4), (34, -34, -6)),
    "II": ((39, 8, 34), (42, 2, 4)),
    "III": ((42, 0, -8), (40, -4, -36)),
    "IV": ((42, 0, -52), (48, 2, -80)),
    "V": ((50, 34, -4), (56, 30, -62)),
    "RP": ((18, 4, 52), (18, 6, 42)),
}


@dataclass(frozen=True, slots=True)
class Disease:
    """What was planted; the truth label map says where."""

    site: str | None
    primary_ml: float
    nodes: int
    necrotic_nodes: int


def plant(
    canvas: Canvas,
    body: Body,
    generator: np.random.Generator,
    *,
    primary: bool,
    nodes: bool,
) -> tuple[UInt8[np.ndarray, "z y x"], Disease]:
    """Paint disease and return its truth: 1 GTVp, 2 GTVn; where both meet, GTVn wins (HECKTOR)."""
    truth = np.zeros(canvas.grid.shape, dtype=np.uint8)
    site = _SITES[int(generator.choice(len(_SITES), p=[s.share for s in _SITES]))]
    centre = site.centres[int(generator.integers(len(site.centres)))]
    place = _jittered(centre, body.size, generator, 3.0)
    if primary:
        _plant_primary(canvas, body, generator, place, truth)
    planted, necrotic = 0, 0
    if nodes:
        for position in _node_positions(site, 1.0 if place[0] >= 0 else -1.0, body, generator):
            done, dead = _plant_node(canvas, body, generator, position, truth)
            planted, necrotic = planted + done, necrotic + dead
    ml = float((truth == GTVP).sum()) * canvas.grid.voxel_ml
    return truth, Disease(site.name if ml > 0 else None, ml, planted, necrotic)


def _jittered(point: Point, size: float, generator: np.random.Generator, sd: float) -> Point:
    x, y, z = (float(size * p + generator.normal(0.0, sd)) for p in point)
    return x, y, z


def _radii(diameter: float, generator: np.random.Generator) -> Point:
    """Half axes of an ellipsoid of about that diameter, longest from head to feet."""
    stretch = np.exp(generator.normal(0.0, 0.15, 3)) * (0.93, 0.93, 1.15)
    stretch /= np.prod(stretch) ** (1 / 3)
    x, y, z = (float(diameter / 2 * s) for s in stretch)
    return x, y, z


def _plant_primary(
    canvas: Canvas,
    body: Body,
    generator: np.random.Generator,
    place: Point,
    truth: UInt8[np.ndarray, "z y x"],
) -> None:
    volume_ml = float(np.clip(np.exp(generator.normal(np.log(17.0), 0.65)), 2.5, 90.0))
    diameter = (6000.0 * volume_ml / np.pi) ** (1 / 3)
    shape = canvas.ellipsoid(place, _radii(diameter, generator), 0.10)
    # the tumour narrows the airway but does not fill it
    lumen = ndimage.binary_erosion(canvas.hu[shape.box] < -500, iterations=2)
    grown = shape.mask & ~lumen & (canvas.hu[shape.box] < 400)
    density = body.muscle_hu + (
        generator.uniform(14, 34) if body.contrast else generator.uniform(4, 16)
    )
    uptake = float(np.clip(np.exp(generator.normal(2.50, 0.49)), 3.5, 43.0))
    _paint_lesion(canvas, Shape(shape.box, grown, shape.depth), density, uptake)
    if volume_ml > 25 and generator.random() < 0.35:
        _paint_core(canvas, Shape(shape.box, grown, shape.depth), 0.55)
    _mark(canvas, truth, Shape(shape.box, grown, shape.depth), GTVP)


def _node_positions(
    site: Site, side: float, body: Body, generator: np.random.Generator
) -> list[Point]:
    positions: list[Point] = []
    for level, share in site.levels.items():
        for flank, involved in ((side, share), (-side, 0.25 * share)):
            if generator.random() < involved:
                for _ in range(1 + int(generator.random() < 0.3)):
                    (top, bottom), along = _LEVELS[level], float(generator.random())
                    x, y, z = (a + along * (b - a) for a, b in zip(top, bottom, strict=True))
                    positions.append(_jittered((flank * x, y, z), body.size, generator, 2.0))
    return positions[:6]


def _plant_node(
    canvas: Canvas,
    body: Body,
    generator: np.random.Generator,
    place: Point,
    truth: UInt8[np.ndarray, "z y x"],
) -> tuple[bool, bool]:
    diameter = float(np.clip(np.exp(generator.normal(np.log(19.0), 0.38)), 9.0, 48.0))
    shape = canvas.ellipsoid(place, _radii(diameter, generator), 0.05)
    hu = canvas.hu[shape.box]
    free = shape.mask & (hu > -200) & (hu < 250) & (truth[shape.box] != GTVP)
    if free.sum() * canvas.grid.voxel_ml < _VISIBLE_ML:
        return False, False
    node = Shape(shape.box, free, shape.depth)
    density = body.muscle_hu + (
        generator.uniform(10, 32) if body.contrast else generator.uniform(0, 12)
    )
    uptake = float(np.clip(np.exp(generator.normal(2.17, 0.60)), 2.2, 35.0))
    _paint_lesion(canvas, node, density, uptake)
    necrotic = diameter > 16 and bool(generator.random() < 0.56)
    if necrotic:
        _paint_core(canvas, node, float(generator.uniform(0.25, 0.5)))
    _mark(canvas, truth, node, GTVN)
    return True, necrotic


def _paint_lesion(canvas: Canvas, lesion: Shape, density: float, uptake: float) -> None:
    """Uptake falls to about two thirds at the rim, as in most tumours on PET."""
    canvas.hu[lesion.box][lesion.mask] = density
    profile = uptake * (0.65 + 0.35 * np.minimum(1.0, 2.0 * lesion.depth))
    canvas.suv[lesion.box][lesion.mask] = profile[lesion.mask]


def _paint_core(canvas: Canvas, lesion: Shape, from_depth: float) -> None:
    core = lesion.mask & (lesion.depth > from_depth)
    canvas.hu[lesion.box][core] = 18.0
    canvas.suv[lesion.box][core] = 1.2


def _mark(canvas: Canvas, truth: UInt8[np.ndarray, "z y x"], lesion: Shape, value: int) -> None:
    # tissue(): a voxel of pure air or bone is no gross tumour, however it was painted around
    inside = lesion.mask & tissue(canvas)[lesion.box]
    truth[lesion.box][inside] = value
