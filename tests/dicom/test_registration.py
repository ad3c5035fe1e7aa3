"""Rigid registrations: where they put points, held to ITK; what else is refused by name."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from pydicom.uid import DeformableSpatialRegistrationStorage

from hnuiseg.dicom import Join, SpatialRegistration, one_join, read_registration
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Grid
from small_registration import CT_FRAME, PET_FRAME, euler, registration, write_registration

GRID = Grid.axial((4, 5, 6), (3.0, 2.0, 1.0), (10.0, -20.0, 30.0), PET_FRAME)
angles = st.floats(-math.pi, math.pi)
shifts = st.floats(-300, 300)
MOVE = euler((0.1, -0.2, 0.3), (12.0, -34.0, 56.0))


def corners(grid: Grid) -> Float[np.ndarray, "n 3"]:
    n = np.asarray(grid.shape) - 1
    every = np.array(np.meshgrid(*[(0, k) for k in n], indexing="ij")).reshape(3, -1).T
    return grid.to_world(every.astype(float))


def through(matrix: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "n 3"]) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def saved(dataset: pydicom.Dataset, folder: Path) -> Path:
    dataset.save_as(folder / "reg.dcm", enforce_file_format=True)
    return folder / "reg.dcm"


def joined(path: Path) -> Join:
    found = read_registration(path)
    assert isinstance(found, SpatialRegistration)
    join = found.join(PET_FRAME, CT_FRAME)
    assert join is not None
    return join


@settings(max_examples=25, deadline=None)
@given(turn=st.tuples(angles, angles, angles), shift=st.tuples(shifts, shifts, shifts))
def test_a_moved_grid_lies_where_the_matrix_puts_it(
    turn: tuple[float, float, float],
    shift: tuple[float, float, float],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The shift and the turn both count, and in this order."""
    matrix = euler(turn, shift)
    path = saved(registration({PET_FRAME: matrix}), tmp_path_factory.mktemp("reg"))
    moved = joined(path).moved(GRID, CT_FRAME)
    assert moved.frame_of_reference == CT_FRAME
    assert moved.spacing == GRID.spacing
    np.testing.assert_allclose(corners(moved), through(matrix, corners(GRID)), atol=1e-5)


def test_both_frames_may_lead_to_a_third(tmp_path: Path) -> None:
    """PET to registered by one matrix, CT to registered by another."""
    other = euler((-0.4, 0.1, 0.2), (-7.0, 8.0, 9.0))
    path = saved(registration({PET_FRAME: MOVE, CT_FRAME: other}, registered="1.2.3"), tmp_path)
    moved = joined(path).moved(GRID, CT_FRAME)
    np.testing.assert_allclose(
        through(other, corners(moved)), through(MOVE, corners(GRID)), atol=1e-5
    )


def test_a_registration_to_the_pet_is_turned_round(tmp_path: Path) -> None:
    path = saved(registration({CT_FRAME: MOVE}, registered=PET_FRAME), tmp_path)
    moved = joined(path).moved(GRID, CT_FRAME)
    np.testing.assert_allclose(through(MOVE, corners(moved)), corners(GRID), atol=1e-5)


def test_frames_that_are_not_named_are_not_joined(tmp_path: Path) -> None:
    found = read_registration(saved(registration({PET_FRAME: MOVE}), tmp_path))
    assert isinstance(found, SpatialRegistration)
    assert found.join("1.9", CT_FRAME) is None
    assert found.join(PET_FRAME, "1.9") is None
    assert found.join("", "") is None


@pytest.mark.parametrize("kind", ["Euler3D", "VersorRigid3D", "Affine", "Composite"])
def test_an_itk_transform_takes_points_of_the_ct_to_the_pet(kind: str, tmp_path: Path) -> None:
    """As ITK resamples: what the transform says of a CT point is read from the PET."""
    transform = sitk.Euler3DTransform((5.0, 6.0, 7.0), 0.1, -0.2, 0.3, (12.0, -34.0, 56.0))
    written: sitk.Transform = transform
    if kind in ("VersorRigid3D", "Affine"):
        rigid = kind == "VersorRigid3D"
        written = sitk.VersorRigid3DTransform() if rigid else sitk.AffineTransform(3)
        written.SetMatrix(transform.GetMatrix())
        written.SetCenter(transform.GetCenter())
        written.SetTranslation(transform.GetTranslation())
    elif kind == "Composite":
        written = sitk.CompositeTransform([transform])
    sitk.WriteTransform(written, str(tmp_path / "ct_to_pet.tfm"))
    join = read_registration(tmp_path / "ct_to_pet.tfm")
    assert isinstance(join, Join)
    assert join.words == "ITK transform ct_to_pet.tfm"
    moved = corners(join.moved(GRID, CT_FRAME))
    back = np.array([transform.TransformPoint(p) for p in moved.tolist()])
    np.testing.assert_allclose(back, corners(GRID), atol=1e-6)


