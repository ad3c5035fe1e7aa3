"""`inspect` answers for every study, with the gates of `read_study`."""

import json
from pathlib import Path

import pytest

from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import write_nifti
from hnuiseg.study import Stated, inspect_files, inspect_study, read_study
from hnuiseg.volume import Volume
from small_study import BQ_PER_SUV, PET_GRID, neck, uptake, write_ct, write_pet

OTHER_FRAME = "1.2.826.0.1.3680043.8.498.88"


def test_a_ready_study(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    write_pet(tmp_path / "b")
    found = inspect_study(tmp_path)
    assert found.ready
    assert found.reasons == ()
    assert found.notices == read_study(tmp_path).notices
    ct, pet = sorted(found.series, key=lambda s: s.role)
    assert (ct.modality, ct.role, ct.units, ct.slices, ct.why) == ("CT", "ct", "HU", 18, None)
    assert ct.shape == (18, 48, 48)
    assert ct.spacing == pytest.approx((5.0, 4.2, 4.2))
    assert (pet.modality, pet.role, pet.units, pet.slices) == ("PT", "pet", "BQML", 12)
    assert found.suv is not None
    assert found.suv.factor_min == found.suv.factor_max == pytest.approx(1 / BQ_PER_SUV)
    assert (found.suv.weight_kg, found.suv.weight_stated) == (70.0, False)
    assert json.loads(json.dumps(found.to_json()))["suv"]["units"] == "BQML"
    lines = found.summary().splitlines()
    assert lines[0] == "Ready to segment."
    assert "  CT: CT, 48 x 48 x 18 voxels of 4.2 x 4.2 x 5 mm, HU, the case's CT" in lines
    assert any(line.startswith("  factor 0.0002 g/ml per unit of BQML") for line in lines)


def test_progress_names_every_step_and_ends_it(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    write_pet(tmp_path / "b")
    heard: dict[str, float] = {}
    inspect_study(tmp_path, progress=heard.__setitem__)
    assert heard == {"Reading headers": 1.0, "Reading CT": 1.0, "Reading PET": 1.0}


def test_a_refused_study_says_every_reason_and_what_can_be_said(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    (tmp_path / "a" / "ct_0009.dcm").unlink()
    write_pet(tmp_path / "b", weight_kg=None)
    found = inspect_study(tmp_path)
    assert not found.ready
    assert len(found.reasons) == 2
    assert found.reasons[0].startswith("1 slice missing")
    assert "Patient's Weight (0010,1030)" in found.reasons[1]
    assert "--weight-kg" in found.reasons[1]
    assert [s.shape for s in found.series] == [None, (12, 40, 40)]
    assert found.suv is None
    assert found.summary().startswith("Not ready to segment:\n  refused: 1 slice missing")
    with pytest.raises(InputRefused) as caught:
        read_study(tmp_path)
    assert str(caught.value) == found.reasons[0]


def test_a_pet_alone_has_its_suv_said(tmp_path: Path) -> None:
    write_pet(tmp_path)
    found = inspect_study(tmp_path)
    assert not found.ready
    assert found.reasons[0].startswith("no CT among the series (found: PT)")
    assert found.suv is not None
    assert found.series[0].role == "pet"


def test_a_pet_of_another_frame_is_ignored_with_the_reason(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    write_pet(tmp_path / "b", frame=OTHER_FRAME)
    found = inspect_study(tmp_path)
    assert not found.ready
    (pet,) = [s for s in found.series if s.modality == "PT"]
    assert (pet.role, pet.why) == ("ignored", "another frame of reference than the CT")
    assert "ignored (another frame of reference than the CT)" in found.summary()
    alone = inspect_study(tmp_path, Stated(ct_only=True))
    assert alone.ready
    assert alone.notices == ()


def test_nothing_is_an_answer_too(tmp_path: Path) -> None:
    empty = inspect_study(tmp_path)
    assert (empty.ready, empty.series, empty.suv) == (False, (), None)
    assert empty.reasons[0].startswith("no DICOM images in the folder")
    gone = inspect_study(tmp_path / "gone")
    assert gone.reasons[0].startswith("no folder or file 'gone'")
    with pytest.raises(WrongCall):
        inspect_study(tmp_path, Stated(pet_units="suv"))


def test_files(tmp_path: Path) -> None:
    ct, pet = tmp_path / "ct.nii.gz", tmp_path / "pet.nii.gz"
    write_nifti(neck(), ct)
    write_nifti(Volume(uptake().array / BQ_PER_SUV, PET_GRID, "g/ml"), pet)
    found = inspect_files(ct, pet, Stated(pet_units="suv"))
    assert found.ready
    assert [(s.description, s.role, s.slices) for s in found.series] == [
        ("ct.nii.gz", "ct", 18),
        ("pet.nii.gz", "pet", 12),
    ]
    assert found.suv is not None
    assert found.suv.branch == "stated as SUVbw (--pet-units suv)"
    unstated = inspect_files(ct, pet)
    assert not unstated.ready
    assert unstated.reasons[0].startswith("the unit of pet.nii.gz isn't stated")
    without = inspect_files(ct, pet, Stated(ct_only=True))
    assert without.ready
    assert without.series[1].why == "--ct-only was asked for"
    both = inspect_files(tmp_path / "no.nii", tmp_path / "none.nii", Stated(pet_units="suv"))
    assert [r[:20] for r in both.reasons] == ["there is no file no.", "there is no file non"]
    assert [n.code for n in inspect_files(ct, None).notices] == ["ct-only"]
