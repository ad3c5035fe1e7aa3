"""Very small DICOM series in which every voxel, spacing and slope differs."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Float
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)

Vector = tuple[float, float, float]
Change = Callable[[FileDataset, int], None]

SHAPE = (5, 6, 7)
SPACING = (2.5, 1.25, 0.75)  # z, y, x
ORIGIN = (-11.5, 23.25, -42.0)


def axis_orientations() -> list[tuple[Vector, Vector]]:
    """Row and column directions of all 24 right-handed orientations along the axes."""
    units = [tuple(float(s * (i == k)) for i in range(3)) for k in range(3) for s in (1, -1)]
    return [
        ((r[0], r[1], r[2]), (c[0], c[1], c[2]))
        for r in units
        for c in units
        if abs(np.dot(r, c)) < 0.5
    ]


def tiny_headers(
    modality: str = "CT",
    *,
    count: int = SHAPE[0],
    plane: tuple[int, int] = SHAPE[1:],
    row: Vector = (1.0, 0.0, 0.0),
    column: Vector = (0.0, 1.0, 0.0),
    series_uid: str | None = None,
    descending: bool = False,
    change: Change | None = None,
) -> list[FileDataset]:
    """Slices in order along row × column, each with its own slope; `change` comes last.

    `descending`: Instance Number runs against the order in space.
    """
    normal = np.cross(row, column)
    rng = np.random.default_rng(20)
    values = rng.permutation(count * plane[0] * plane[1]).astype(np.int16) - 97
    values = values.reshape(count, *plane)
    study, series, frame = generate_uid(), series_uid or generate_uid(), generate_uid()
    slices = []
    for z in range(count):
        slice_ = _empty(modality)
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID = study, series
        slice_.FrameOfReferenceUID = frame
        slice_.InstanceNumber = count - z if descending else z + 1
        slice_.ImageOrientationPatient = [*row, *column]
        position = np.array(ORIGIN) + z * SPACING[0] * normal
        slice_.ImagePositionPatient = [float(round(p, 6)) for p in position]
        slice_.PixelSpacing = [SPACING[1], SPACING[2]]
        slice_.SliceThickness = 99.0  # never to be trusted
        slice_.Rows, slice_.Columns = plane
        slice_.RescaleSlope = 1.5 + 0.25 * z
        slice_.RescaleIntercept = -1000.0 if modality == "CT" else 0.0
        slice_.PixelData = values[z].astype("<i2").tobytes()
        if change is not None:
            change(slice_, z)
        slices.append(slice_)
    return slices


def _empty(modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_ = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    pet = modality == "PT"
    slice_.SOPClassUID = PositronEmissionTomographyImageStorage if pet else CTImageStorage
    slice_.SOPInstanceUID = generate_uid()
    meta.MediaStorageSOPClassUID = slice_.SOPClassUID
    meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
    slice_.Modality = modality
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    slice_.PatientName, slice_.PatientID = "Secret^Name", "SECRET-ID"
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.BitsAllocated = slice_.BitsStored = 16
    slice_.HighBit, slice_.PixelRepresentation = 15, 1
    if pet:
        _fill_pet(slice_)
    return slice_


def _fill_pet(slice_: FileDataset) -> None:
    """70 kg, 350 MBq of F-18 injected an hour before the scan."""
    tracer = pydicom.Dataset()
    tracer.RadionuclideTotalDose = 350e6
    tracer.RadionuclideHalfLife = 6586.2
    tracer.RadiopharmaceuticalStartTime = "100000.00"
    slice_.RadiopharmaceuticalInformationSequence = [tracer]
    slice_.Units, slice_.DecayCorrection = "BQML", "START"
    slice_.CorrectedImage = ["ATTN", "DECY", "SCAT"]
    slice_.PatientWeight = 70.0
    slice_.SeriesDate = slice_.AcquisitionDate = "20260105"
    slice_.SeriesTime = slice_.AcquisitionTime = "110000.00"
    # the moment of mean activity of a frame of two minutes: 59.9 s after its start
    slice_.ActualFrameDuration, slice_.FrameReferenceTime = 120000, 59873.7


def save(slices: Sequence[FileDataset], folder: Path, names: Sequence[str] | None = None) -> Path:
    """Write slices under names, "0.dcm" and so on where none are given."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, slice_ in enumerate(slices):
        name = f"{k}.dcm" if names is None else names[k]
        slice_.save_as(folder / name, enforce_file_format=True)
    return folder


def values_of(slices: Sequence[FileDataset]) -> Float[np.ndarray, "z y x"]:
    """Values after rescale of uncompressed 16-bit slices, written out by hand."""
    planes = []
    for s in slices:
        stored = np.frombuffer(s.PixelData, dtype="<i2").reshape(s.Rows, s.Columns)
        planes.append(stored.astype(np.float64) * float(s.RescaleSlope) + float(s.RescaleIntercept))
    return np.array(planes).astype(np.float32)


def clock(seconds_after_ten: float) -> str:
    """A TM value."""
    start = datetime.datetime(2026, 1, 5, 10)
    return f"{start + datetime.timedelta(seconds=seconds_after_ten):%H%M%S.%f}"
