"""A phantom patient: CT, PET or none, and the truth, from a seed and a number alone."""

from dataclasses import dataclass

import numpy as np

from hnuiseg.cohorts.phantom.anatomy import Body, paint_anatomy
from hnuiseg.cohorts.phantom.disease import Disease, plant
from hnuiseg.cohorts.phantom.imaging import ct_of, pet_of
from hnuiseg.cohorts.phantom.scene import Canvas, Point
from hnuiseg.volume import Grid, Volume

_PURPOSE = 0x5048414E  # "PHAN": keeps these draws apart from any other use of the same seed
_FIELD_MM = (372.0, 448.0, 512.0)  # z, y, x: vertex to the upper chest, a planning CT's field


@dataclass(frozen=True, slots=True)
class Variant:
    """Which disease and which scan; None draws it as the cohort has it."""

    primary: bool | None = None
    nodes: bool | None = None
    pet: bool | None = None
    metal: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """Images in HU and SUVbw (g/ml), and the truth: 1 GTVp, 2 GTVn, on the CT's grid."""

    ct: Volume
    pet: Volume | None
    truth: Volume
    body: Body
    disease: Disease
    metal: int  # fillings


def phantom(
    seed: int,
    index: int = 0,
    *,
    variant: Variant | None = None,
    spacing: tuple[float, float, float] | None = None,
) -> Phantom:
    """The patient `index` of cohort `seed`; `spacing` (z, y, x; mm) is drawn where not given.

    Drawn patients: 4 % without primary (as in HECKTOR), 15 % without nodes, metal in two of
    three (RADCURE: 68 %), a PET for everyone.
    """
    variant = variant or Variant()
    generator = np.random.Generator(
        np.random.Philox(np.random.SeedSequence([_PURPOSE, seed, index]))
    )
    chance = generator.random(4)
    primary = variant.primary if variant.primary is not None else chance[0] >= 0.04
    nodes = variant.nodes if variant.nodes is not None else chance[1] >= 0.15
    metal = variant.metal if variant.metal is not None else chance[2] < 0.68
    drawn_in_plane = float(generator.choice([1.5625, 1.953125, 2.34375]))
    drawn_between = float(generator.choice([2.5, 3.0, 3.27]))
    grid = _grid(spacing or (drawn_between, drawn_in_plane, drawn_in_plane), seed, index)
    canvas = Canvas(grid, generator)
    body = paint_anatomy(canvas, generator)
    truth, disease = plant(canvas, body, generator, primary=bool(primary), nodes=bool(nodes))
    fillings = _fillings(generator, body.size) if metal else ()
    ct = ct_of(canvas, generator, metal=fillings)
    pet = pet_of(canvas, generator) if variant.pet is not False else None
    return Phantom(ct, pet, Volume(truth, grid, "label"), body, disease, len(fillings))


def _grid(spacing: tuple[float, float, float], seed: int, index: int) -> Grid:
    shape = [max(8, round(f / s)) for f, s in zip(_FIELD_MM, spacing, strict=True)]
    z, y, x = (-(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True))
    frame = f"2.25.{(seed + 1) * 1_000_003 + index + 1}"
    return Grid.axial((shape[0], shape[1], shape[2]), spacing, (x, y + 5.0, z + 16.0), frame)


def _fillings(generator: np.random.Generator, size: float) -> tuple[Point, ...]:
    """Fillings or crowns in the upper and lower rows of teeth."""
    found = []
    for _ in range(int(generator.integers(1, 4))):
        side, along = float(generator.choice([-1.0, 1.0])), float(generator.random())
        z = float(generator.choice([10.0, 22.0]))
        found.append((size * side * (26 - 6 * along), size * (-46 - 22 * along), size * z))
    return tuple(found)
