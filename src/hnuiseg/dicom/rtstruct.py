"""Masks to an RTSTRUCT on the slices of the series that they were made from.

Always UNAPPROVED, always said to be for research: a person approves, in the planning system.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from jaxtyping import Float
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from hnuiseg.dicom.acceptance import require_acceptable
from hnuiseg.dicom.contours import plane_contours
from hnuiseg.dicom.derived import dicom_bytes, require_fit
from hnuiseg.dicom.reference import DicomReference
from hnuiseg.dicom.smooth_contours import smooth_contours
from hnuiseg.dicom.structures import Structure
from hnuiseg.dicom.write_series import repeat_patient
from hnuiseg.errors import OutputFailed, WrongCall
from hnuiseg.volume import Grid

_RESEARCH = "Research use only"
_STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"  # retired, and what every reader expects here
_SERIES_NUMBER = 901  # viewers list it after what the scanner made
_CONTOUR_DATA = Tag("ContourData")


@dataclass(frozen=True, slots=True, eq=False)
class _Outlines:
    """A structure's contours in index space of the grid."""

    by_slice: dict[int, list[Float[np.ndarray, "n 2"]]]
    farthest_mm: float | None  # from the voxel faces; None where they weren't smoothed


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
    smoothing_mm: float = 0.0,
) -> FileDataset:
    """An RT Structure Set with the contours of every structure that has a voxel.

    `grid` is the grid of the masks; its first axis runs over the slices of `reference`.
    Contours lie in those slices, whatever their orientation: see `plane_contours`. Reading
    them back at voxel centres gives the same masks, even where `smoothing_mm` lets the lines
    leave the voxel faces by up to that distance (`smooth_contours`); how far they went stands
    in each region's (3006,0038) ROI Generation Description. Empty structures are left out. UIDs are
    hashes of all that is drawn and said, and of `uid_entropy`: equal arguments give equal
    bytes, and other contours are another object, which an archive mustn't take for a copy.
    `label` has at most 16 characters; the description is made to say "Research use only".

    Raises OutputFailed if no structure has a voxel, if masks, grid and slices don't fit, or
    if the series has no frame of reference; WrongCall for a smoothing that is no distance.
    Source: DICOM PS3.3 A.19, C.8.8.5, C.8.8.6, C.8.8.8.
    """
    if not 0 <= smoothing_mm < math.inf:
        raise WrongCall(f"contours smoothed by {smoothing_mm} mm", "0 mm or more", "correct it")
    drawn = [trimmed for s in structures if (trimmed := s.trimmed()) is not None]
    _require_fit(structures, drawn, grid, reference, label)
    said = label, description, str(created), uid_entropy, software, repr(float(smoothing_mm))
    base = _identity(drawn, reference, said)
    dataset = _header(reference, label, description, created, base, software)
    dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame(reference)]
    outlines = [_outlines(s, grid, smoothing_mm) for s in drawn]
    dataset.StructureSetROISequence = [
        _roi(s, reference, o.farthest_mm) for s, o in zip(drawn, outlines, strict=True)
    ]
    dataset.ROIContourSequence = [
        _roi_contour(s, o, grid, reference) for s, o in zip(drawn, outlines, strict=True)
    ]
    dataset.RTROIObservationsSequence = [_observation(s) for s in drawn]
    dataset.ApprovalStatus = "UNAPPROVED"
    return dataset


def rtstruct_bytes(dataset: FileDataset) -> bytes:
    """The file's content, Implicit VR Little Endian: long contours don't fit into explicit VR.

    Raises OutputFailed for what planning systems reject (`rtstruct_complaints`).
    """
    require_acceptable(dataset)
    return dicom_bytes(dataset)


def _identity(drawn: Sequence[Structure], reference: DicomReference, said: tuple[str, ...]) -> str:
    """A digest of everything that makes one object different from another."""
    series = reference.series_instance_uid, reference.sop_instance_uids
    digest = hashlib.sha256(repr((series, said)).encode())
    for s in drawn:
        digest.update(repr((s.name, s.number, s.colour, s.interpreted_type, s.algorithm)).encode())
        digest.update(repr((s.offset_zyx, s.mask.shape)).encode() + np.packbits(s.mask).tobytes())
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
    if reference.frame_numbers:
        image.ReferencedFrameNumber = reference.frame_numbers[index]
    return image


