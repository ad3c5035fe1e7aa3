"""DICOM folders to cases: what is chosen, refused and said."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.study import Case, Stated, read_study
from hnuiseg.volume import Grid, Volume
from small_study import (
    BQ_PER_SUV,
    CT_GRID,
    FRAME,
    PET_GRID,
    bend,
    neck,
    uptake,
    write_ct,
    write_pet,
)

OTHER_FRAME = "1.2.826.0.1.3680043.8.498.88"


def _study(folder: Path) -> Path:
    write_ct(folder / "a")
    write_pet(folder / "b")
    return folder


def _codes(case: Case) -> list[str]:
    return [n.code for n in case.notices]


def _refusal(folder: Path, stated: Stated | None = None) -> str:
    with pytest.raises(InputRefused) as caught:
        read_study(folder, stated)
    line = str(caught.value)
    assert "\n" not in line
    assert "Nobody" not in line
    assert str(folder.parent) not in line
    return line


def test_a_pet_ct_becomes_a_case_in_suv_on_the_grid_of_the_ct(tmp_path: Path) -> None:
    case = read_study(_study(tmp_path))
    assert case.ct.unit == "HU"
    assert case.ct.grid.same_place(CT_GRID)
    np.testing.assert_array_equal(case.ct.array, neck().array)
    assert case.pet is not None
    assert case.pet.suv.factors == pytest.approx((1 / BQ_PER_SUV,))
    assert case.pet.native.grid.same_place(PET_GRID)
    assert case.pet.native.unit == "g/ml"
    np.testing.assert_allclose(case.pet.native.array, uptake().array / BQ_PER_SUV, rtol=1e-4)
    assert case.pet.on_ct.grid == case.ct.grid
    assert case.pet.coverage.all()
    assert case.pet.on_ct.array.max() == pytest.approx(8.0, rel=1e-3)
    assert _codes(case) == []
    assert case.provenance.source == "dicom"
    assert case.provenance.ct.startswith('"CT" (18 slices, series ')
    assert case.provenance.pet is not None
    assert case.provenance.pet.startswith('"PET AC" (12 slices, series ')
    assert case.provenance.stated == ()
    assert case.dicom is not None
    assert len(case.dicom.sop_instance_uids) == 18


def test_a_ct_alone_is_a_case_that_says_so(tmp_path: Path) -> None:
    write_ct(tmp_path)
    case = read_study(tmp_path)
    assert case.pet is None
    assert _codes(case) == ["ct-only"]
    assert case.notices[0].text == "No PET is used: the result rests on the CT alone."


def test_ct_only_leaves_the_pet_out_and_is_recorded_as_stated(tmp_path: Path) -> None:
    case = read_study(_study(tmp_path), Stated(ct_only=True))
    assert case.pet is None
    assert case.provenance.pet is None
    assert case.provenance.stated == ("CT alone (--ct-only)",)
    assert _codes(case) == []


def test_progress_names_every_step_and_ends_it(tmp_path: Path) -> None:
    heard: dict[str, float] = {}
    read_study(_study(tmp_path), progress=heard.__setitem__)
    assert heard == {"Reading headers": 1.0, "Reading CT": 1.0, "Reading PET": 1.0}


def test_a_pet_that_covers_a_part_is_marked_and_said_with_its_share(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    half = Grid.axial((9, 40, 40), (5.0, 5.5, 5.5), (-107.0, -107.0, 10.0 + 1.0), FRAME)
    write_pet(tmp_path / "b", Volume(np.full(half.shape, BQ_PER_SUV), half, "Bq/ml"))
    case = read_study(tmp_path)
    assert case.pet is not None
    # outer faces at 8.5 and 53.5 mm: slices at 10, 15, … 50 mm are 9 of 18
    np.testing.assert_array_equal(case.pet.coverage.all(axis=(1, 2)), np.arange(18) < 9)
    assert not case.pet.on_ct.array[9:].any()
    assert "The PET covers 50.0 % of the CT; elsewhere only the CT was used." in [
        n.text for n in case.notices
    ]


def test_several_cts_are_refused_by_name_and_number_of_slices(tmp_path: Path) -> None:
    write_ct(tmp_path / "a", name="Neck 3 mm")
    thin = Grid.axial((7, 48, 48), (5.0, 4.2, 4.2), (-98.7, -98.7, 10.0), FRAME)
    write_ct(tmp_path / "b", neck(thin), uid="5", name="Bone")
    assert _refusal(tmp_path) == (
        '2 CT series: "Bone" (7 slices, series ....8.498.5), "Neck 3 mm" (18 slices, series '
        "....8.498.2); allowed: one CT series; what to do: point at a folder with one CT series "
        "(and the PET that belongs to it)"
    )


def test_the_pets_frame_of_reference_singles_out_one_of_several_cts(tmp_path: Path) -> None:
    _study(tmp_path)
    write_ct(tmp_path / "c", frame=OTHER_FRAME, uid="5", name="Planning")
    case = read_study(tmp_path)
    assert case.provenance.ct.startswith('"CT"')
    assert _codes(case) == ["ct-chosen"]
    assert case.notices[0].text.startswith('Of 2 CT series, "CT" (18 slices, series ...')
    # with --ct-only nothing singles one out
    assert _refusal(tmp_path, Stated(ct_only=True)).startswith("2 CT series: ")


def test_a_pet_of_another_frame_of_reference_is_refused(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    write_pet(tmp_path / "b", frame=OTHER_FRAME)
    line = _refusal(tmp_path)
    assert "don't share a Frame of Reference UID (0020,0052)" in line
    assert line.endswith(
        "allowed: a PET registered with its CT; what to do: add their Spatial Registration object "
        "to the folder, name it or an ITK transform with --registration, segment from the CT "
        "alone with --ct-only, or give registered images with --ct and --pet"
    )
    assert read_study(tmp_path, Stated(ct_only=True)).pet is None


def test_two_missing_frames_of_reference_are_not_the_same_frame(tmp_path: Path) -> None:
    _study(tmp_path)

    def without(image: pydicom.Dataset) -> None:
        image.FrameOfReferenceUID = ""

    bend(tmp_path / "a", without)
    bend(tmp_path / "b", without)
    assert _refusal(tmp_path)


def test_a_pet_under_another_patient_id_is_warned_of(tmp_path: Path) -> None:
    study = _study(tmp_path)
    assert "patient-differs" not in _codes(read_study(study))
    bend(study / "b", lambda image: setattr(image, "PatientID", "somebody"))
    case = read_study(study)
    assert case.pet is not None
    (said,) = [n.text for n in case.notices if n.code == "patient-differs"]
    assert "(0010,0020)" in said
    assert "somebody" not in said  # IDs stay unsaid


def test_several_pets_are_refused(tmp_path: Path) -> None:
    _study(tmp_path)
    write_pet(tmp_path / "c", uid="6", name="PET late")
    line = _refusal(tmp_path)
    assert line.startswith('2 attenuation-corrected PET series: "PET AC" (12 slices, series ...')
    assert line.endswith(
        "allowed: one PET series; what to do: point at a folder with one of them, or segment "
        "from the CT alone with --ct-only"
    )


def test_a_second_pet_of_another_frame_is_left_out_and_said(tmp_path: Path) -> None:
    _study(tmp_path)
    write_pet(tmp_path / "c", uid="6", name="PET before", frame=OTHER_FRAME)
    case = read_study(tmp_path)
    assert case.provenance.pet is not None
    assert case.provenance.pet.startswith('"PET AC"')
    assert _codes(case) == ["pet-other-frame-ignored"]


def test_a_pet_that_cannot_be_read_is_not_the_same_as_none(tmp_path: Path) -> None:
    _study(tmp_path)
    bend(tmp_path / "b", lambda image: setattr(image, "ImageType", ["DERIVED", "SECONDARY", "MIP"]))
    case = read_study(tmp_path)
    assert _codes(case) == ["pet-ignored", "ct-only"]
    assert "a projection or rendering, not slices" in case.notices[0].text
    assert _codes(read_study(tmp_path, Stated(ct_only=True))) == []


def test_slices_parted_from_the_end_of_a_series_are_said(tmp_path: Path) -> None:
    """No gap gives their loss away."""
    _study(tmp_path)

    def derived_at_the_top(image: pydicom.Dataset) -> None:
        if image.InstanceNumber > 15:
            image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]

    bend(tmp_path / "a", derived_at_the_top)
    case = read_study(tmp_path)
    assert case.ct.grid.shape[0] == 15
    (said,) = [n.text for n in case.notices if n.code == "series-parted"]
    assert said.startswith('Left out of a series that is used: "CT" (3 slices, series ...')


def _uncorrected(image: pydicom.Dataset) -> None:
    image.CorrectedImage = ["DECY"]


def test_a_pet_without_attenuation_correction_is_refused(tmp_path: Path) -> None:
    _study(tmp_path)
    bend(tmp_path / "b", _uncorrected)
    line = _refusal(tmp_path)
    assert "isn't corrected for attenuation: no ATTN in Corrected Image (0028,0051)" in line
    assert line.endswith(
        "what to do: add the corrected series, or segment from the CT alone with --ct-only"
    )


def test_an_uncorrected_pet_beside_a_corrected_one_is_left_out_and_said(tmp_path: Path) -> None:
    _study(tmp_path)
    write_pet(tmp_path / "c", uid="6", name="PET NAC")
    bend(tmp_path / "c", _uncorrected)
    case = read_study(tmp_path)
    assert case.provenance.pet is not None
    assert case.provenance.pet.startswith('"PET AC"')
    assert [n.code for n in case.notices] == ["pet-uncorrected-ignored"]
    assert case.notices[0].text.startswith(
        'PET not corrected for attenuation was left out: "PET NAC" (12 slices, series ...'
    )


def test_a_pet_alone_is_refused(tmp_path: Path) -> None:
    write_pet(tmp_path)
    assert _refusal(tmp_path) == (
        "no CT among the series (found: PT); allowed: a PET/CT or CT study; what to do: point at "
        "a folder with one CT series (and the PET that belongs to it)"
    )


def test_another_modality_is_refused(tmp_path: Path) -> None:
    write_ct(tmp_path)

    def as_mr(image: pydicom.Dataset) -> None:
        image.Modality = "MR"
        image.SOPClassUID = pydicom.uid.MRImageStorage
        image.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage

    bend(tmp_path, as_mr)
    assert _refusal(tmp_path).startswith("no CT among the series (found: MR); allowed: ")


def test_a_folder_with_nothing_or_no_dicom_is_refused(tmp_path: Path) -> None:
    said = "no DICOM images in the folder; allowed: a PET/CT or CT study; what to do: point at "
    assert _refusal(tmp_path).startswith(said)
    (tmp_path / "notes.txt").write_text("nothing here")
    assert _refusal(tmp_path).startswith(said)


def test_a_localizer_alone_is_refused_with_why(tmp_path: Path) -> None:
    write_ct(tmp_path)

    def as_scout(image: pydicom.Dataset) -> None:
        image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    bend(tmp_path, as_scout)
    line = _refusal(tmp_path)
    assert line.startswith('no usable CT series: "CT" (18 slices, series ...')
    assert "a localizer; allowed: one CT series" in line


def test_one_slice_is_refused_but_beside_a_volume_left_out(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    write_ct(tmp_path / "b", uid="5", name="Extra")
    for path in sorted((tmp_path / "b").iterdir())[1:]:
        path.unlink()
    assert read_study(tmp_path).provenance.ct.startswith('"CT"')
    shutil.rmtree(tmp_path / "a")
    assert _refusal(tmp_path).startswith("one slice only, ct_0001.dcm; allowed: ")


def test_missing_slices_are_refused(tmp_path: Path) -> None:
    write_ct(tmp_path)
    (tmp_path / "ct_0011.dcm").unlink()
    assert _refusal(tmp_path).startswith("1 slice missing: gaps are 5.00 mm but 10.00 mm between")


def test_values_that_are_no_hu_are_refused(tmp_path: Path) -> None:
    write_ct(tmp_path, Volume(np.abs(neck().array), CT_GRID, "HU"))
    line = _refusal(tmp_path)
    assert line.startswith("the CT's values run from ")
    assert line.endswith(
        ": not a CT in HU; allowed: a lowest value below -200 and a highest above 100 HU; what "
        "to do: give the CT in Hounsfield units"
    )


def test_a_pet_that_misses_the_ct_is_refused(tmp_path: Path) -> None:
    write_ct(tmp_path / "a")
    away = Grid.axial((12, 40, 40), (9.0, 5.5, 5.5), (-107.0, -107.0, 900.0), FRAME)
    write_pet(tmp_path / "b", uptake(away))
    assert _refusal(tmp_path).startswith("the PET covers no part of the CT; allowed: a PET and")


@pytest.mark.parametrize("length", [200, 100, 0])
def test_a_file_cut_off_in_its_header_is_said(tmp_path: Path, length: int) -> None:
    """The last slice: no gap gives its loss away."""
    write_ct(tmp_path)
    last = tmp_path / "ct_0018.dcm"
    last.write_bytes(last.read_bytes()[:length])
    (tmp_path / "notes.txt").write_text("a list of what is here")
    shutil.copy(tmp_path / "ct_0001.dcm", tmp_path / "ct_0001 (2).dcm")
    case = read_study(tmp_path)
    assert case.ct.grid.shape[0] == 17
    (notice,) = [n for n in case.notices if n.code == "files-unread"]
    assert notice.text.startswith("Files that may be images were left out: ct_0018.dcm (")
    assert notice.text.count("ct_") == 1


def test_units_stated_for_dicom_are_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(WrongCall) as caught:
        read_study(_study(tmp_path), Stated(pet_units="suv"))
    assert str(caught.value) == (
        "--pet-units suv with a DICOM study, which carries its own units; allowed: --pet-units "
        "with --pet FILE; what to do: leave it out"
    )


@pytest.mark.parametrize("weight", [0.0, 7.0, 700.0, float("nan")])
def test_weights_that_no_patient_has_are_a_wrong_call(weight: float) -> None:
    with pytest.raises(WrongCall) as caught:
        Stated(weight_kg=weight)
    assert str(caught.value) == (
        f"--weight-kg {weight:g}; allowed: a weight from 20 to 400 kg; what to do: give the "
        "patient's weight at the scan, in kg"
    )
