"""Rigid registrations between two frames of reference, as found in a file.

A Spatial Registration object (DICOM PS3.3 C.20.2) takes points of each frame of reference
that it names to one registered frame. An ITK transform file names no frames; as ITK's
registration methods write it, it takes points of the fixed image (here the CT) to the moving
image (here the PET). Positions are LPS millimetres in both.

Only rigid ones are taken: a rotation and a shift. A PET is then moved by moving its grid.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Float
from pydicom import config
from pydicom.uid import DeformableSpatialRegistrationStorage, SpatialRegistrationStorage

from hnuiseg.dicom.attributes import UNREADABLE, UNREADABLE_FILE, named, numbers, text
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Grid

_RIGID = 1e-4  # per element of R·Rᵀ - 1: 0.05 mm in half a metre
_SAME_MM = 0.01
_ALLOWED = "a rigid registration: a rotation and a shift"
_REMEDY = "register rigidly, or segment from the CT alone with --ct-only"
_LARGEST_BYTES = 1_000_000  # a rigid transform is sixteen numbers

Matrix = tuple[tuple[float, float, float, float], ...]  # 4 × 4, rows


@dataclass(frozen=True, slots=True)
class Join:
    """What takes points of one image to another of another frame of reference."""

    matrix: Matrix  # rigid; LPS mm of the moving image to LPS mm of the fixed
    words: str  # where it was found, for the report

    def moved(self, grid: Grid, frame_of_reference: str) -> Grid:
        """A grid of the moving image, in the fixed image's frame of reference."""
        matrix = np.asarray(self.matrix)
        origin = matrix[:3, :3] @ np.asarray(grid.origin) + matrix[:3, 3]
        steps = grid.steps @ matrix[:3, :3].T
        moved = Grid.from_steps(grid.shape, steps, origin, frame_of_reference)
        return replace(moved, spacing=grid.spacing)  # rounding is no change of spacing


@dataclass(frozen=True, slots=True)
class SpatialRegistration:
    """A registration object: a way from each of several frames of reference to one."""

    name: str  # of the file
    to_registered: tuple[tuple[str, Matrix], ...]  # Frame of Reference UID, and its matrix

    def join(self, moving: str, fixed: str) -> Join | None:
        """From one frame of reference to another; None where one of them isn't named."""
        ways = dict(self.to_registered)
        if not moving or not fixed or moving not in ways or fixed not in ways:
            return None
        matrix = np.linalg.inv(np.asarray(ways[fixed])) @ np.asarray(ways[moving])
        return Join(_rigid(matrix, self.name), f"Spatial Registration {self.name}")


def spatial_registration(header: pydicom.Dataset, name: str) -> SpatialRegistration:
    """What a registration object says, by header alone; InputRefused where it isn't rigid.

    Source: DICOM PS3.3 C.20.2, Registration Sequence (0070,0308).
    """
    uid = text(header, "SOPClassUID")
    if uid == DeformableSpatialRegistrationStorage:
        raise InputRefused(f"{name} is a deformable registration", _ALLOWED, _REMEDY)
    if uid != SpatialRegistrationStorage:
        raise InputRefused(
            f"{name} is no spatial registration", "a DICOM Spatial Registration object", _REMEDY
        )
    ways: dict[str, Matrix] = {}
    try:
        for item in header.get("RegistrationSequence") or ():
            frame = text(item, "FrameOfReferenceUID")
            if not frame:
                raise InputRefused(
                    f"{name} names images, but no {named('FrameOfReferenceUID')} in an item",
                    "a registration of frames of reference",
                    _REMEDY,
                )
            matrix = _rigid(_one_matrix(item, name), name)
            if frame in ways and not _alike(ways[frame], matrix):
                raise InputRefused(
                    f"{name} gives two ways from one frame of reference", "one", _REMEDY
                )
            ways[frame] = matrix
    except UNREADABLE as error:
        raise InputRefused(
            f"{name} is damaged ({type(error).__name__})", _ALLOWED, _REMEDY
        ) from error
    if not ways:
        raise InputRefused(f"{name} holds no registration", _ALLOWED, _REMEDY)
    registered = text(header, "FrameOfReferenceUID")
    if registered and registered not in ways:  # it needs no item of its own
        ways[registered] = _IDENTITY
    return SpatialRegistration(name, tuple(ways.items()))


def read_registration(path: Path) -> SpatialRegistration | Join:
    """A registration in a file of its own: DICOM, or an ITK transform of CT to PET points.

    InputRefused for what is neither, or isn't rigid.
    """
    try:
        with path.open("rb") as file:
            start = file.read(132)
            size = path.stat().st_size
    except OSError as error:
        raise InputRefused(
            f"{path.name} can't be opened: {error.strerror}", "a readable file", "check the path"
        ) from error
    if size > _LARGEST_BYTES:
        raise InputRefused(f"{path.name} is {size} bytes large", _ALLOWED, _REMEDY)
    if start[128:] == b"DICM":
        return spatial_registration(_header(path), path.name)
    if start.startswith(b"#Insight Transform File"):
        return _itk(path)
    raise InputRefused(
        f"{path.name} is neither DICOM nor an ITK transform",
        "a DICOM Spatial Registration object, or an ITK transform (.tfm, .txt)",
        _REMEDY,
    )


