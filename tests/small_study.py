"""A small made-up neck as CT and PET, written as a DICOM study of which every part can be bent."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom

from hnuiseg.dicom import (
    NewSeries,
    PatientStudy,
    PetAcquisition,
    write_ct_series,
    write_pet_series,
)
from hnuiseg.volume import Grid, Volume

FRAME = "1.2.826.0.1.3680043.8.498.77"
PATIENT = PatientStudy(
    "Nobody^No",
    "none",
    "",
    "",
    "1.2.826.0.1.3680043.8.498.1",
    "20260102",
    "000000",
    "",
    "",
    "",
)
CT_GRID = Grid.axial((18, 48, 48), (5.0, 4.2, 4.2), (-98.7, -98.7, 10.0), FRAME)
PET_GRID = Grid.axial((12, 40, 40), (9.0, 5.5, 5.5), (-107.0, -107.0, 5.0), FRAME)
BQ_PER_SUV = 5000.0


def neck(grid: Grid = CT_GRID) -> Volume:
    """A tube of muscle with a spine and an airway; every slice differs a little."""
    z, y, x = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
    place = grid.to_world(np.stack([z, y, x], axis=-1).reshape(-1, 3).astype(float))
    left, back = (place[:, k].reshape(grid.shape) for k in (0, 1))
    hu = np.full(grid.shape, -1000.0, dtype=np.float32)
    hu[np.hypot(left, back) < 65.0] = 40.0
    hu[np.hypot(left, back - 30.0) < 16.0] = 600.0
    hu[np.hypot(left, back + 30.0) < 9.0] = -950.0
    return Volume(hu + z, grid, "HU")


def uptake(grid: Grid = PET_GRID) -> Volume:
    """SUV 1 everywhere but for one hot block, in Bq/ml."""
    suv = np.ones(grid.shape, dtype=np.float32)
    suv[4:7, 18:21, 22:25] = 8.0
    return Volume(suv * BQ_PER_SUV, grid, "Bq/ml")


def acquisition(weight_kg: float | None = 70.0) -> PetAcquisition:
    """No decay between injection and scan, so that the factor is weight by dose."""
    start = datetime(2026, 1, 2, 12, 0, 0)
    return PetAcquisition(weight_kg, 1.75, 70_000.0 * BQ_PER_SUV, 6586.2, start, start, 180.0)


def write_ct(
    folder: Path, ct: Volume | None = None, *, frame: str = FRAME, uid: str = "2", name: str = "CT"
) -> None:
    series = f"1.2.826.0.1.3680043.8.498.{uid}"
    new = NewSeries(PATIENT, series, 1, name, frame, f"ct {uid}")
    write_ct_series(ct or neck(), folder, new)


def write_pet(
    folder: Path,
    pet: Volume | None = None,
    *,
    frame: str = FRAME,
    uid: str = "3",
    name: str = "PET AC",
    weight_kg: float | None = 70.0,
) -> None:
    series = f"1.2.826.0.1.3680043.8.498.{uid}"
    new = NewSeries(PATIENT, series, 2, name, frame, f"pet {uid}")
    write_pet_series(pet or uptake(), folder, new, acquisition(weight_kg))


def bend(folder: Path, change: Callable[[pydicom.Dataset], None]) -> None:
    """Change every file of a folder in place."""
    for path in sorted(folder.iterdir()):
        image = pydicom.dcmread(path)
        change(image)
        image.save_as(path)
