"""Sarcomas of which the tumour no longer sits in the middle of the image.

    .venv/bin/python docs/results/shift_sarcomas.py STS_FOLDER OUT

The open crops reach 50 mm beyond the tumour on every side, so that a ball in the middle would find
it. Here up to 40 mm are cut from each side, by the seed below; 10 mm beyond the tumour stay. Truth
is unchanged. For `hnuiseg prepare folder OUT --ct '{id}/ct.nii.gz' --pet '{id}/pet.nii.gz' --labels
'{id}/mask.nii.gz' --splits docs/splits/sts-four-folds.json`.
"""

import sys
from pathlib import Path

import numpy as np

from hnuiseg.files import read_image, write_nifti
from hnuiseg.volume import Grid, Volume, resample

SEED = 14
MOST_MM = 40.0
STAYS_MM = 10.0


def kept(mask: np.ndarray, axis: int, cut: np.ndarray, grid: Grid) -> slice:
    """What stays along an axis of which `cut` voxels are wanted from both ends."""
    found = np.flatnonzero((mask > 0).any(axis=tuple(k for k in range(3) if k != axis)))
    stays = int(np.ceil(STAYS_MM / grid.spacing[axis]))
    n = mask.shape[axis]
    low = min(int(cut[0]), max(0, int(found[0]) - stays))
    high = min(int(cut[1]), max(0, n - 1 - int(found[-1]) - stays))
    return slice(low, n - high)


def main() -> None:
    """Every patient below the folder."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    for number, place in enumerate(sorted(p for p in source.iterdir() if p.is_dir())):
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([SEED, number])))
        ct = read_image(place / "ct_hu.nii.gz", "HU")
        mask = read_image(place / "ct_mask.nii.gz", "label")
        pet = read_image(place / "pet_suv.nii.gz", "g/ml")
        share = generator.uniform(0.0, 1.0, (3, 2))
        box = tuple(
            kept(mask.array, axis, share[axis] * MOST_MM / ct.grid.spacing[axis], ct.grid)
            for axis in range(3)
        )
        start = (box[0].start, box[1].start, box[2].start)
        shape = (
            box[0].stop - box[0].start,
            box[1].stop - box[1].start,
            box[2].stop - box[2].start,
        )
        grid = ct.grid.cropped(start, shape)
        assert (mask.array[box] > 0).sum() == (mask.array > 0).sum()
        folder = out / place.name
        folder.mkdir(parents=True)
        write_nifti(Volume(ct.array[box], grid, "HU"), folder / "ct.nii.gz")
        write_nifti(Volume(mask.array[box], grid, "label"), folder / "mask.nii.gz")
        own = resample(pet, grid.resized(pet.grid.spacing))  # its voxels, where the CT still is
        write_nifti(own, folder / "pet.nii.gz")


if __name__ == "__main__":
    main()
