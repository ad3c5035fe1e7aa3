"""How much one input may ask for. What asks for more is refused before memory is spent on it.

A file's header is a claim by whoever wrote it. Everything here is far beyond any patient's
study and well within a workstation's memory; docs/explanation/untrusted-input.md says why each
is as it is.
"""

import math

from hnuiseg.errors import InputRefused
from hnuiseg.volume import Grid

MOST_FILE_BYTES = 2**31  # of a DICOM or model file; an Enhanced CT of 2,000 slices has half
MOST_HEADER_BYTES = 2**28  # without pixels; 104 organs in 500 slices of 100 points have half
MOST_TEXT_BYTES = 2**20  # of a pattern file, a text header or another list of settings
MOST_INFLATED_BYTES = 2**29  # of a deflated data set, unpacked
MOST_DEPTH = 16  # sequences within sequences; image and contour objects need 5
MOST_ITEMS = 2**18  # of all sequences in a data set; 104 organs in 500 slices have two fifths
MOST_ITEMS_A_FOLDER = 2**20  # and values, kept of all headers; four per slice of 250,000
MOST_ELEMENTS = 2**20  # in a data set, its items included
MOST_VALUES = 2**20  # beyond one an element; 20,000 frames with 14 each have a quarter
MOST_CONTOUR_BYTES = 2**23  # of one contour: a quarter of a million points
MOST_PIXELS = 2**26  # of one slice or frame: 8192 x 8192
MOST_RUN_PIXELS = 2**24  # of one frame in run lengths, of which a decoder makes up to 64 times
MOST_PIXEL_BYTES = 2**32  # of all frames of one file, decoded
MOST_VOXELS = 2**29  # of one image: 512 x 512 x 2048
MOST_MASK_BYTES = 2**33  # of all regions of one file: 160 organs of 512 x 512 x 200
SPACING_MM = (0.02, 100.0)  # of voxels
LONGEST_MM = 2_500.0  # an image's side: whole-body scans have 2,200
LARGEST_ML = 2_000_000.0  # an image, air included; it may have to be resampled to 1 mm
FARTHEST_MM = 1e6  # of a position from the origin


def check_grid(grid: Grid, name: str) -> None:
    """InputRefused for a grid that is no image of a patient, or more than memory should hold."""
    if math.prod(grid.shape) > MOST_VOXELS:
        raise InputRefused(
            f"{name} claims {' x '.join(map(str, grid.shape))} voxels",
            f"up to {MOST_VOXELS} voxels",
            "give a part of it, or resample it",
        )
    least, most = SPACING_MM
    if not all(least <= s <= most for s in grid.spacing):
        raise InputRefused(
            f"{name} has voxels of {' x '.join(f'{s:.4g}' for s in grid.spacing)} mm",
            f"{least:g} to {most:g} mm",
            "check its header, or convert it again from its source",
        )
    sides = [n * s for n, s in zip(grid.shape, grid.spacing, strict=True)]
    if max(sides) > LONGEST_MM or math.prod(sides) / 1000.0 > LARGEST_ML:
        raise InputRefused(
            f"{name} is {' x '.join(f'{s:.0f}' for s in sides)} mm large",
            f"sides up to {LONGEST_MM:g} mm, and {LARGEST_ML / 1e6:g} cubic metres in all",
            "check its header, or convert it again from its source",
        )
    if not all(abs(p) <= FARTHEST_MM for p in grid.origin):
        raise InputRefused(
            f"{name} lies {max(map(abs, grid.origin)):.3g} mm from its origin",
            f"up to {FARTHEST_MM:g} mm",
            "check its header, or convert it again from its source",
        )
