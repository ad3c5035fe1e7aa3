"""A patient and series that don't exist, for tests that write DICOM."""

from datetime import datetime

import numpy as np
from jaxtyping import Bool

from hnuiseg.dicom import (
    DicomReference,
    NewSeries,
    PatientStudy,
    Structure,
    rtstruct,
    rtstruct_bytes,
)
from hnuiseg.volume import Grid

FRAME = "1.2.826.0.1.3680043.8.498.1"
CT_SERIES = "1.2.826.0.1.3680043.8.498.2"
PATIENT = PatientStudy(
    patient_name="Nobody^Ever",
    patient_id="0",
    patient_birth_date="",
    patient_sex="O",
    study_instance_uid="1.2.826.0.1.3680043.8.498.3",
    study_date="20260102",
    study_time="030405",
    study_id="1",
    accession_number="",
    referring_physician="",
)
CREATED = datetime(2026, 1, 2, 3, 4, 5)


def new_ct() -> NewSeries:
    return NewSeries(PATIENT, CT_SERIES, 2, "CT of nobody", FRAME, "a test")


def reference(grid: Grid) -> DicomReference:
    """The series that a grid's slices would be, with the UIDs numbered."""
    index = np.zeros((grid.shape[0], 3))
    index[:, 0] = np.arange(grid.shape[0])
    return DicomReference(
        patient=PATIENT,
        series_instance_uid=CT_SERIES,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uids=tuple(f"{CT_SERIES}.{k + 1}" for k in range(grid.shape[0])),
        image_positions_mm=tuple(
            (float(x), float(y), float(z)) for x, y, z in grid.to_world(index)
        ),
        frame_of_reference=grid.frame_of_reference,
        position_reference_indicator="",
    )


def contours_file(grid: Grid, series: DicomReference, **masks: Bool[np.ndarray, "z y x"]) -> bytes:
    """An RTSTRUCT of the named masks."""
    structures = [
        Structure(name, number, mask, (255, 64, 0))
        for number, (name, mask) in enumerate(masks.items(), start=1)
    ]
    return structures_file(grid, series, *structures)


def structures_file(
    grid: Grid, series: DicomReference, *structures: Structure, smoothing_mm: float = 0.0
) -> bytes:
    """An RTSTRUCT of structures."""
    return rtstruct_bytes(
        rtstruct(
            structures,
            grid,
            series,
            label="hnuiseg",
            description="Automatic contours",
            created=CREATED,
            uid_entropy="a test",
            software="0.1.0",
            smoothing_mm=smoothing_mm,
        )
    )
