"""A PET that calls itself SUV: warned of or refused where its values say otherwise."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.dicom import SuvFactor
from hnuiseg.errors import InputRefused
from hnuiseg.files import read_image, write_nifti
from hnuiseg.study import Stated, inspect_files, read_files, read_study
from hnuiseg.study.suv_claim import PetFigures, Scale, pet_figures, scale_notices
from hnuiseg.volume import Volume, covered, resample
from needs import data_folder
from small_study import (
    BQ_PER_SUV,
    CT_GRID,
    PET_GRID,
    bend,
    neck,
    uptake,
    write_ct,
    write_pet,
)

BQ_PER_UNIT = (1 / 6.6e-4, 1 / 2.1e-4)  # of 51 patients whose PET had been left in Bq/ml
CALLED_SUV = SuvFactor((1.0,), "SUV", "stated", None, None, None, False)
CONVERTED = SuvFactor((3e-4,), "BQML", "BQML, START", "series time", 3600.0, 71.0, False)


def figures(factor: float) -> PetFigures:
    """Of a usual PET times a factor."""
    return PetFigures(20.0 * factor, 9.0 * factor, 0.55 * factor)


@pytest.fixture(scope="module")
def sarcomas() -> list[PetFigures]:
    """Figures of real PET in SUVbw, of limbs and trunk."""
    folders = sorted(p for p in (data_folder() / "sts").iterdir() if p.is_dir())
    found = []
    for folder in folders:
        pet = read_image(folder / "pet_suv.nii.gz", "g/ml")
        ct = read_image(folder / "ct_hu.nii.gz", "HU")
        on_ct = resample(pet, ct.grid)
        found.append(pet_figures(pet, on_ct, covered(pet.grid, ct.grid), ct))
    return found


def test_real_pet_in_suv_is_taken_for_suv(sarcomas: list[PetFigures]) -> None:
    assert len(sarcomas) == 22
    assert {f.scale for f in sarcomas} == {Scale.SUV}
    bodies, highest = [f.body for f in sarcomas], [f.highest for f in sarcomas]
    assert (round(min(bodies), 2), round(max(bodies), 2)) == (0.42, 0.85)
    assert (round(min(highest), 1), round(max(highest))) == (3.4, 30)


def scaled(f: PetFigures, factor: float) -> Scale:
    return PetFigures(f.highest * factor, f.top * factor, f.body * factor).scale


@pytest.mark.parametrize("factor", BQ_PER_UNIT)
def test_real_pet_in_bq_per_ml_is_taken_for_that(factor: float, sarcomas: list[PetFigures]) -> None:
    assert {scaled(f, factor) for f in sarcomas} == {Scale.ACTIVITY}


@pytest.mark.parametrize("factor", BQ_PER_UNIT)
def test_real_pet_that_was_converted_twice_is_next_to_nothing(
    factor: float, sarcomas: list[PetFigures]
) -> None:
    """The likely story of MDA-075 of HECKTOR 2022, whose tumour reaches "SUV" 0.0017."""
    assert {scaled(f, 1 / factor) for f in sarcomas} == {Scale.NOTHING}


def test_real_pet_that_reaches_no_higher_than_1_2_is_too_low(sarcomas: list[PetFigures]) -> None:
    """As CHUM-010 of HECKTOR 2022 does."""
    assert {scaled(f, 1.2 / f.highest) for f in sarcomas} == {Scale.LOW}


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_more_never_looks_like_less(a: float, b: float) -> None:
    order = [Scale.NOTHING, Scale.LOW, Scale.SUV, Scale.HIGH, Scale.ACTIVITY]
    low, high = sorted((a, b))
    assert order.index(figures(low).scale) <= order.index(figures(high).scale)


@pytest.mark.parametrize("factor", [1.0, 0.3, 3.0])
def test_usual_values_pass_in_silence(factor: float) -> None:
    for suv in (CALLED_SUV, CONVERTED):
        assert scale_notices(figures(factor), suv) == ()


@pytest.mark.parametrize("factor", [4000.0, 1e-3])
def test_what_cannot_be_suv_is_refused_if_it_calls_itself_that(factor: float) -> None:
    with pytest.raises(InputRefused, match=r"said to be in SUV \(stated\)"):
        scale_notices(figures(factor), CALLED_SUV)
    (notice,) = scale_notices(figures(factor), CONVERTED)
    assert notice.code == "pet-scale"
    assert "check dose, weight and times" in notice.text


@pytest.mark.parametrize(
    ("factor", "said"), [(15.0, "scaled too high for SUV"), (0.06, "too low for SUV")]
)
def test_what_can_hardly_be_suv_is_warned_of(factor: float, said: str) -> None:
    for suv in (CALLED_SUV, CONVERTED):
        (notice,) = scale_notices(figures(factor), suv)
        assert notice.code == "pet-scale"
        assert said in notice.text


def test_the_body_is_the_tissue_that_the_pet_covers() -> None:
    ct = neck()
    suv = np.where(ct.array > -300, 0.7, 0.0).astype(np.float32)
    suv[5, 20:24, 20:24] = 30.0
    pet = Volume(suv, CT_GRID, "g/ml")
    everywhere = np.ones(CT_GRID.shape, dtype=bool)
    found = pet_figures(pet, pet, everywhere, ct)
    assert found.highest == 30.0
    assert found.body == pytest.approx(0.7)
    nowhere = pet_figures(pet, pet, ~everywhere, ct)
    assert np.isnan(nowhere.body)
    assert nowhere.scale is Scale.SUV
    assert PetFigures(4e4, 2e4, nowhere.body).scale is Scale.ACTIVITY
    assert "median of tissue unknown" in str(nowhere)


# Through the readers


def _files(folder: Path, factor: float) -> tuple[Path, Path]:
    write_nifti(neck(), folder / "ct.nii.gz")
    values = uptake().array / BQ_PER_SUV * np.float32(factor)
    write_nifti(Volume(values, PET_GRID, "g/ml"), folder / "pet.nii.gz")
    return folder / "ct.nii.gz", folder / "pet.nii.gz"


def test_a_file_in_bq_per_ml_that_is_stated_to_be_suv_is_refused(tmp_path: Path) -> None:
    ct, pet = _files(tmp_path, 5000.0)
    stated = Stated(pet_units="suv")
    with pytest.raises(InputRefused) as caught:
        read_files(ct, pet, stated)
    assert str(caught.value).startswith(
        "the PET is said to be in SUV (stated as SUVbw (--pet-units suv)), but its values are "
        "those of Bq/ml (highest 4e+04, "
    )
    seen = inspect_files(ct, pet, stated)
    assert seen.reasons == (str(caught.value),)
    assert read_files(ct, pet, Stated(ct_only=True)).pet is None


def test_a_file_that_is_scaled_too_low_is_read_as_it_is_with_a_warning(tmp_path: Path) -> None:
    ct, pet = _files(tmp_path, 0.2)
    case = read_files(ct, pet, Stated(pet_units="suv"))
    assert [n.code for n in case.notices] == ["pet-scale"]
    assert case.pet is not None
    assert case.pet.native.array.max() == pytest.approx(1.6)


@pytest.mark.parametrize("kind", ["BW", None])
def test_a_dicom_pet_in_gml_with_values_of_bq_per_ml_is_refused(
    kind: str | None, tmp_path: Path
) -> None:
    def call_it_suv(image: pydicom.Dataset) -> None:
        image.Units = "GML"
        if kind is not None:
            image.SUVType = kind

    write_ct(tmp_path / "ct")
    write_pet(tmp_path / "pet")
    bend(tmp_path / "pet", call_it_suv)
    with pytest.raises(InputRefused, match=r"said to be in SUV \(GML, .*\), but its values are"):
        read_study(tmp_path)
