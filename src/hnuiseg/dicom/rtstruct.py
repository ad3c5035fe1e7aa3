"""Masks to an RTSTRUCT on the slices of the series that they were made from.

Always UNAPPROVED, always said to be for research: a person approves, in the planning system.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from hnuiseg.dicom.contours import plane_contours
from hnuiseg.dicom.reference import DicomReference
from hnuiseg.dicom.write_series import repeat_patient
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid

_RESEARCH = "Research use only"
_STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"  # retired, and what every reader expects here
_SERIES_NUMBER = 901  # viewers list it after what the scanner made
_SAME_PLACE_MM = 0.2  # a slice may lie 0.1 mm off the regular grid


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One region of interest."""

    name: str  # GTVp, GTVn; at most 64 characters
    number: int  # unique within the object
    mask: Bool[np.ndarray, "z y x"]
    colour: tuple[int, int, int]  # RGB, 0 to 255
    interpreted_type: str = "GTV"  # (3006,00A4)
    algorithm: Literal["AUTOMATIC", "SEMIAUTOMATIC"] = "AUTOMATIC"


def rtstruct(
    structures: Sequence[Structure],
    grid: Grid,
    reference: DicomReference,
    *,
    label: str,
    description: str,
    created: datetime,
    uid_entropy: str,
    software: str,
) -> FileDataset:
    """An RT Structure Set with the contours of every structure that has a voxel.

    `grid` is the grid of the masks; its first axis runs over the slices of `reference`.
    Contours lie in those slices, whatever their orientation: see `plane_contours`. Reading
    them back at voxel centres gives the same masks. Empty structures are left out. UIDs are
    hashes of all that is drawn and said, and of `uid_entropy`: equal arguments give equal
    bytes, and other contours are another object, which an archive mustn't take for a copy.
    `label` has at most 16 characters; the description is made to say "Research use only".

    Raises OutputFailed if no structure has a voxel, if masks, grid and slices don't fit, or
    if the series has no frame of reference.
    Source: DICOM PS3.3 A.19, C.8.8.5, C.8.8.6, C.8.8.8.
    """
    drawn = [s for s in structures if s.mask.any()]
    _require_fit(structures, drawn, grid, reference, label)
    base = _identity(drawn, reference, (label, description, str(created), uid_entropy, software))
    dataset = _header(reference, label, description, created, base, software)
    dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame(reference)]
    dataset.StructureSetROISequence = [_roi(s, reference) for s in drawn]
    dataset.ROIContourSequence = [_roi_contour(s, grid, reference) for s in drawn]
    dataset.RTROIObservationsSequence = [_observation(s) for s in drawn]
    dataset.ApprovalStatus = "UNAPPROVED"
    return dataset


