"""CT and PET as plain files: what a user must state."""

from pathlib import Path

import numpy as np
import pytest

from hnuiseg.errors import HnuisegError, InputRefused, WrongCall
from hnuiseg.files import write_nifti
from hnuiseg.study import Stated, read_files
from hnuiseg.volume import Volume
from small_study import BQ_PER_SUV, CT_GRID, PET_GRID, neck, uptake

SUV = Stated(pet_units="suv")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    write_nifti(neck(), tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


@pytest.fixture
def pet(tmp_path: Path) -> Path:
    write_nifti(Volume(uptake().array / BQ_PER_SUV, PET_GRID, "g/ml"), tmp_path / "pet.nii.gz")
    return tmp_path / "pet.nii.gz"


def _line(error: type[HnuisegError], ct: Path, pet: Path | None, stated: Stated | None) -> str:
    with pytest.raises(error) as caught:
        read_files(ct, pet, stated)
    return str(caught.value)


def test_ct_with_pet_is_a_statement_of_registration_and_recorded_as_that(
    ct: Path, pet: Path
) -> None:
    case = read_files(ct, pet, SUV)
    assert case.provenance.stated == (
        "registration of CT and PET (--ct with --pet)",
        "PET in SUVbw (--pet-units suv)",
    )
    assert (case.provenance.source, case.provenance.ct) == ("files", "ct.nii.gz")
    assert case.provenance.pet == "pet.nii.gz"
    assert case.dicom is None
    assert case.ct.grid.same_place(CT_GRID, 1e-4)
    assert case.pet is not None
    assert case.pet.suv.factors == (1.0,)
    assert case.pet.suv.units == "SUV"
    assert case.pet.native.grid.same_place(PET_GRID, 1e-4)
    assert case.pet.on_ct.array.max() == pytest.approx(8.0)
    assert case.notices == ()


def test_a_ct_file_alone_says_so(ct: Path) -> None:
    case = read_files(ct, None)
    assert case.pet is None
    assert [n.code for n in case.notices] == ["ct-only"]
    assert case.provenance.stated == ()


def test_ct_only_leaves_the_pet_file_out_unread(ct: Path, tmp_path: Path) -> None:
    case = read_files(ct, tmp_path / "not even there.nii", Stated(ct_only=True))
    assert case.pet is None
    assert case.provenance.pet is None
    assert case.provenance.stated == ("CT alone (--ct-only)",)


def test_a_pet_file_without_its_unit_is_refused(ct: Path, pet: Path) -> None:
    assert _line(InputRefused, ct, pet, None) == (
        "the unit of pet.nii.gz isn't stated, and the file doesn't carry it; allowed: --pet-units "
        "suv with a PET in SUVbw; what to do: add --pet-units suv if it is, or segment from the "
        "CT alone with --ct-only"
    )


def test_a_pet_file_in_bq_per_ml_is_refused(ct: Path, pet: Path) -> None:
    assert _line(InputRefused, ct, pet, Stated(pet_units="bqml")) == (
        "pet.nii.gz is stated to be in Bq/ml, and a file of its kind has no dose, weight and times "
        "to make SUVbw of it; allowed: a PET in SUVbw, or a DICOM study; what to do: convert it to "
        "SUVbw and give --pet-units suv, give the DICOM study, or segment from the CT alone with "
        "--ct-only"
    )


def test_statements_that_have_no_place_are_wrong_calls(ct: Path, pet: Path) -> None:
    assert _line(WrongCall, ct, pet, Stated(weight_kg=70.0)).startswith(
        "--weight-kg with image files, which carry neither dose nor times to go with it; allowed: "
    )
    assert _line(WrongCall, ct, None, SUV) == (
        "--pet-units suv without --pet; allowed: --pet-units with --pet; what to do: add --pet"
    )
    with pytest.raises(WrongCall, match=r"^--pet-units kbq; allowed: suv or bqml"):
        Stated(pet_units="kbq")  # type: ignore[arg-type]


def test_a_label_map_is_no_ct(tmp_path: Path) -> None:
    labels = Volume((neck().array > 0).astype(np.uint8), CT_GRID, "label")
    write_nifti(labels, tmp_path / "seg.nii.gz")
    assert _line(InputRefused, tmp_path / "seg.nii.gz", None, None).startswith(
        "the CT's values run from 0 to 1: not a CT in HU; allowed: "
    )
