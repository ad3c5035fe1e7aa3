"""Planning CT and staging PET of two frames of reference: joined by a registration, or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from jaxtyping import Float

from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import write_nifti
from hnuiseg.study import Case, Stated, inspect_study, read_files, read_study
from hnuiseg.volume import Grid
from small_registration import CT_FRAME, PET_FRAME, Vector, euler, registration, write_registration
from small_study import PET_GRID, bend, neck, uptake, write_ct, write_pet

# From the PET, which lies turned and shifted, to the CT, where it covers the neck.
TURN: Vector = (0.05, -0.1, 0.2)
PET_TO_CT = euler(TURN, (31.0, -12.0, 45.0))


def pet_in_its_own_frame() -> Grid:
    """Where the PET lies by itself: moved by the registration it is `PET_GRID` again."""
    back = np.linalg.inv(PET_TO_CT)
    origin = back[:3, :3] @ np.array(PET_GRID.origin) + back[:3, 3]
    steps = PET_GRID.steps @ back[:3, :3].T
    return Grid.from_steps(PET_GRID.shape, steps, origin, PET_FRAME)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_ct(tmp_path / "a", frame=CT_FRAME)
    moved = replace(uptake(), grid=pet_in_its_own_frame())
    write_pet(tmp_path / "b", moved, frame=PET_FRAME)
    return tmp_path


def itk(ct_to_pet: Float[np.ndarray, "4 4"], path: Path) -> Path:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(ct_to_pet[:3, :3].ravel().tolist())
    transform.SetTranslation(ct_to_pet[:3, 3].tolist())
    sitk.WriteTransform(transform, str(path))
    return path


def refusal(folder: Path, stated: Stated | None = None) -> str:
    with pytest.raises(InputRefused) as refused:
        read_study(folder, stated)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def codes(case: Case) -> list[str]:
    return [n.code for n in case.notices]


def as_if_acquired_together(folder: Path) -> Case:
    write_ct(folder / "a")
    write_pet(folder / "b")
    return read_study(folder)


def test_a_registration_in_the_folder_joins_them_as_if_they_shared_a_frame(
    study: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same voxels of the CT get the same uptake as in a study of one frame."""
    write_registration(study / "c", PET_TO_CT)
    case, alike = read_study(study), as_if_acquired_together(tmp_path_factory.mktemp("alike"))
    assert case.pet is not None
    assert alike.pet is not None
    np.testing.assert_allclose(case.pet.on_ct.array, alike.pet.on_ct.array, atol=2e-3)
    np.testing.assert_array_equal(case.pet.native.array, alike.pet.native.array)
    assert case.pet.native.grid.frame_of_reference == CT_FRAME
    assert case.provenance.registration == "Spatial Registration reg.dcm"
    assert case.provenance.stated == ()
    assert codes(case) == codes(alike)
    found = inspect_study(study)
    assert found.ready
    assert found.registration == "Spatial Registration reg.dcm"
    assert "CT and PET joined by Spatial Registration reg.dcm." in found.summary()


@pytest.mark.parametrize("kind", ["DICOM", "ITK"])
def test_a_stated_registration_is_recorded_as_stated(
    kind: str, study: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    aside = tmp_path_factory.mktemp("aside")
    path = (
        write_registration(aside, PET_TO_CT)
        if kind == "DICOM"
        else itk(np.linalg.inv(PET_TO_CT), aside / "reg.tfm")
    )
    case = read_study(study, Stated(registration=path))
    assert case.pet is not None
    assert case.pet.native.grid.same_place(PET_GRID, tolerance_mm=1e-2)
    assert case.provenance.stated == (f"registration of CT and PET (--registration {path.name})",)
    assert case.provenance.registration is not None


def test_without_one_that_joins_them_they_are_refused(study: Path) -> None:
    assert "don't share a Frame of Reference UID (0020,0052); allowed" in refusal(study)
    registration({"1.9.9": PET_TO_CT}).save_as(study / "reg.dcm", enforce_file_format=True)
    assert "no Spatial Registration in the folder joins theirs" in refusal(study)
    stated = Stated(registration=study / "reg.dcm")
    assert "and reg.dcm doesn't join theirs" in refusal(study, stated)
    assert not inspect_study(study).ready


def test_two_that_differ_are_refused_until_one_is_named(study: Path) -> None:
    write_registration(study / "c", PET_TO_CT, "right.dcm")
    shifted = PET_TO_CT.copy()
    shifted[2, 3] += 5.0
    write_registration(study / "c", shifted, "wrong.dcm")
    assert "join CT and PET differently" in refusal(study)
    case = read_study(study, Stated(registration=study / "c" / "right.dcm"))
    assert case.pet is not None
    assert case.pet.native.grid.same_place(PET_GRID, tolerance_mm=1e-2)


def test_a_registration_that_scales_is_refused_by_name(study: Path) -> None:
    write_registration(study / "c", PET_TO_CT @ np.diag([1.0, 1.0, 1.05, 1.0]))
    assert refusal(study).startswith("reg.dcm scales or shears")


def test_a_registration_of_no_use_is_said(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    write_pet(tmp_path / "b")
    path = write_registration(tmp_path / "aside", PET_TO_CT)
    case = read_study(tmp_path, Stated(registration=path))
    assert codes(case) == ["registration-unused"]
    assert case.provenance.registration is None
    case = read_study(tmp_path, Stated(registration=path, ct_only=True))
    assert codes(case) == ["registration-unused"]


def test_joined_images_of_two_patients_are_said(study: Path) -> None:
    write_registration(study / "c", PET_TO_CT)
    bend(study / "b", lambda image: setattr(image, "PatientID", "another"))
    case = read_study(study)
    assert "patient-differs" in codes(case)
    assert any("they are joined by a registration" in n.text for n in case.notices)


def test_with_image_files_a_registration_is_a_wrong_call(tmp_path: Path) -> None:
    write_nifti(neck(), tmp_path / "ct.nii.gz")
    stated = Stated(registration=tmp_path / "reg.tfm")
    with pytest.raises(WrongCall, match="--registration with image files"):
        read_files(tmp_path / "ct.nii.gz", None, stated)
    with pytest.raises(WrongCall, match="--accept-sex-mean with image files"):
        read_files(tmp_path / "ct.nii.gz", None, Stated(accept_sex_mean=True))
