"""Real studies: a thigh in PET/CT, two chests in CT, a tilted gantry."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.errors import InputRefused
from hnuiseg.study import read_study
from needs import unpacked


def test_the_pet_ct_of_a_thigh_has_its_published_factor(tmp_path: Path) -> None:
    unpacked("sts_001_raw", tmp_path)
    unpacked("ibsi_sts_001_ct", tmp_path)
    case = read_study(tmp_path)
    assert case.pet is not None
    assert case.pet.suv.factors == pytest.approx((0.000242902976615,), rel=1e-9)
    assert case.pet.suv.elapsed_s == 2711.0
    assert case.ct.array.shape == (59, 202, 198)
    assert case.pet.native.array.shape == (267, 128, 128)
    assert case.pet.native.array.max() == pytest.approx(273860.36027 * 0.000242902976615, rel=1e-6)
    assert case.pet.coverage.all()
    assert sorted(n.code for n in case.notices) == ["not-head-neck", "pet-geometry"]
    # ITK's linear interpolation of its own reading of the same files
    reader = sitk.ImageSeriesReader
    pet, ct = (
        sitk.ReadImage(reader.GetGDCMSeriesFileNames(str(tmp_path / name)), sitk.sitkFloat64)
        for name in ("pet", "ct")
    )
    theirs = sitk.GetArrayFromImage(sitk.Resample(pet, ct, sitk.Transform(), sitk.sitkLinear))
    np.testing.assert_allclose(
        case.pet.on_ct.array, theirs * 0.000242902976615, rtol=1e-3, atol=2e-4
    )


@pytest.mark.parametrize(
    ("archive", "shape"), [("lung1_001", (64, 512, 512)), ("ibsi_pat1", (60, 201, 204))]
)
def test_chests_are_read_as_ct_alone_and_said_to_be_no_head_and_neck(
    archive: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    case = read_study(unpacked(archive, tmp_path))
    assert case.pet is None
    assert case.ct.array.shape == shape
    assert sorted(n.code for n in case.notices) == ["ct-only", "not-head-neck"]


def test_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"as with a gantry tilted by 18\.5°"):
        read_study(unpacked("ge_head_tilted", tmp_path))
