"""What every multi-frame object that is made from a series has in common: SEG, parametric map.

highdicom lays out frames and functional groups. It takes its sources as data sets, which are
made up here of what a `DicomReference` holds, and it reads the clock and draws UIDs, which
is put right here: equal arguments give equal bytes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from hnuiseg.dicom.frame_references import name_frames, stand_ins
from hnuiseg.dicom.reference import DicomReference
from hnuiseg.dicom.write_series import repeat_patient
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid

DESCRIPTION = "Research use only, UNAPPROVED"  # these objects have no Approval Status
_SAME_PLACE_MM = 0.2  # a slice may lie 0.1 mm off the regular grid
_MAKER = "hnuiseg"


@dataclass(frozen=True, slots=True)
class Made:
    """By what, when and from what an object was made; part of its identity."""

    created: datetime
    uid_entropy: str
    software: str  # name and version
    model: str = ""  # what answered, as Algorithm Name goes: at most 64 characters


def dicom_bytes(dataset: Dataset) -> bytes:
    """The file's content, with preamble and meta information."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def identity(kind: str, reference: DicomReference, made: Made, parts: Iterable[bytes]) -> str:
    """A digest of all that makes one object different from another."""
    digest = hashlib.sha256(
        repr(
            (
                kind,
                reference.series_instance_uid,
                reference.sop_instance_uids,
                str(made.created),
                made.uid_entropy,
                made.software,
                made.model,
            )
        ).encode()
    )
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def common_arguments(base: str, made: Made, series_number: int, label: str) -> dict[str, Any]:
    """Arguments that highdicom's constructors share. `label` is a code string, 16 at most."""
    return {
        "series_instance_uid": generate_uid(entropy_srcs=[f"{base}|series"]),
        "series_number": series_number,
        "sop_instance_uid": generate_uid(entropy_srcs=[f"{base}|instance"]),
        "instance_number": 1,
        "manufacturer": _MAKER,
        "manufacturer_model_name": _MAKER,
        "software_versions": made.software,
        "device_serial_number": "none",  # type 1 here, and software has none
        "content_label": label,
        "content_description": DESCRIPTION,
        "content_creator_name": None,
        "series_description": DESCRIPTION,
        "specific_character_set": "ISO_IR 192",
    }


def frames(grid: Grid, reference: DicomReference, planes: Iterable[int]) -> dict[str, Any]:
    """Where the planes of an object lie, for highdicom: exactly on slices of the series."""
    from highdicom.content import PixelMeasuresSequence, PlaneOrientationSequence
    from highdicom.content import PlanePositionSequence as Position

    z, y, x = (float(v) for v in grid.spacing)
    return {
        "pixel_measures": PixelMeasuresSequence(
            pixel_spacing=(y, x), slice_thickness=z, spacing_between_slices=z
        ),
        "plane_orientation": PlaneOrientationSequence("PATIENT", _orientation(grid)),
        "plane_positions": [
            Position("PATIENT", reference.image_positions_mm[plane]) for plane in planes
        ],
    }


def sources(grid: Grid, reference: DicomReference) -> list[Dataset]:
    """The series' slices as highdicom asks for them: who, where and which, without pixels.

    They name no patient: highdicom checks such values, and a derived object must name the
    patient as its source does even where that breaks a rule. See `finish`.
    """
    require_fit(grid, reference)
    found = []
    sop_class, uids = stand_ins(reference)
    for uid, position in zip(uids, reference.image_positions_mm, strict=True):
        image = Dataset()
        image.SOPClassUID = sop_class
        image.SOPInstanceUID = uid
        image.SeriesInstanceUID = reference.series_instance_uid
        image.StudyInstanceUID = reference.patient.study_instance_uid
        image.FrameOfReferenceUID = reference.frame_of_reference
        image.PositionReferenceIndicator = reference.position_reference_indicator
        image.Modality = "CT"
        image.Rows, image.Columns = grid.shape[1:]
        image.ImagePositionPatient = list(position)
        image.ImageOrientationPatient = list(_orientation(grid))
        image.PixelSpacing = [float(v) for v in grid.spacing[1:]]
        image.SliceThickness = float(grid.spacing[0])
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
            setattr(image, keyword, None)
        for keyword in ("StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
            setattr(image, keyword, None)
        found.append(image)
    return found


def finish(dataset: Dataset, reference: DicomReference, made: Made, base: str) -> None:
    """Name patient and times, and replace what was drawn at random."""
    name_frames(dataset, reference)
    repeat_patient(dataset, reference.patient)
    dataset.ContentCreatorName = None  # type 2, and highdicom leaves it out of a map
    dataset.PositionReferenceIndicator = reference.position_reference_indicator
    date, time = made.created.strftime("%Y%m%d"), made.created.strftime("%H%M%S")
    dataset.InstanceCreationDate = dataset.SeriesDate = dataset.ContentDate = date
    dataset.InstanceCreationTime = dataset.SeriesTime = dataset.ContentTime = time
    dimensions = generate_uid(entropy_srcs=[f"{base}|dimensions"])
    organized = (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence)
    for item in organized:
        item.DimensionOrganizationUID = dimensions
    # highdicom names itself with the time of the call; Software Versions says who made this
    dataset.pop("ContributingEquipmentSequence", None)


def require_fit(grid: Grid, reference: DicomReference) -> None:
    """OutputFailed where the grid's first axis doesn't run over the slices of the series."""
    if not reference.frame_of_reference:
        raise OutputFailed(
            "a series without Frame of Reference UID (0020,0052), to which nothing can refer",
            "a series with one",
            "export the series again with it; the label map is written all the same",
        )
    if grid.frame_of_reference != reference.frame_of_reference:
        raise OutputFailed(
            "an image in another frame of reference than the referenced series",
            "one frame of reference (0020,0052)",
            "refer to the series that it was made from",
        )
    slices = len(reference.sop_instance_uids)
    if slices != grid.shape[0]:
        raise OutputFailed(
            f"an image of {grid.shape[0]} slices made from a series of {slices}",
            "an image on the grid of the referenced series",
            "bring it onto the original CT first",
        )
    first = np.zeros((slices, 3))
    first[:, 0] = np.arange(slices)
    apart = np.abs(grid.to_world(first) - np.asarray(reference.image_positions_mm)).max()
    if apart > _SAME_PLACE_MM:
        raise OutputFailed(
            f"an image whose slices lie up to {apart:.1f} mm from the referenced images",
            f"at most {_SAME_PLACE_MM} mm",
            "bring it onto the original CT, in its stored order of slices, first",
        )


def _orientation(grid: Grid) -> tuple[float, ...]:
    """Image Orientation (0020,0037): along a row, then along a column."""
    return (*grid.direction[2], *grid.direction[1])