def test_registrations_that_agree_are_one_and_others_are_refused() -> None:
    a = _join(MOVE)
    near, far = MOVE.copy(), MOVE.copy()
    near[0, 3] += 0.005
    far[0, 3] += 1.0
    assert one_join([]) is None
    assert one_join([a, _join(near)]) is a
    with pytest.raises(InputRefused, match="join CT and PET differently"):
        one_join([a, _join(far)])


def _join(matrix: Float[np.ndarray, "4 4"]) -> Join:
    a, b, c, d = ((float(r[0]), float(r[1]), float(r[2]), float(r[3])) for r in matrix)
    return Join((a, b, c, d), "a test")


def scaled(dataset: pydicom.Dataset) -> None:
    _put(dataset, MOVE @ np.diag([1.01, 1.0, 1.0, 1.0]))


def mirrored(dataset: pydicom.Dataset) -> None:
    _put(dataset, MOVE @ np.diag([-1.0, 1.0, 1.0, 1.0]))


def projective(dataset: pydicom.Dataset) -> None:
    matrix = MOVE.copy()
    matrix[3, 0] = 0.1
    _put(dataset, matrix)


def deformable(dataset: pydicom.Dataset) -> None:
    dataset.SOPClassUID = DeformableSpatialRegistrationStorage


def another_object(dataset: pydicom.Dataset) -> None:
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"


def without_frame(dataset: pydicom.Dataset) -> None:
    del dataset.RegistrationSequence[0].FrameOfReferenceUID


def without_matrix(dataset: pydicom.Dataset) -> None:
    del dataset.RegistrationSequence[0].MatrixRegistrationSequence


def chained(dataset: pydicom.Dataset) -> None:
    sequence = dataset.RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence
    sequence.append(sequence[0])


def empty(dataset: pydicom.Dataset) -> None:
    dataset.RegistrationSequence = []


def too_short(dataset: pydicom.Dataset) -> None:
    matrix = dataset.RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence[0]
    matrix.FrameOfReferenceTransformationMatrix = [1.0, 0.0, 0.0]


def _put(dataset: pydicom.Dataset, matrix: Float[np.ndarray, "4 4"]) -> None:
    item = dataset.RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence[0]
    item.FrameOfReferenceTransformationMatrix = [float(f"{v:.9f}") for v in matrix.ravel()]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (scaled, "reg.dcm scales or shears (axes become 1.01 × 1 × 1)"),
        (mirrored, "reg.dcm mirrors"),
        (projective, "reg.dcm holds a matrix that is no transform"),
        (deformable, "reg.dcm is a deformable registration"),
        (another_object, "reg.dcm is no spatial registration"),
        (without_frame, "reg.dcm names images, but no Frame of Reference UID"),
        (without_matrix, "reg.dcm has no Frame of Reference Transformation Matrix (3006,00C6)"),
        (chained, "reg.dcm chains 2 matrices"),
        (empty, "reg.dcm holds no registration"),
        (too_short, "with 3 values"),
    ],
)
def test_what_is_not_rigid_is_refused_by_name(
    change: Callable[[pydicom.Dataset], None], said: str, tmp_path: Path
) -> None:
    dataset = registration({PET_FRAME: MOVE})
    change(dataset)
    with pytest.raises(InputRefused) as refused:
        read_registration(saved(dataset, tmp_path))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is neither DICOM nor an ITK transform"),
        ("#Insight Transform File V1.0\nnonsense", "can't be read by ITK"),
        ("#Insight Transform File V1.0\n" + "x" * 1_000_001, "bytes large"),
    ],
)
def test_other_files_are_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.tfm").write_text(text)
    with pytest.raises(InputRefused, match=said):
        read_registration(tmp_path / "a.tfm")


def test_an_itk_transform_that_is_not_rigid_is_refused(tmp_path: Path) -> None:
    sitk.WriteTransform(sitk.ScaleTransform(3, (1.1, 1.0, 1.0)), str(tmp_path / "a.tfm"))
    with pytest.raises(InputRefused, match="scales or shears"):
        read_registration(tmp_path / "a.tfm")
    sitk.WriteTransform(sitk.BSplineTransform(3, 3), str(tmp_path / "b.tfm"))
    with pytest.raises(InputRefused, match="is no linear transform of three dimensions"):
        read_registration(tmp_path / "b.tfm")


def test_a_damaged_object_is_refused(tmp_path: Path) -> None:
    path = write_registration(tmp_path, MOVE)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputRefused):
        read_registration(path)