def one_join(joins: Sequence[Join]) -> Join | None:
    """The one join that all agree on; None where there is none.

    InputRefused where they differ: which is right isn't ours to choose.
    """
    for other in joins[1:]:
        if not _alike(joins[0].matrix, other.matrix):
            raise InputRefused(
                f"{joins[0].words} and {other.words} join CT and PET differently",
                "one registration",
                "name the right one with --registration",
            )
    return joins[0] if joins else None


_IDENTITY: Matrix = tuple(
    (float(k == 0), float(k == 1), float(k == 2), float(k == 3)) for k in range(4)
)


def _header(path: Path) -> pydicom.Dataset:
    try:
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read_data_set(path)
    except UNREADABLE_FILE as error:
        raise InputRefused(
            f"{path.name} is damaged ({type(error).__name__})", _ALLOWED, _REMEDY
        ) from error


def _one_matrix(item: pydicom.Dataset, name: str) -> Float[np.ndarray, "4 4"]:
    """The matrix of one item: several that change something are refused.

    PS3.3 lets several follow one another; in which order, readers don't agree.
    """
    found = [
        numbers(matrix, "FrameOfReferenceTransformationMatrix", 16)
        for registration in item.get("MatrixRegistrationSequence") or ()
        for matrix in registration.get("MatrixSequence") or ()
    ]
    if not found or any(m is None for m in found):
        raise InputRefused(
            f"{name} has no {named('FrameOfReferenceTransformationMatrix')} in an item",
            "one matrix for each frame of reference",
            _REMEDY,
        )
    matrices = [np.array(m).reshape(4, 4) for m in found]
    changing = [m for m in matrices if not np.array_equal(m, np.eye(4))]
    if len(changing) > 1:
        raise InputRefused(
            f"{name} chains {len(changing)} matrices for one frame of reference",
            "one matrix for each frame of reference",
            _REMEDY,
        )
    return changing[0] if changing else np.eye(4)


def _rigid(matrix: Float[np.ndarray, "4 4"], name: str) -> Matrix:
    """The matrix with its rotation made exact; refused where it is more than one."""
    turn = matrix[:3, :3]
    if not np.isfinite(matrix).all() or np.abs(matrix[3] - (0, 0, 0, 1)).max() > _RIGID:
        raise InputRefused(f"{name} holds a matrix that is no transform", _ALLOWED, _REMEDY)
    if np.abs(turn @ turn.T - np.eye(3)).max() > _RIGID:
        scales = np.linalg.norm(turn, axis=0)
        said = " × ".join(f"{s:.4g}" for s in scales)
        raise InputRefused(f"{name} scales or shears (axes become {said})", _ALLOWED, _REMEDY)
    if np.linalg.det(turn) < 0:
        raise InputRefused(f"{name} mirrors", _ALLOWED, _REMEDY)
    left, _, right = np.linalg.svd(turn)
    rows = np.column_stack([left @ right, matrix[:3, 3]])
    a, b, c = ((float(r[0]), float(r[1]), float(r[2]), float(r[3])) for r in rows)
    return (a, b, c, _IDENTITY[3])


def _alike(a: Matrix, b: Matrix) -> bool:
    """Whether two matrices put every point within half a metre in the same place."""
    apart = np.abs(np.asarray(a) - np.asarray(b))
    return bool(apart[:3, :3].max() * 500.0 <= _SAME_MM and apart[:3, 3].max() <= _SAME_MM)


def _itk(path: Path) -> Join:
    import SimpleITK as sitk

    try:
        transform = sitk.ReadTransform(str(path))
        if transform.GetDimension() != 3 or not transform.IsLinear():
            raise InputRefused(
                f"{path.name} is no linear transform of three dimensions", _ALLOWED, _REMEDY
            )
        shift = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
        axes = [np.array(transform.TransformPoint(p)) - shift for p in np.eye(3).tolist()]
    except (RuntimeError, ValueError) as error:  # ValueError: ITK quotes what is no text
        raise InputRefused(f"{path.name} can't be read by ITK", _ALLOWED, _REMEDY) from error
    ct_to_pet = np.eye(4)
    ct_to_pet[:3, :3], ct_to_pet[:3, 3] = np.column_stack(axes), shift
    _rigid(ct_to_pet, path.name)
    return Join(_rigid(np.linalg.inv(ct_to_pet), path.name), f"ITK transform {path.name}")
