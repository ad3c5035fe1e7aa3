"""plastimatch reads our contours to the same voxels, whether it ORs or XORs them."""

import subprocess
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from jaxtyping import Bool

from hnuiseg.dicom import Structure, read_rtstruct, write_ct_series
from hnuiseg.volume import Grid, Volume
from needs import program
from pretend import FRAME, new_ct, reference, structures_file

GRID = Grid.axial((12, 32, 36), (3.0, 0.9765625, 1.17), (-249.51171875, 20.3, -1234.1235), FRAME)
Mask = Bool[np.ndarray, "z y x"]


def ball(radius: float, centre: tuple[float, float, float] = (6, 16, 17)) -> Mask:
    index = np.indices(GRID.shape).reshape(3, -1).T
    away = np.linalg.norm((index - np.array(centre)) * np.array([2.0, 1, 1]), axis=1)
    return (away <= radius).reshape(GRID.shape)


MASKS = {
    "ball": ball(9),
    "node": ball(2.2),
    "voxel": ball(0.5),
    "ring": ball(11) & ~ball(6),
    "rings": (ball(14) & ~ball(11)) | (ball(8) & ~ball(5)) | ball(2),
    "two_holes": ball(11) & ~ball(2, (6, 12, 14)) & ~ball(2, (6, 20, 20)),
    "islands": ball(4, (6, 8, 8)) | ball(4, (6, 24, 28)) | ball(3, (2, 8, 28)),
    "border": ball(9, (0, 0, 0)) | ball(9, (11, 31, 35)),
    "speckle": np.random.default_rng(1).random(GRID.shape) < 0.65,
}


@pytest.mark.parametrize(
    ("option", "flipped", "smoothing_mm"),
    [
        (None, False, 0.0),
        ("--xor-contours", False, 0.0),
        ("--xor-contours", True, 0.0),
        (None, False, 9.0),
        ("--xor-contours", False, 9.0),
    ],
)
def test_plastimatch_finds_the_same_voxels(
    tmp_path: Path, option: str | None, flipped: bool, smoothing_mm: float
) -> None:
    ct = Volume(np.zeros(GRID.shape, dtype=np.int16), GRID, "HU")
    files = write_ct_series(ct, tmp_path / "ct", new_ct())
    images = [pydicom.dcmread(f, stop_before_pixels=True) for f in files]
    series = replace(reference(GRID), sop_instance_uids=tuple(i.SOPInstanceUID for i in images))
    grid, masks = GRID, MASKS
    if flipped:  # the same slices, listed from the head down
        steps = GRID.steps * np.array([[-1.0], [1.0], [1.0]])
        grid = Grid.from_steps(GRID.shape, steps, GRID.to_world(np.array([[11.0, 0, 0]]))[0], FRAME)
        series = replace(
            series,
            sop_instance_uids=series.sop_instance_uids[::-1],
            image_positions_mm=series.image_positions_mm[::-1],
        )
        masks = {name: mask[::-1] for name, mask in MASKS.items()}
    structures = [
        Structure(name, number, mask, (255, 64, 0))
        for number, (name, mask) in enumerate(masks.items(), start=1)
    ]
    written = structures_file(grid, series, *structures, smoothing_mm=smoothing_mm)
    (tmp_path / "rs.dcm").write_bytes(written)
    command = [
        program("plastimatch"),
        "convert",
        *("--input", "rs.dcm", "--referenced-ct", "ct"),
        *("--output-prefix", "out", "--prefix-format", "nii.gz"),
    ]
    subprocess.run(
        [*command, option] if option else command, cwd=tmp_path, check=True, capture_output=True
    )
    for name, mask in MASKS.items():
        stored = nibabel.load(tmp_path / "out" / f"{name}.nii.gz")
        assert isinstance(stored, nibabel.Nifti1Image)
        found = np.asarray(stored.dataobj).transpose(2, 1, 0) > 0
        assert np.array_equal(found, mask), (name, int((found != mask).sum()))


def test_we_read_the_contours_that_plastimatch_writes(tmp_path: Path) -> None:
    ct = Volume(np.zeros(GRID.shape, dtype=np.int16), GRID, "HU")
    write_ct_series(ct, tmp_path / "ct", new_ct())
    affine = np.eye(4)
    affine[:3, :3] = GRID.steps[::-1].T * np.array([[-1.0], [-1.0], [1.0]])
    affine[:3, 3] = np.array(GRID.origin) * [-1.0, -1.0, 1.0]
    image = nibabel.Nifti1Image(MASKS["ring"].astype(np.uint8).transpose(2, 1, 0), affine)
    nibabel.save(image, tmp_path / "ss.nii.gz")
    (tmp_path / "ss.txt").write_text("0|255 0 0|GTVp\n")
    subprocess.run(
        [
            program("plastimatch"),
            "convert",
            *("--input-ss-img", "ss.nii.gz", "--input-ss-list", "ss.txt"),
            *("--referenced-ct", "ct", "--output-dicom", "out"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (written,) = [
        f for f in (tmp_path / "out").iterdir() if pydicom.dcmread(f).Modality == "RTSTRUCT"
    ]
    found = read_rtstruct(written, GRID)
    assert np.array_equal(found.masks["GTVp"], MASKS["ring"])
