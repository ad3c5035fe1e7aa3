"""dciodvfy finds no error in what we write."""

import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.dicom import (
    ENTROPY,
    ROIS,
    Made,
    NewSeries,
    PetAcquisition,
    Rois,
    Structure,
    binary_seg,
    dicom_bytes,
    fractional_seg,
    label_structures,
    parametric_map,
    write_ct_series,
    write_pet_series,
)
from hnuiseg.volume import Grid, Volume
from needs import program
from pretend import CREATED, FRAME, PATIENT, new_ct, reference, structures_file

GRID = Grid.axial((3, 6, 5), (3.0, 0.9765625, 0.9765625), (-250.0, -250.0, -1000.5), FRAME)
# Type 2C on a body part that isn't known here: absent it is an error, empty a warning.
ABOUT_LATERALITY = "attribute <Laterality>"


def lines(path: Path) -> list[str]:
    """What the judge says, without the name of the object."""
    said = subprocess.run(
        [program("dciodvfy"), str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in said.stderr.splitlines() if line.startswith(("Error", "Warning"))]


def test_ct(tmp_path: Path) -> None:
    ct = Volume(np.zeros(GRID.shape, dtype=np.int16), GRID, "HU")
    for path in write_ct_series(ct, tmp_path, new_ct()):
        assert [line for line in lines(path) if not line.endswith(ABOUT_LATERALITY)] == []


@pytest.mark.parametrize("known", [True, False])
def test_pet(tmp_path: Path, known: bool) -> None:
    acquisition = PetAcquisition(
        weight_kg=70.0,
        height_m=1.7,
        dose_bq=350e6,
        half_life_s=6586.2,
        injection_time=datetime(2026, 1, 2, 9),
        series_time=datetime(2026, 1, 2, 10),
        frame_duration_s=120.0,
    )
    if not known:
        acquisition = replace(acquisition, weight_kg=None, height_m=None, half_life_s=4062.6)
    pet = Volume(np.random.default_rng(0).random(GRID.shape) * 1e4, GRID, "Bq/ml")
    new = NewSeries(PATIENT, "1.2.826.0.1.3680043.8.498.4", 3, "PET", FRAME, "a test")
    for path in write_pet_series(pet, tmp_path, new, acquisition):
        assert [line for line in lines(path) if not line.endswith(ABOUT_LATERALITY)] == []


@pytest.mark.parametrize("smoothing_mm", [0.0, 0.4])
@pytest.mark.parametrize("rois", ROIS)
def test_rtstruct_is_passed_in_silence(tmp_path: Path, rois: Rois, smoothing_mm: float) -> None:
    labels = np.random.default_rng(0).integers(0, 3, GRID.shape)
    structures = label_structures(
        labels, {1: ("GTVp", (220, 50, 32)), 2: ("GTVn", (0, 150, 190))}, rois
    )
    path = tmp_path / "rtstruct.dcm"
    path.write_bytes(structures_file(GRID, reference(GRID), *structures, smoothing_mm=smoothing_mm))
    assert lines(path) == []


MADE = Made(CREATED, "a test", "hnuiseg 0.1.0", "phantom-compact")
COLOURS = {"GTVp": (255, 64, 0), "GTVn": (0, 160, 255)}


def test_segmentations_are_passed_in_silence(tmp_path: Path) -> None:
    p = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    series = reference(GRID)
    structures = [
        Structure("GTVp", 1, p < 0.3, COLOURS["GTVp"]),
        Structure("GTVn", 2, p > 0.6, COLOURS["GTVn"]),
    ]
    for dataset in (
        binary_seg(structures, GRID, series, MADE),
        fractional_seg({"GTVp": p, "GTVn": 1 - p}, COLOURS, GRID, series, MADE),
    ):
        path = tmp_path / "seg.dcm"
        path.write_bytes(dicom_bytes(dataset))
        assert lines(path) == []


def test_a_map_has_no_error_but_the_cts(tmp_path: Path) -> None:
    path = tmp_path / "map.dcm"
    values = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    path.write_bytes(dicom_bytes(parametric_map(values, ENTROPY, GRID, reference(GRID), MADE)))
    # The judge's tables of 2022 are older than QUANTITY, and private schemes it can't know.
    known = ("<Laterality>", "<QUANTITY>", "<99HNUISEG>")
    said = lines(path)
    assert [line for line in said if not any(term in line for term in known)] == []
    assert [line for line in said if line.startswith("Error") and known[0] not in line] == []
