"""Law 2: what a study doesn't say is refused with the remedy, and what a user says is recorded."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pydicom
import pytest

from hnuiseg.errors import InputRefused
from hnuiseg.study import Stated, read_study
from small_study import BQ_PER_SUV, bend, write_ct, write_pet


def _blank(keyword: str) -> Callable[[pydicom.Dataset], None]:
    def change(image: pydicom.Dataset) -> None:
        if keyword in image:
            delattr(image, keyword)
        for item in image.get("RadiopharmaceuticalInformationSequence", []):
            if keyword in item:
                delattr(item, keyword)

    return change


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_ct(tmp_path / "ct")
    write_pet(tmp_path / "pet")
    return tmp_path


def test_law_02_nothing_is_stated_by_default() -> None:
    values = [getattr(Stated(), f.name) for f in fields(Stated)]
    assert all(value is None or value is False for value in values)


@pytest.mark.parametrize(
    ("keyword", "tag"),
    [
        ("PatientWeight", "(0010,1030)"),
        ("RadionuclideTotalDose", "(0018,1074)"),
        ("Units", "(0054,1001)"),
        ("CorrectedImage", "(0028,0051)"),
    ],
)
def test_law_02_what_suv_needs_is_refused_by_name_when_it_is_missing(
    study: Path, keyword: str, tag: str
) -> None:
    bend(study / "pet", _blank(keyword))
    with pytest.raises(InputRefused) as caught:
        read_study(study)
    assert tag in str(caught.value)
    assert "--ct-only" in str(caught.value)
    assert read_study(study, Stated(ct_only=True)).pet is None


def test_law_02_no_injection_time_means_no_suv(study: Path) -> None:
    bend(study / "pet", _blank("RadiopharmaceuticalStartDateTime"))
    bend(study / "pet", _blank("RadiopharmaceuticalStartTime"))
    with pytest.raises(InputRefused, match="Radiopharmaceutical Start"):
        read_study(study)


@pytest.mark.parametrize(
    "keyword",
    ["ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "RescaleSlope"],
)
def test_law_02_place_and_scale_are_never_assumed(study: Path, keyword: str) -> None:
    bend(study / "ct", _blank(keyword))
    with pytest.raises(InputRefused, match=r"\(00(20|28),"):
        read_study(study)


def test_law_02_registration_is_never_assumed(study: Path) -> None:
    bend(study / "ct", _blank("FrameOfReferenceUID"))
    with pytest.raises(InputRefused, match=r"\(0020,0052\)"):
        read_study(study)


def test_law_02_a_stated_weight_is_used_and_recorded_as_stated(study: Path) -> None:
    bend(study / "pet", _blank("PatientWeight"))
    case = read_study(study, Stated(weight_kg=35.0))
    assert case.pet is not None
    assert case.pet.suv.weight_stated
    assert case.pet.suv.factors == pytest.approx((0.5 / BQ_PER_SUV,))
    assert case.provenance.stated == ("weight 35 kg (--weight-kg)",)
    found = read_study(study, Stated(weight_kg=70.0))
    assert found.provenance.stated == ("weight 70 kg (--weight-kg)",)
