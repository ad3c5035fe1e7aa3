"""A phantom patient as files: what a scanner would send, and the truth beside it."""

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from hnuiseg.cohorts.phantom.patient import Phantom, Variant, phantom
from hnuiseg.dicom import (
    DicomReference,
    NewSeries,
    PatientStudy,
    PetAcquisition,
    Structure,
    read_series,
    rtstruct,
    rtstruct_bytes,
    scan_folder,
    suvbw_factor,
    write_ct_series,
    write_pet_series,
)
from hnuiseg.errors import OutputFailed
from hnuiseg.files import atomic_write, write_nifti
from hnuiseg.volume import Volume

# A phantom was never scanned; a fixed day keeps its bytes the same on every machine.
_SCANNED = datetime(2026, 1, 15, 10, 0, 0)
_WEIGHT_KG, _DOSE_BQ, _HALF_LIFE_S, _UPTAKE_S = 75.0, 300e6, 6586.2, 3600.0


def write_phantom_patient(
    out: Path,
    seed: int,
    index: int = 0,
    *,
    variant: Variant | None = None,
    told: Callable[[float], None] | None = None,
) -> Path:
    """Write `out/patient-NNN` whole or not at all, and return it.

    It holds `study/ct` and `study/pet` (DICOM), `ct.nii.gz` (HU), `pet.nii.gz` (SUVbw),
    `truth.nii.gz` (1 GTVp, 2 GTVn), `truth.dcm` (RTSTRUCT; absent without disease) and
    `phantom.json`. `told` hears the finished fraction. Raises OutputFailed where the folder
    exists or can't be written.
    """
    told = told or (lambda _: None)
    folder = out / f"patient-{index:03d}"
    partial = out / f".patient-{index:03d}.partial"
    if folder.exists():
        raise OutputFailed(
            f"{folder.name} exists", "a folder that isn't there yet", "name another --out"
        )
    made = phantom(seed, index, variant=variant)
    told(0.4)
    new_parent = not out.exists()
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_dicom(made, partial, seed, index)
        told(0.7)
        write_nifti(made.ct, partial / "ct.nii.gz")
        if made.pet is not None:
            write_nifti(made.pet, partial / "pet.nii.gz")
        write_nifti(made.truth, partial / "truth.nii.gz")
        described = {
            "seed": seed,
            "index": index,
            "disease": asdict(made.disease),
            "contrast": made.body.contrast,
            "fillings": made.metal,
            "pet": made.pet is not None,
        }
        atomic_write(partial / "phantom.json", json.dumps(described, indent=1).encode())
        partial.rename(folder)
    except OSError as error:
        raise OutputFailed(
            f"{folder.name} can't be written ({error.strerror})",
            "a folder with room that may be written",
            "free space or name another --out",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if new_parent and not folder.exists():
            with contextlib.suppress(OSError):  # the caller may have put something there
                out.rmdir()
    return folder


def _write_dicom(made: Phantom, folder: Path, seed: int, index: int) -> None:
    name = f"phantom {seed}/{index}"
    patient = PatientStudy(
        patient_name=f"Phantom^{seed}^{index}",
        patient_id=f"PHANTOM-{seed}-{index}",
        patient_birth_date="",
        patient_sex="O",
        study_instance_uid=_uid(seed, index, 1),
        study_date=_SCANNED.strftime("%Y%m%d"),
        study_time=_SCANNED.strftime("%H%M%S"),
        study_id="1",
        accession_number="",
        referring_physician="",
    )

    def series(number: int, description: str) -> NewSeries:
        frame = made.ct.grid.frame_of_reference
        return NewSeries(patient, _uid(seed, index, 1 + number), number, description, frame, name)

    write_ct_series(made.ct, folder / "study" / "ct", series(1, "Phantom CT head and neck"))
    if made.pet is not None:
        factor = suvbw_factor(_WEIGHT_KG, _DOSE_BQ, _HALF_LIFE_S, _UPTAKE_S)
        activity = Volume(made.pet.array / np.float32(factor), made.pet.grid, "Bq/ml")
        acquisition = PetAcquisition(
            weight_kg=_WEIGHT_KG,
            height_m=1.75,
            dose_bq=_DOSE_BQ,
            half_life_s=_HALF_LIFE_S,
            injection_time=_SCANNED - timedelta(seconds=_UPTAKE_S),
            series_time=_SCANNED,
            frame_duration_s=180.0,
        )
        write_pet_series(
            activity, folder / "study" / "pet", series(2, "Phantom PET AC"), acquisition
        )
    structures = [
        Structure("GTVp", 1, made.truth.array == 1, (220, 50, 32)),
        Structure("GTVn", 2, made.truth.array == 2, (0, 150, 190)),
    ]
    if any(s.mask.any() for s in structures):
        content = rtstruct(
            structures,
            made.ct.grid,
            _reference(folder / "study" / "ct"),
            label="Phantom truth",
            description="What was planted in the phantom",
            created=_SCANNED,
            uid_entropy=name,
            software="hnuiseg phantom",
        )
        atomic_write(folder / "truth.dcm", rtstruct_bytes(content))


def _reference(ct_folder: Path) -> DicomReference:
    (series,) = scan_folder(ct_folder).series
    return read_series(series).reference


def _uid(seed: int, index: int, number: int) -> str:
    # 2.25: UIDs from plain integers (PS3.5 B.2)
    return f"2.25.{((seed + 1) * 1_000_003 + index + 1) * 100 + number}"