def rtstruct_bytes(dataset: FileDataset) -> bytes:
    """The file's content, Implicit VR Little Endian: long contours don't fit into explicit VR."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _identity(drawn: Sequence[Structure], reference: DicomReference, said: tuple[str, ...]) -> str:
    """A digest of everything that makes one object different from another."""
    series = reference.series_instance_uid, reference.sop_instance_uids
    digest = hashlib.sha256(repr((series, said)).encode())
    for s in drawn:
        digest.update(repr((s.name, s.number, s.colour, s.interpreted_type, s.algorithm)).encode())
        digest.update(repr(s.mask.shape).encode() + np.packbits(s.mask).tobytes())
    return digest.hexdigest()


def _header(
    reference: DicomReference,
    label: str,
    description: str,
    created: datetime,
    base: str,
    software: str,
) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[f"{base}|rtstruct"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[f"{base}|rtstruct series"])
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    repeat_patient(dataset, reference.patient)
    date, time = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    dataset.InstanceCreationDate = dataset.SeriesDate = dataset.StructureSetDate = date
    dataset.InstanceCreationTime = dataset.SeriesTime = dataset.StructureSetTime = time
    dataset.Modality = "RTSTRUCT"
    dataset.Manufacturer = dataset.ManufacturerModelName = "hnuiseg"
    dataset.SoftwareVersions = software
    said = _for_research(description)
    dataset.SeriesDescription = said[:64] if _RESEARCH.lower() in said[:64].lower() else _RESEARCH
    dataset.StructureSetLabel = label
    dataset.StructureSetDescription = said
    dataset.OperatorsName = None
    dataset.SeriesNumber = _SERIES_NUMBER
    dataset.FrameOfReferenceUID = reference.frame_of_reference
    dataset.PositionReferenceIndicator = reference.position_reference_indicator
    return dataset


def _for_research(description: str) -> str:
    said = _RESEARCH.lower() in description.lower()
    return description if said else f"{_RESEARCH}: {description}"


def _referenced_frame(reference: DicomReference) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = reference.series_instance_uid
    series.ContourImageSequence = [
        _referenced_image(reference, index) for index in range(len(reference.sop_instance_uids))
    ]
    study = Dataset()
    study.ReferencedSOPClassUID = _STUDY_MANAGEMENT
    study.ReferencedSOPInstanceUID = reference.patient.study_instance_uid
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = reference.frame_of_reference
    frame.RTReferencedStudySequence = [study]
    return frame


def _referenced_image(reference: DicomReference, index: int) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID = reference.sop_class_uid
    image.ReferencedSOPInstanceUID = reference.sop_instance_uids[index]
    return image


def _roi(structure: Structure, reference: DicomReference) -> Dataset:
    roi = Dataset()
    roi.ROINumber = structure.number
    roi.ReferencedFrameOfReferenceUID = reference.frame_of_reference
    roi.ROIName = structure.name
    roi.ROIGenerationAlgorithm = structure.algorithm
    return roi


def _observation(structure: Structure) -> Dataset:
    observation = Dataset()
    observation.ObservationNumber = structure.number
    observation.ReferencedROINumber = structure.number
    observation.RTROIInterpretedType = structure.interpreted_type
    observation.ROIInterpreter = None
    return observation


def _roi_contour(structure: Structure, grid: Grid, reference: DicomReference) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(structure.colour)
    item.ReferencedROINumber = structure.number
    contours: list[Dataset] = []
    for index in np.flatnonzero(structure.mask.any(axis=(1, 2))).tolist():
        position = reference.image_positions_mm[index]
        for outline in plane_contours(structure.mask[index]):
            contour = Dataset()
            contour.ContourImageSequence = [_referenced_image(reference, index)]
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(outline)
            contour.ContourNumber = len(contours) + 1
            contour.ContourData = _contour_data(outline, grid, position)
            contours.append(contour)
    item.ContourSequence = contours
    return item


def _contour_data(
    outline: Float[np.ndarray, "n 2"], grid: Grid, position: tuple[float, float, float]
) -> list[str]:
    """Points x, y, z in mm, one after the other, as fixed-point strings.

    Coordinates that are the same over the whole slice equal its stored position to the last
    digit that 16 characters hold, so that readers match contour and slice.
    """
    _, step_y, step_x = grid.steps
    points = np.asarray(position) + outline[:, :1] * step_y + outline[:, 1:] * step_x
    constant = [_as_stored(position[k]) if step_y[k] == step_x[k] == 0 else None for k in range(3)]
    return [
        constant[k] or _fixed(value) for point in points.tolist() for k, value in enumerate(point)
    ]


def _fixed(value: float) -> str:
    """Four decimals: 0.0001 mm anywhere in a room, and never more than 16 characters."""
    text = f"{value:.4f}"
    return "0.0000" if text == "-0.0000" else text


def _as_stored(value: float) -> str:
    for decimals in range(4, 13):
        text = f"{value:.{decimals}f}"
        if float(text) == value and len(text) <= 16:
            return _fixed(value) if decimals == 4 else text
    return _fixed(value)


def _require_fit(
    structures: Sequence[Structure],
    drawn: Sequence[Structure],
    grid: Grid,
    reference: DicomReference,
    label: str,
) -> None:
    if not drawn:
        raise OutputFailed(
            "structures without a single voxel",
            "at least one structure that isn't empty",
            "write no RTSTRUCT where no tumour was found",
        )
    if not reference.frame_of_reference:
        raise OutputFailed(
            "a series without Frame of Reference UID (0020,0052), to which no contour can refer",
            "a series with one",
            "export the series again with it; the label map is written all the same",
        )
    slices = len(reference.sop_instance_uids)
    if any(s.mask.shape != grid.shape for s in structures) or slices != grid.shape[0]:
        raise OutputFailed(
            f"masks of {structures[0].mask.shape} on a grid of {grid.shape} with {slices} slices",
            "masks on the grid of the referenced series",
            "bring the masks onto the original CT first",
        )
    if grid.frame_of_reference != reference.frame_of_reference:
        raise OutputFailed(
            "masks in another frame of reference than the referenced series",
            "one frame of reference (0020,0052)",
            "refer to the series that the masks were made from",
        )
    first_voxels = np.zeros((slices, 3))
    first_voxels[:, 0] = np.arange(slices)
    gap = grid.to_world(first_voxels) - np.asarray(reference.image_positions_mm)
    if np.abs(gap).max() > _SAME_PLACE_MM:
        raise OutputFailed(
            f"masks whose slices lie up to {np.abs(gap).max():.1f} mm from the referenced images",
            f"at most {_SAME_PLACE_MM} mm",
            "bring the masks onto the original CT, in its stored order of slices, first",
        )
    if len({s.number for s in structures}) != len(structures):
        raise OutputFailed("two structures of one number", "unique numbers", "renumber them")
    if len(label) > 16:
        raise OutputFailed(f"a label of {len(label)} characters", "16", "choose a shorter label")