def _roi(structure: Structure, reference: DicomReference, farthest_mm: float | None) -> Dataset:
    roi = Dataset()
    roi.ROINumber = structure.number
    roi.ReferencedFrameOfReferenceUID = reference.frame_of_reference
    roi.ROIName = structure.name
    roi.ROIGenerationAlgorithm = structure.algorithm
    along = "Along voxel faces"
    if farthest_mm is not None:  # rounded up: it is a bound
        along += f", smoothed by at most {math.ceil(farthest_mm * 1000 + 0.1) / 1000:.3f} mm"
    roi.ROIGenerationDescription = along
    return roi


def _observation(structure: Structure) -> Dataset:
    observation = Dataset()
    observation.ObservationNumber = structure.number
    observation.ReferencedROINumber = structure.number
    observation.RTROIInterpretedType = structure.interpreted_type
    observation.ROIInterpreter = None
    return observation


def _outlines(structure: Structure, grid: Grid, smoothing_mm: float) -> _Outlines:
    offset_z, *offset_yx = structure.offset_zyx or (0, 0, 0)
    by_slice, farthest = {}, 0.0
    for k in np.flatnonzero(structure.mask.any(axis=(1, 2))).tolist():
        contours = plane_contours(structure.mask[k])
        if smoothing_mm > 0:
            smoothed = smooth_contours(contours, grid.spacing[1:], smoothing_mm)
            contours, farthest = smoothed.contours, max(farthest, smoothed.deviation_mm)
        by_slice[offset_z + k] = [contour + offset_yx for contour in contours]
    return _Outlines(by_slice, farthest if smoothing_mm > 0 else None)


def _roi_contour(
    structure: Structure, outlines: _Outlines, grid: Grid, reference: DicomReference
) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(structure.colour)
    item.ReferencedROINumber = structure.number
    contours: list[Dataset] = []
    for index, in_slice in outlines.by_slice.items():
        position = reference.image_positions_mm[index]
        for outline in in_slice:
            contour = Dataset()
            contour.ContourImageSequence = [_referenced_image(reference, index)]
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(outline)
            contour.ContourNumber = len(contours) + 1
            contour[_CONTOUR_DATA] = _contour_data(outline, grid, position)
            contour.set_original_encoding(True, True, default_encoding)  # written as it stands
            contours.append(contour)
    item.ContourSequence = contours
    return item


def _contour_data(
    outline: Float[np.ndarray, "n 2"], grid: Grid, position: tuple[float, float, float]
) -> RawDataElement:
    """Points x, y, z in mm, one after the other, as fixed-point strings.

    Coordinates that are the same over the whole slice equal its stored position to the last
    digit that 16 characters hold, so that readers match contour and slice.
    """
    _, step_y, step_x = grid.steps
    points = np.asarray(position) + outline[:, :1] * step_y + outline[:, 1:] * step_x
    constant = [_as_stored(position[k]) if step_y[k] == step_x[k] == 0 else None for k in range(3)]
    written = [
        [fixed] * len(points) if fixed else [_fixed(v) for v in points[:, k].tolist()]
        for k, fixed in enumerate(constant)
    ]
    text = "\\".join(value for point in zip(*written, strict=True) for value in point)
    text += " " * (len(text) % 2)  # an even length (PS3.5 6.2)
    # As stored: pydicom takes a second for the objects of ten lesions' numbers.
    return RawDataElement(_CONTOUR_DATA, "DS", len(text), text.encode("ascii"), 0, True, True)


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
    require_fit(grid, reference)
    if any(not s.fits(grid.shape) for s in structures):
        raise OutputFailed(
            f"masks of {structures[0].mask.shape} on a grid of {grid.shape}",
            "masks on the grid of the referenced series",
            "bring the masks onto the original CT first",
        )
    if len({s.number for s in structures}) != len(structures):
        raise OutputFailed("two structures of one number", "unique numbers", "renumber them")
    if len(label) > 16:
        raise OutputFailed(f"a label of {len(label)} characters", "16", "choose a shorter label")
