"""What a CT and a PET scanner make of a patient.

PET: scanner blur of 5 to 9 mm FWHM (7.5 to 9 meets EARL, less is a modern scanner), noise that
is correlated over that blur, an own grid of the sizes seen in HECKTOR 2022.
"""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from hnuiseg.cohorts.phantom.scene import Canvas, Point, smooth_noise
from hnuiseg.volume import Grid, Volume, resample

FWHM_PER_SIGMA = 2.3548


def ct_of(canvas: Canvas, generator: np.random.Generator, *, metal: tuple[Point, ...]) -> Volume:
    """CT in whole HU within [-1024, 3071]: texture, edge blur, noise, streaks from metal."""
    hu = canvas.hu.copy()
    tissue = hu > -300
    texture = 5.0 * smooth_noise(canvas.grid, generator, 9.0)
    hu[tissue] += texture[tissue]
    hu = ndimage.gaussian_filter(hu, [0.35 / s * 1.5 for s in canvas.grid.spacing])
    noise = generator.standard_normal(hu.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0.0, 0.6, 0.6))
    noise *= float(generator.uniform(8.0, 18.0)) / noise.std()
    hu += noise
    for place in metal:
        _add_streaks(hu, canvas.grid, place, generator)
    clipped = np.clip(np.round(hu), -1024, 3071).astype(np.float32)
    return Volume(clipped, canvas.grid, "HU")


def _add_streaks(
    hu: Float[np.ndarray, "z y x"], grid: Grid, place: Point, generator: np.random.Generator
) -> None:
    """Bright and dark rays in the slices of a filling, fading with distance."""
    z, y, x = (
        np.arange(n) * s + o
        for n, s, o in zip(grid.shape, grid.spacing, grid.origin[::-1], strict=True)
    )
    dy, dx = (y - place[1])[:, None], (x - place[0])[None, :]
    angle, distance = np.arctan2(dy, dx), np.hypot(dy, dx)
    rays = np.zeros_like(angle)
    for _ in range(24):
        turn, width = generator.uniform(-np.pi, np.pi), generator.uniform(0.02, 0.09)
        away = np.angle(np.exp(1j * (angle - turn)))
        rays += generator.normal(0.0, 1.0) * np.exp(-0.5 * (away / width) ** 2)
    strength = float(generator.uniform(150.0, 500.0)) * np.exp(-distance / 45.0)
    for k in np.flatnonzero(np.abs(z - place[2]) <= 5.0):
        inside = hu[k] > -700
        hu[k][inside] += (strength * rays)[inside]
        hu[k][distance <= 3.5] = 3071.0


def pet_grid(ct: Grid, generator: np.random.Generator) -> Grid:
    """A PET grid over the CT's field, turned like it, with its own spacing and offset."""
    in_plane, between = ((4.0, 4.0), (5.47, 3.27), (4.07, 3.0), (3.52, 3.27))[
        int(generator.integers(4))
    ]
    wide = ct.resized((between, in_plane, in_plane))
    # one more voxel at each side, then a random shift: the grids must not line up by chance
    grid = wide.cropped((-1, -1, -1), (wide.shape[0] + 2, wide.shape[1] + 2, wide.shape[2] + 2))
    shift = generator.uniform(-0.5, 0.5, 3) * np.asarray(grid.spacing)[::-1]
    x, y, z = (float(o + d) for o, d in zip(grid.origin, shift, strict=True))
    return Grid(grid.shape, grid.spacing, (x, y, z), grid.direction, grid.frame_of_reference)


def pet_of(canvas: Canvas, generator: np.random.Generator) -> Volume:
    """PET in SUVbw (g/ml) on its own grid."""
    grid = pet_grid(canvas.grid, generator)
    sigma_mm = float(generator.uniform(5.0, 9.0)) / FWHM_PER_SIGMA
    blurred = ndimage.gaussian_filter(canvas.suv, [sigma_mm / s for s in canvas.grid.spacing])
    image = resample(Volume(blurred, canvas.grid, "g/ml"), grid).array.copy()
    noise = grain(grid, sigma_mm, generator)
    return noisy(Volume(image, grid, "g/ml"), noise, float(generator.uniform(0.06, 0.14)))


def grain(
    grid: Grid, sigma_mm: float, generator: np.random.Generator
) -> Float[np.ndarray, "z y x"]:
    """Noise of any strength, correlated over a scanner's blur."""
    noise = generator.standard_normal(grid.shape, dtype=np.float32)
    correlated: Float[np.ndarray, "z y x"] = ndimage.gaussian_filter(
        noise, [0.8 * sigma_mm / s for s in grid.spacing]
    )
    return correlated


def noisy(image: Volume, noise: Float[np.ndarray, "z y x"], at_suv_1: float) -> Volume:
    """A PET with noise of that standard deviation at SUV 1.

    Counts rise with activity, so the deviation goes with its square root.
    """
    scaled = noise * (at_suv_1 / noise.std())
    found = image.array + scaled * np.sqrt(np.maximum(image.array, 0.05))
    return Volume(np.maximum(found, 0.0).astype(np.float32), image.grid, image.unit)
