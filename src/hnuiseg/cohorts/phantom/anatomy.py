"""Head, neck and shoulders of a healthy adult, procedural.

Origin: middle of the neck at the level of the hyoid; x to the left, y to the back, z to the head
(LPS, mm). Normal uptake follows Nakamoto (Radiology 2005) and Wang (SUV atlas 2007): palatine
tonsil 3.5, sublingual gland 3, submandibular 2.1, parotid 1.9, cord 2.1, cerebellum 8, right and
left within a ratio of 1.5. Sizes are round figures of adult anatomy.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from hnuiseg.cohorts.phantom.scene import Canvas, Point

# z (mm), half-width (x), half-depth (y), centre (y) of the skin
_OUTLINE = np.array(
    [
        (-190, 215, 118, 15),
        (-140, 212, 112, 15),
        (-100, 195, 95, 18),
        (-75, 130, 75, 18),
        (-55, 75, 64, 14),
        (-25, 62, 62, 6),
        (0, 67, 80, -14),
        (25, 70, 92, -8),
        (60, 73, 95, -3),
        (100, 76, 97, 2),
        (140, 72, 92, 6),
        (165, 56, 74, 8),
        (182, 34, 46, 8),
        (192, 8, 10, 8),
    ],
    dtype=float,
)


@dataclass(frozen=True, slots=True)
class Body:
    """What later painters must know of a patient."""

    size: float  # scale of all lengths
    contrast: bool  # intravenous contrast: vessels and vital tumour brighten
    muscle_hu: float


def paint_anatomy(canvas: Canvas, generator: np.random.Generator) -> Body:
    """Paint a patient; the same generator state gives the same patient."""
    size = float(generator.uniform(0.92, 1.08))
    body = Body(size, bool(generator.random() < 0.6), float(generator.uniform(45, 60)))
    _skin_fat_muscle(canvas, generator, body)
    _chest_and_shoulders(canvas, generator, size)
    _spine(canvas, generator, size)
    _skull_and_brain(canvas, generator, size)
    _muscles_and_vessels(canvas, generator, body)
    _glands(canvas, generator, size)
    _mouth(canvas, generator, size, body.muscle_hu)
    _airway(canvas, generator, size)
    _brown_fat(canvas, generator, size)
    return body


def airway_path(size: float) -> tuple[tuple[Point, ...], tuple[float, ...]]:
    """Centre line (x, y, z) and radii in mm from nose to trachea."""
    path = (
        (0.0, -62.0, 66.0),
        (0.0, -20.0, 64.0),
        (0.0, -12.0, 45.0),
        (0.0, -12.0, 15.0),
        (0.0, -16.0, -10.0),
        (0.0, -24.0, -32.0),
        (0.0, -22.0, -55.0),
        (0.0, -8.0, -110.0),
        (0.0, 6.0, -190.0),
    )
    radii = (6.0, 9.0, 9.0, 8.0, 6.5, 5.0, 8.0, 8.5, 8.5)
    scaled = tuple((x * size, y * size, z * size) for x, y, z in path)
    return scaled, tuple(r * size for r in radii)


def outline(canvas: Canvas, size: float, shrink_mm: float) -> Bool[np.ndarray, "z y x"]:
    """Inside of the skin, moved inwards by `shrink_mm`."""
    z = canvas.z / size
    wide, deep, middle = (
        np.interp(z, _OUTLINE[:, 0], _OUTLINE[:, k]).astype(np.float32) for k in (1, 2, 3)
    )
    wide, deep = np.maximum(size * wide - shrink_mm, 1), np.maximum(size * deep - shrink_mm, 1)
    across = np.abs(canvas.x / wide) ** 2.4 + np.abs((canvas.y - size * middle) / deep) ** 2.4
    top = _OUTLINE[-1, 0] - shrink_mm / size
    return (across <= 1.0) & (z <= top)


def _skin_fat_muscle(canvas: Canvas, generator: np.random.Generator, body: Body) -> None:
    skin = outline(canvas, body.size, 0.0)
    fat = outline(canvas, body.size, 2.0)
    muscle = outline(canvas, body.size, 2.0 + float(generator.uniform(3.0, 11.0)))
    canvas.hu[skin], canvas.suv[skin] = 20.0, 0.6
    canvas.hu[fat], canvas.suv[fat] = float(generator.uniform(-110, -90)), 0.3
    canvas.hu[muscle], canvas.suv[muscle] = body.muscle_hu, float(generator.uniform(0.6, 0.9))


def _pair(point: Point) -> tuple[Point, Point]:
    return point, (-point[0], point[1], point[2])


def _scaled(point: Point, size: float) -> Point:
    return point[0] * size, point[1] * size, point[2] * size


def _chest_and_shoulders(canvas: Canvas, generator: np.random.Generator, size: float) -> None:
    for centre in _pair(_scaled((75, 15, -185), size)):
        canvas.paint(canvas.ellipsoid(centre, (58 * size, 62 * size, 72 * size)), -820, 0.4)
    for centre in _pair(_scaled((168, 10, -128), size)):
        canvas.paint(canvas.ellipsoid(centre, (25 * size, 26 * size, 26 * size)), 700, 0.9)
        canvas.paint(canvas.ellipsoid(centre, (21 * size, 22 * size, 22 * size)), 220, 0.9)
    for side in (1.0, -1.0):
        clavicle = [_scaled((side * x, y, z), size) for x, y, z in _CLAVICLE]
        canvas.paint(canvas.tube(clavicle, [7 * size] * 3), 650, 0.8)
        scapula = [_scaled((side * x, y, z), size) for x, y, z in ((140, 60, -120), (95, 85, -185))]
        canvas.paint(canvas.tube(scapula, [6 * size, 5 * size]), 550, 0.8)
        for level in (-120, -145, -170):
            rib = [
                _scaled((side * x, y, z), size)
                for x, y, z in (
                    (25, 60, level + 12),
                    (105, 55, level),
                    (120, 0, level - 14),
                    (70, -62, level - 25),
                )
            ]
            canvas.paint(canvas.tube(rib, [4.5 * size] * 4), 450, 0.8)
    # fat behind the clavicles, where brown fat and level IV nodes lie
    for centre in _pair(_scaled((62, 8, -88), size)):
        canvas.paint(canvas.ellipsoid(centre, (30 * size, 26 * size, 16 * size)), -95, 0.35)


_CLAVICLE: tuple[Point, ...] = ((20, -52, -122), (85, -45, -108), (160, -8, -108))


def _spine(canvas: Canvas, generator: np.random.Generator, size: float) -> None:
    marrow = float(generator.uniform(1.0, 1.8))
    for number in range(12):
        z = 52.0 - 21.0 * number
        radius = 10.5 + 0.45 * number
        y = 30.0 + 0.06 * max(0.0, -z)
        body: list[Point] = [(0, y, z + 7.5), (0, y, z - 7.5)]
        path = [_scaled(p, size) for p in body]
        canvas.paint(canvas.tube(path, [radius * size] * 2, 1.25), 550, marrow)
        canvas.paint(canvas.tube(path, [(radius - 2) * size] * 2, 1.25), 260, marrow)
        arch: list[Point] = [(17, y + 14, z), (0, y + 28, z - 4), (-17, y + 14, z)]
        canvas.paint(canvas.tube([_scaled(p, size) for p in arch], [4.5 * size] * 3), 600, 1.0)
    canal: list[Point] = [(0, 47, 75), (0, 46, 0), (0, 52, -190)]
    path = [_scaled(p, size) for p in canal]
    canvas.paint(canvas.tube(path, [9 * size] * 3), 10, 0.5)
    canvas.paint(canvas.tube(path, [5.5 * size] * 3), 35, float(generator.uniform(1.6, 2.4)))


def _skull_and_brain(canvas: Canvas, generator: np.random.Generator, size: float) -> None:
    centre = _scaled((0, 8, 112), size)
    canvas.paint(canvas.ellipsoid(centre, (71 * size, 90 * size, 76 * size)), 950, 0.6)
    canvas.paint(canvas.ellipsoid(centre, (65 * size, 84 * size, 70 * size)), 35, 7.5)
    canvas.paint(canvas.ellipsoid(centre, (48 * size, 64 * size, 50 * size)), 28, 4.0)
    for behind in _pair(_scaled((22, 52, 72), size)):
        canvas.paint(
            canvas.ellipsoid(behind, (22 * size, 20 * size, 18 * size)),
            38,
            float(generator.normal(8.0, 1.0)),
        )
    base = _scaled((0, 4, 68), size)
    canvas.paint(canvas.ellipsoid(base, (50 * size, 50 * size, 8 * size)), 700, 1.0)
    for eye in _pair(_scaled((31, -72, 88), size)):
        canvas.paint(
            canvas.ellipsoid(eye, (19 * size, 19 * size, 18 * size)),
            -60,
            float(generator.uniform(1.5, 5.0)),  # eye muscles, up to 10 in Nucl Med Commun 2009
        )
        canvas.paint(canvas.ellipsoid(eye, (12 * size,) * 3), 12, 0.8)
    for sinus in _pair(_scaled((22, -62, 58), size)):
        canvas.paint(canvas.ellipsoid(sinus, (16 * size, 19 * size, 17 * size)), 500, 0.8)
        canvas.paint(canvas.ellipsoid(sinus, (14 * size, 17 * size, 15 * size)), -1000, 0.1)
    for mastoid in _pair(_scaled((56, 30, 62), size)):
        canvas.paint(canvas.ellipsoid(mastoid, (11 * size, 14 * size, 16 * size)), 500, 0.8)
        canvas.paint(canvas.ellipsoid(mastoid, (8 * size, 10 * size, 11 * size)), -500, 0.4)


def _muscles_and_vessels(canvas: Canvas, generator: np.random.Generator, body: Body) -> None:
    size = body.size
    vessel = float(generator.uniform(140, 210)) if body.contrast else 42.0
    blood = float(generator.uniform(1.4, 2.2))
    for side in (1.0, -1.0):
        # fat between the muscles first: nodes of levels II to IV lie in it
        for x, y, z, rx, ry, rz in (
            (38, 6, 20, 13, 20, 26),
            (40, 4, -20, 14, 20, 26),
            (42, 4, -58, 16, 20, 24),
            (50, 36, -30, 12, 16, 46),
            (28, -38, 4, 14, 12, 10),
        ):
            fat = canvas.ellipsoid(
                _scaled((side * x, y, z), size), (rx * size, ry * size, rz * size), 0.06
            )
            canvas.paint(fat, -95.0, 0.35)
        mastoid: list[Point] = [(side * 54, 26, 56), (side * 50, 4, -10), (side * 14, -42, -112)]
        path = [_scaled(p, size) for p in mastoid]
        canvas.paint(canvas.tube(path, [8 * size, 9 * size, 7 * size]), body.muscle_hu + 4, 0.8)
        carotid: list[Point] = [(side * 27, 8, 60), (side * 28, 0, 0), (side * 20, 2, -120)]
        jugular: list[Point] = [(side * 36, 14, 60), (side * 37, 2, 0), (side * 30, 0, -110)]
        canvas.paint(
            canvas.tube([_scaled(p, size) for p in carotid], [3.5 * size] * 3), vessel, blood
        )
        canvas.paint(
            canvas.tube([_scaled(p, size) for p in jugular], [5.5 * size] * 3), vessel - 10, blood
        )
        masseter: list[Point] = [(side * 56, -30, 48), (side * 52, -26, 8)]
        canvas.paint(
            canvas.tube([_scaled(p, size) for p in masseter], [8 * size] * 2), body.muscle_hu, 0.9
        )


def _balanced(generator: np.random.Generator, mean: float, spread: float) -> tuple[float, float]:
    """Left and right uptake of a normal pair: their ratio stays below 1.5."""
    level = max(0.6, float(generator.normal(mean, spread)))
    ratio = float(np.exp(generator.uniform(-0.3, 0.3)))
    return level * ratio**0.5, level / ratio**0.5


def _glands(canvas: Canvas, generator: np.random.Generator, size: float) -> None:
    for centre, radii, hu, mean, spread in (
        ((56, 2, 34), (11, 17, 24), (-25, 15), 1.9, 0.7),  # parotid
        ((32, -30, 2), (9, 13, 11), (30, 55), 2.1, 0.7),  # submandibular
        ((17, -50, 8), (5, 14, 6), (20, 45), 3.0, 1.0),  # sublingual
        ((17, -18, -62), (9, 10, 20), (85, 115), 1.3, 0.5),  # thyroid
    ):
        density = float(generator.uniform(*hu))
        uptake = _balanced(generator, mean, spread)
        for place, suv in zip(_pair(_scaled(centre, size)), uptake, strict=True):
            r = (radii[0] * size, radii[1] * size, radii[2] * size)
            canvas.paint(canvas.ellipsoid(place, r, 0.08), density, suv)


def _mouth(canvas: Canvas, generator: np.random.Generator, size: float, muscle_hu: float) -> None:
    tongue = canvas.ellipsoid(_scaled((0, -42, 16), size), (23 * size, 30 * size, 19 * size), 0.05)
    canvas.paint(tongue, muscle_hu - 5, float(generator.uniform(1.0, 2.2)))
    floor = canvas.ellipsoid(_scaled((0, -46, 0), size), (20 * size, 22 * size, 7 * size))
    canvas.paint(floor, muscle_hu, float(generator.uniform(1.2, 3.5)))  # mylohyoid up to 3.9
    jaw: list[Point] = [(52, -8, 36), (46, -22, 8), (26, -70, 4), (0, -82, 4)]
    whole = jaw + [(-x, y, z) for x, y, z in reversed(jaw[:-1])]
    path = [_scaled(p, size) for p in whole]
    canvas.paint(canvas.tube(path, [6.5 * size] * 7), 1000, 0.8)
    canvas.paint(canvas.tube(path, [3.5 * size] * 7), 350, 0.8)
    upper: list[Point] = [
        (27, -44, 32),
        (20, -68, 31),
        (0, -78, 31),
        (-20, -68, 31),
        (-27, -44, 32),
    ]
    teeth = [_scaled((x, y, z - 9), size) for x, y, z in upper]
    canvas.paint(canvas.tube([_scaled(p, size) for p in upper], [5.5 * size] * 5), 800, 0.8)
    canvas.paint(canvas.tube(teeth, [4.0 * size] * 5), 1800, 0.3)
    for centre, uptake in zip(
        _pair(_scaled((15, -14, 20), size)), _balanced(generator, 3.5, 1.4), strict=True
    ):
        tonsil = canvas.ellipsoid(centre, (6.5 * size, 8 * size, 12 * size), 0.08)
        canvas.paint(tonsil, muscle_hu + 8, min(8.0, uptake))
    lingual = canvas.ellipsoid(_scaled((0, -22, 2), size), (14 * size, 5 * size, 9 * size))
    canvas.paint(lingual, muscle_hu + 5, float(generator.uniform(1.8, 4.2)))


def _airway(canvas: Canvas, generator: np.random.Generator, size: float) -> None:
    path, radii = airway_path(size)
    wall = canvas.tube(path, [r + 2.5 * size for r in radii], 1.35)
    canvas.paint(wall, 45, float(generator.uniform(1.0, 1.8)))
    ring = canvas.tube(
        [_scaled((0, -26, -34), size), _scaled((0, -25, -52), size)], [16 * size] * 2
    )
    canvas.paint(ring, 160, 1.0)  # thyroid and cricoid cartilage
    cords = canvas.tube(
        [_scaled((0, -26, -34), size), _scaled((0, -25, -52), size)], [13 * size] * 2
    )
    canvas.paint(cords, 50, float(generator.uniform(1.2, 2.6)))
    canvas.paint(canvas.tube(path, radii, 1.35), -1000, 0.2)
    oesophagus = [_scaled(p, size) for p in ((0, 12, -62), (3, 22, -190))]
    canvas.paint(canvas.tube(oesophagus, [7 * size] * 2), 45, float(generator.uniform(1.2, 2.2)))


def _brown_fat(canvas: Canvas, generator: np.random.Generator, size: float) -> None:
    if generator.random() >= 0.12:  # active in 5 to 10 % of patients; a little more, to learn from
        return
    for place in ((60, 8, -86), (75, 14, -92), (46, 30, -70)):
        for centre, uptake in zip(
            _pair(_scaled(place, size)), _balanced(generator, 5.0, 2.0), strict=True
        ):
            r = (12 * size, 8 * size, 6 * size)
            canvas.paint(canvas.ellipsoid(centre, r, 0.12), None, uptake)


def tissue(canvas: Canvas) -> Bool[np.ndarray, "z y x"]:
    """Soft tissue and fat: where disease may grow (not bone, not air)."""
    hu: Float[np.ndarray, "z y x"] = canvas.hu
    return (hu > -200) & (hu < 250)
