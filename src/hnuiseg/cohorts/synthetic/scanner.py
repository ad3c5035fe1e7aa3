"""What a PET scanner makes of a patient: blur, an own grid, noise, and an end before the CT's."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from hnuiseg.cohorts.phantom.imaging import FWHM_PER_SIGMA, grain, noisy, pet_grid
from hnuiseg.cohorts.synthetic import ranges
from hnuiseg.volume import Grid, Volume, resample


@dataclass(frozen=True, slots=True)
class Scanner:
    """One scanner and protocol."""

    fwhm_mm: float
    noise: float  # standard deviation at SUV 1

    @classmethod
    def drawn(cls, generator: np.random.Generator) -> "Scanner":
        """Harmonised or modern, by their shares."""
        harmonised = generator.random() < ranges.HARMONISED
        fwhm = ranges.HARMONISED_FWHM_MM if harmonised else ranges.MODERN_FWHM_MM
        return cls(float(generator.uniform(*fwhm)), float(generator.uniform(*ranges.NOISE)))

    @property
    def sigma_mm(self) -> float:
        """Standard deviation of its Gaussian blur."""
        return self.fwhm_mm / FWHM_PER_SIGMA

    def blurred(
        self, activity: Float[np.ndarray, "z y x"], grid: Grid
    ) -> Float[np.ndarray, "z y x"]:
        """Without noise, on the same grid; what its voxels blur already isn't blurred twice."""
        variances = [max(self.sigma_mm**2 - s**2 / 12.0, 0.01) for s in grid.spacing]
        sigmas = [float(np.sqrt(v)) / s for v, s in zip(variances, grid.spacing, strict=True)]
        result: Float[np.ndarray, "z y x"] = ndimage.gaussian_filter(activity, sigmas)
        return result

    def image(self, seen: Volume, generator: np.random.Generator) -> Volume:
        """SUVbw (g/ml) on the scanner's own grid, of what it sees of a patient (`blurred`)."""
        grid = _cut(pet_grid(seen.grid, generator), generator)
        off = generator.normal(0.0, ranges.PET_OFF_MM, 3)
        x, y, z = (float(o + d) for o, d in zip(seen.grid.origin, off, strict=True))
        moved = Grid(seen.grid.shape, seen.grid.spacing, (x, y, z), seen.grid.direction, "")
        image = resample(Volume(seen.array, moved, "g/ml"), _unnamed(grid)).array
        noise = grain(grid, self.sigma_mm, generator)
        return noisy(Volume(image, grid, "g/ml"), noise, self.noise)


def _cut(grid: Grid, generator: np.random.Generator) -> Grid:
    """Sometimes it ends before the CT does, at the head or the feet."""
    if generator.random() >= ranges.COVERAGE_CUT:
        return grid
    slices = int(generator.uniform(*ranges.COVERAGE_CUT_MM) / grid.spacing[0])
    n = grid.shape[0] - slices
    first = slices if generator.random() < 0.7 else 0  # shoulders more often than the vertex
    return grid.cropped((first, 0, 0), (n, grid.shape[1], grid.shape[2]))


def _unnamed(grid: Grid) -> Grid:
    return Grid(grid.shape, grid.spacing, grid.origin, grid.direction, "")
