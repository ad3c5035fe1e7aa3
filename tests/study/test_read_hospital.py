"""Folders as hospitals and scanners leave them: read right, or refused, or warned of."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from hnuiseg.errors import InputRefused
from hnuiseg.study import Case, Stated, inspect_study, read_study
from hnuiseg.volume import Grid
from small_study import CT_GRID, FRAME, bend, neck, uptake, write_ct, write_pet


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_ct(tmp_path / "a")
    write_pet(tmp_path / "b")
    return tmp_path


def codes(case: Case) -> list[str]:
    return [n.code for n in case.notices]


def one_more(study: Path, of: str = "a", **changes: object) -> None:
    """A single image of another series."""
    image = pydicom.dcmread(min((study / of).iterdir()))
    image.SeriesInstanceUID, image.SOPInstanceUID = generate_uid(), generate_uid()
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    (study / "more").mkdir(exist_ok=True)
    image.save_as(study / "more" / image.SOPInstanceUID)


def test_a_lone_ct_slice_beside_a_volume_is_said(study: Path) -> None:
    one_more(study, SeriesDescription="Key image")
    case = read_study(study)
    assert codes(case) == ["single-slice-ignored"]
    assert case.notices[0].text.startswith(
        'CT of only one slice was left out: "Key image" (1 slices, series ...'
    )
    assert [n.code for n in inspect_study(study).notices] == ["single-slice-ignored"]


def test_a_lone_pet_slice_beside_a_volume_is_said(study: Path) -> None:
    one_more(study, "b")
    assert codes(read_study(study)) == ["single-slice-ignored"]
    assert codes(read_study(study, Stated(ct_only=True))) == []


@pytest.mark.parametrize(
    "kind",
    [
        ["ORIGINAL", "PRIMARY", "LOCALIZER"],  # GE, Philips
        ["ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"],  # Siemens topogram
    ],
)
def test_a_scout_is_no_news(kind: list[str], study: Path) -> None:
    one_more(study, ImageType=kind)
    assert codes(read_study(study)) == []


def test_protocol_pages_that_call_themselves_ct_are_no_news(study: Path) -> None:
    """Siemens' patient protocol and GE's dose page: secondary captures of modality CT."""
    one_more(
        study,
        SOPClassUID=SecondaryCaptureImageStorage,
        ImageType=["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"],
    )
    case = read_study(study)
    assert codes(case) == []
    np.testing.assert_array_equal(case.ct.array, neck().array)


def test_beds_have_their_own_times_and_one_factor(study: Path) -> None:
    """Decay is corrected to the start of the series, not to each bed's own (PS3.3 C.8.9.1)."""
    whole = read_study(study)
    late = [0]

    def bed(image: pydicom.Dataset) -> None:
        image.AcquisitionTime = f"12{3 * (late[0] // 4):02d}00"
        late[0] += 1

    bend(study / "b", bed)
    case = read_study(study)
    assert case.pet is not None
    assert whole.pet is not None
    assert case.pet.suv.factors == whole.pet.suv.factors
    np.testing.assert_array_equal(case.pet.native.array, whole.pet.native.array)


def test_files_in_any_order_and_doubled_give_the_same_case(study: Path) -> None:
    whole = read_study(study)
    for k, path in enumerate(sorted((study / "a").iterdir(), reverse=True)):
        (study / "a" / f"{k:03d}").write_bytes(path.read_bytes())
    case = read_study(study)
    np.testing.assert_array_equal(case.ct.array, whole.ct.array)
    assert case.ct.grid == whole.ct.grid


def test_a_missing_slice_is_refused_and_counted(study: Path) -> None:
    sorted((study / "a").iterdir())[7].unlink()
    with pytest.raises(InputRefused, match="1 slice missing"):
        read_study(study)


def test_two_studies_in_one_folder_are_refused_by_name(study: Path) -> None:
    second = Grid.axial((20, 48, 48), CT_GRID.spacing, CT_GRID.origin, FRAME)
    write_ct(study / "c", neck(second), uid="9", name="Follow-up")
    bend(study / "c", lambda image: setattr(image, "StudyInstanceUID", "1.2.9"))
    with pytest.raises(InputRefused, match=r"2 CT series: .*Follow-up"):
        read_study(study)


def test_a_ct_that_is_no_hounsfield_map_is_refused_by_name(study: Path) -> None:
    """Dual-energy scanners store effective Z, iodine and electron density as CT."""
    bend(study / "a", lambda image: setattr(image, "RescaleType", "Z_EFF"))
    with pytest.raises(InputRefused, match=r"Rescale Type \(0028,1054\) 'Z_EFF'"):
        read_study(study)


@pytest.mark.parametrize("kind", ["HU", "US", ""])
def test_a_ct_whose_rescale_type_is_not_specified_is_read(kind: str, study: Path) -> None:
    bend(study / "a", lambda image: setattr(image, "RescaleType", kind))
    np.testing.assert_array_equal(read_study(study).ct.array, neck().array)


def test_a_weight_without_a_pet_is_said_to_be_unused(study: Path) -> None:
    stated = Stated(weight_kg=71.0, ct_only=True)
    case = read_study(study, stated)
    assert codes(case) == ["weight-unused"]
    assert case.notices[0].text == ("The weight stated with --weight-kg is unused: no PET is read.")
    assert case.provenance.stated == ("CT alone (--ct-only)",)
    assert [n.code for n in inspect_study(study, stated).notices] == ["weight-unused"]


def test_the_mean_of_both_sexes_is_used_where_it_is_accepted(study: Path) -> None:
    def lean(image: pydicom.Dataset) -> None:
        image.Units, image.SUVType, image.PatientSex = "GML", "LBM", "O"
        image.RescaleSlope = float(image.RescaleSlope) / uptake().array.min()

    bend(study / "b", lean)
    with pytest.raises(InputRefused, match="--accept-sex-mean"):
        read_study(study)
    case = read_study(study, Stated(accept_sex_mean=True))
    assert case.pet is not None
    assert case.pet.suv.sex_mean
    assert case.provenance.stated == (
        "the mean of both sexes' lean-mass formulas (--accept-sex-mean)",
    )
    assert inspect_study(study, Stated(accept_sex_mean=True)).suv is not None


def test_accepting_the_mean_changes_nothing_where_sex_is_known(study: Path) -> None:
    case = read_study(study, Stated(accept_sex_mean=True))
    assert case.pet is not None
    assert not case.pet.suv.sex_mean
    assert case.provenance.stated == ()
