"""Spatial Registration objects (PS3.3 A.39.1), as small as they can be."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Float
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SpatialRegistrationStorage, generate_uid

Vector = tuple[float, float, float]

CT_FRAME = "1.2.826.0.1.3680043.8.498.77"
PET_FRAME = "1.2.826.0.1.3680043.8.498.88"


def euler(turn: Vector, shift: Vector) -> Float[np.ndarray, "4 4"]:
    """Turns about x, then y, then z, then a shift."""
    matrix = np.eye(4)
    for axis, angle in enumerate(turn):
        one = np.eye(3)
        a, b = [k for k in range(3) if k != axis]
        sign = -1.0 if axis == 1 else 1.0
        one[a, a] = one[b, b] = np.cos(angle)
        one[b, a], one[a, b] = sign * np.sin(angle), -sign * np.sin(angle)
        matrix[:3, :3] = one @ matrix[:3, :3]
    matrix[:3, 3] = shift
    return matrix


def registration(
    ways: Mapping[str, Float[np.ndarray, "4 4"]], registered: str = CT_FRAME
) -> FileDataset:
    """A way from each frame of reference to the registered one."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SpatialRegistrationStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = SpatialRegistrationStorage, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.FrameOfReferenceUID = "REG", registered
    items = []
    for frame, way in ways.items():
        matrix = pydicom.Dataset()
        matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
        matrix.FrameOfReferenceTransformationMatrix = [float(f"{v:.9f}") for v in way.ravel()]
        one = pydicom.Dataset()
        one.MatrixSequence = Sequence([matrix])
        item = pydicom.Dataset()
        item.FrameOfReferenceUID, item.MatrixRegistrationSequence = frame, Sequence([one])
        items.append(item)
    made.RegistrationSequence = Sequence(items)
    return made


def write_registration(
    folder: Path, pet_to_ct: Float[np.ndarray, "4 4"], name: str = "reg.dcm"
) -> Path:
    """A registration of the PET's frame to the CT's, as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    registration({PET_FRAME: pet_to_ct}).save_as(folder / name, enforce_file_format=True)
    return folder / name
