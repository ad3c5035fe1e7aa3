"""SUVbw: reference objects and published factors, then one example a rule."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset

from hnuiseg.dicom import (
    SuvFactor,
    apply_suv,
    read_series,
    scan_folder,
    suv_factor,
    suvbw_factor,
)
from hnuiseg.errors import HnuisegError, InputRefused, WrongCall
from needs import data_folder, unpacked
from tiny_series import clock, save, tiny_headers

DROS = [
    "0_0",
    "1_0",
    "2_0",
    "2_1",
    "2_2",
    "2_3",
    "2_4",
    "2_5",
    "3_0",
    "3_1",
    "3_2",
    "3_3",
    "3_4",
    "4_0",
    "4_1",
    "4_2",
    "5_0",
]
PUBLISHED = {
    "SIEMENS": 0.00042748316187197236,
    "GE_MEDICAL_AND_BQML": 0.0005367387681819742,
    "PHILIPS_BQML": 0.0007463747013889488,
    "PHILIPS_CNTS_AND_BQML_SUV": 0.000551,
    "BQML_AC_DT_lessThan_S_DT_SIEMENS": 0.0004069156854009332,
}
HALF_LIFE_S = 6586.2
TINY = 70_000 / (350e6 * 2 ** (-3600 / HALF_LIFE_S))  # of tiny_series, by hand
Edit = Callable[[FileDataset], None]


def pet(edit: Edit | None = None, *, count: int = 3) -> list[pydicom.Dataset]:
    """Three slices, each edited in the same way."""

    def change(slice_: FileDataset, _: int) -> None:
        if edit is not None:
            edit(slice_)

    return [*tiny_headers("PT", count=count, change=change)]


def tracer(slice_: pydicom.Dataset) -> pydicom.Dataset:
    item: pydicom.Dataset = slice_.RadiopharmaceuticalInformationSequence[0]
    return item


def setting(**values: object) -> Edit:
    def edit(slice_: FileDataset) -> None:
        for keyword, value in values.items():
            if value is None:
                delattr(slice_, keyword)
            else:
                setattr(slice_, keyword, value)

    return edit


def tracer_setting(**values: object) -> Edit:
    def edit(slice_: FileDataset) -> None:
        for keyword, value in values.items():
            if value is None:
                delattr(tracer(slice_), keyword)
            else:
                setattr(tracer(slice_), keyword, value)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(slice_: FileDataset) -> None:
        for each in edits:
            each(slice_)

    return edit


def factor_of(edit: Edit | None = None, weight_kg: float | None = None) -> SuvFactor:
    return suv_factor(pet(edit), weight_kg)


def only(factor: SuvFactor) -> float:
    (value,) = factor.factors
    return value


def refusal_of(edit: Edit | None, weight_kg: float | None = None) -> str:
    with pytest.raises(HnuisegError) as refused:
        suv_factor(pet(edit), weight_kg)
    message = str(refused.value)
    assert "\n" not in message
    return message


# Reference objects and published values


@pytest.fixture(scope="module")
def dros(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked("suv_dro", tmp_path_factory.mktemp("suv"))


@pytest.mark.parametrize("name", DROS)
def test_ibsi_reference_objects(name: str, dros: Path) -> None:
    """SUVbw 0.20, 1.00 and 4.00 inside the mask, whatever the header's way to say it."""
    folder = dros / f"DRO_{name}"
    (series,) = scan_folder(folder / "PT").series
    stored = read_series(series)
    # sex "O" with a lean-mass SUV is refused unless the user accepts the mean
    factor = suv_factor(stored.headers, accept_sex_mean=name == "2_2")
    suv = apply_suv(stored, factor)
    assert suv.unit == "g/ml"
    mask = np.asarray(nib.load(folder / "mask" / "DRO_mask.nii.gz").dataobj).transpose(2, 1, 0) > 0
    inside = suv.array[mask]
    found = (inside.min(), np.median(inside), inside.max())
    tolerance = 0.03 if name == "2_3" else 0.005  # 2_3 is stored in steps of 0.01
    np.testing.assert_allclose(found, (0.2, 1.0, 4.0), rtol=0, atol=tolerance)


def test_the_list_of_reference_objects_is_complete(dros: Path) -> None:
    with (dros / "DRO_list.csv").open(encoding="utf-8") as file:
        assert [row["ID"].removeprefix("DRO_") for row in csv.DictReader(file)] == DROS


def test_sex_o_with_ideal_weight_is_refused_by_name(dros: Path) -> None:
    (series,) = scan_folder(dros / "DRO_2_2" / "PT").series
    with pytest.raises(InputRefused, match=r"Patient's Sex \(0010,0040\) O with SUV Type"):
        suv_factor(series.headers)
    accepted = suv_factor(series.headers, accept_sex_mean=True)
    assert accepted.sex_mean
    assert accepted.branch == "GML, IBW, mean of both sexes"
    assert any("as was accepted" in warning for warning in accepted.warnings)


def test_the_pet_of_sts_001(tmp_path: Path) -> None:
    (series,) = scan_folder(unpacked("sts_001_raw", tmp_path) / "pet").series
    factor = suv_factor(series.headers)
    assert only(factor) == pytest.approx(0.000242902976615, rel=1e-9)
    assert factor.elapsed_s == 2711
    assert factor.weight_kg == 71
    assert factor.time_reference == "Series Time (0008,0031), 11:20:11"
    assert factor.warnings == ()


def test_the_pet_of_sts_001_that_is_suv_already(tmp_path: Path) -> None:
    folder = unpacked("ibsi_sts_001_pet", tmp_path)
    (series,) = scan_folder(folder / "pet").series
    stored = read_series(series)
    factor = suv_factor(stored.headers)
    assert factor.factors == (1.0,)
    mask = np.asarray(nib.load(folder / "published_mask.nii.gz").dataobj).transpose(2, 1, 0) > 0
    assert apply_suv(stored, factor).array[mask].max() == pytest.approx(7.91, abs=0.005)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_header_sets(name: str) -> None:
    entries = json.loads((data_folder() / "pet_headers" / f"{name}.json").read_text())
    factor = suv_factor([_header(entry) for entry in entries])
    assert only(factor) == pytest.approx(PUBLISHED[name], rel=1e-6)
    said = any("SUV would differ by 14.3 %" in w for w in factor.warnings)
    assert said == (name == "PHILIPS_BQML")  # 1267 s between two ways to find the time


def _header(entry: dict[str, object]) -> pydicom.Dataset:
    header, item = pydicom.Dataset(), pydicom.Dataset()
    for keyword, value in entry.items():
        if keyword == "PhilipsPETPrivateGroup":
            assert isinstance(value, dict)
            block = header.private_block(0x7053, "Philips PET Private Group", create=True)
            if value:
                block.add_new(0x00, "DS", str(value["SUVScaleFactor"]).strip())
                block.add_new(0x09, "DS", str(value["ActivityConcentrationScaleFactor"]))
        elif keyword.startswith("Radio"):
            setattr(item, keyword, value)
        elif keyword == "FrameReferenceTime":
            header.FrameReferenceTime = f"{value:.8g}"
        else:
            setattr(header, keyword, value)
    header.RadiopharmaceuticalInformationSequence = [item]
    return header


# Activity and its decay


def test_the_plain_case_by_hand() -> None:
    factor = factor_of()
    assert only(factor) == pytest.approx(TINY, rel=1e-12)
    assert factor.elapsed_s == 3600
    assert (factor.weight_kg, factor.weight_stated) == (70.0, False)
    assert (factor.units, factor.branch, factor.warnings) == ("BQML", "BQML, START", ())


def test_one_half_life_doubles_the_factor() -> None:
    now = suvbw_factor(70, 350e6, HALF_LIFE_S, 0)
    assert now == pytest.approx(70_000 / 350e6)
    assert suvbw_factor(70, 350e6, HALF_LIFE_S, HALF_LIFE_S) == pytest.approx(2 * now)


def test_decay_corrected_to_administration_needs_no_time() -> None:
    edit = both(
        setting(DecayCorrection="ADMIN", SeriesTime=None, AcquisitionTime=None),
        tracer_setting(RadiopharmaceuticalStartTime=None, RadionuclideHalfLife=None),
    )
    assert only(factor_of(edit)) == pytest.approx(70_000 / 350e6)


def test_without_decay_correction_each_slice_has_its_factor() -> None:
    """Activity falls by a half between two frames that start one half-life apart."""
    slices = pet(setting(DecayCorrection="NONE", CorrectedImage=["ATTN"]), count=2)
    slices[1].AcquisitionTime = clock(3600 + HALF_LIFE_S)
    factor = suv_factor(slices)
    first, second = factor.factors
    assert second == pytest.approx(2 * first, rel=1e-6)
    x = math.log(2) * 120 / HALF_LIFE_S
    assert first == pytest.approx(TINY * x / (1 - math.exp(-x)), rel=1e-9)
    assert factor.elapsed_s == 3600


def test_one_time_serves_all_beds() -> None:
    """The third bed is acquired ten minutes later; its values are corrected all the same."""
    slices = pet()
    slices[2].AcquisitionTime = clock(3600 + 600)
    slices[2].FrameReferenceTime = slices[2].FrameReferenceTime + 600_000
    factor = suv_factor(slices)
    assert only(factor) == pytest.approx(TINY, rel=1e-12)
    assert factor.warnings == ()


def test_a_series_time_after_the_scan_is_not_used() -> None:
    """Reconstructed half an hour later: the frame's reference time leads back to 11:00."""
    factor = factor_of(setting(SeriesTime="113000"))
    assert only(factor) == pytest.approx(TINY, rel=1e-4)
    assert factor.time_reference is not None
    assert factor.time_reference.startswith("acquisition less Frame Reference Time")
    assert "Series Time 11:30:00 lies after the first acquisition, 11:00:00" in factor.warnings[0]


def test_ge_states_its_scan_time_privately() -> None:
    def edit(slice_: FileDataset) -> None:
        slice_.Manufacturer, slice_.SeriesTime = "GE MEDICAL SYSTEMS", "113000"
        slice_.AcquisitionTime = "111000"
        block = slice_.private_block(0x0009, "GEMS_PETD_01", create=True)
        block.add_new(0x0D, "DT", "20260105110000.00")
        slice_.FrameReferenceTime = 600_000  # GE: start of the frame

    factor = factor_of(edit)
    assert only(factor) == pytest.approx(TINY, rel=1e-12)
    assert factor.time_reference == "GE scan time (0009,xx0D), 11:00:00"


def test_a_foreign_private_block_is_not_ge() -> None:
    def edit(slice_: FileDataset) -> None:
        slice_.Manufacturer = "GE MEDICAL SYSTEMS"
        slice_.private_block(0x0009, "SOMEBODY ELSE", create=True).add_new(0x0D, "DT", "2000")
        slice_.FrameReferenceTime = 0

    assert factor_of(edit).warnings == ()


def test_the_first_acquisition_is_the_last_resort() -> None:
    factor = factor_of(setting(SeriesTime=None, FrameReferenceTime=None))
    assert factor.time_reference == "first Acquisition Time (0008,0032), 11:00:00"
    assert only(factor) == pytest.approx(TINY, rel=1e-12)


def test_times_further_apart_than_a_minute_are_said() -> None:
    """Series Time is used, as QIBA has it, though the frame says otherwise."""
    factor = factor_of(setting(SeriesTime="105000"))
    assert factor.elapsed_s == 3000
    (warning,) = factor.warnings
    assert "Series Time (0008,0031), 10:50:00" in warning
    assert "is 11:00:00: SUV would differ by 6.5 %" in warning
    assert factor_of(setting(SeriesTime="105910")).warnings == ()


def test_a_scan_past_midnight() -> None:
    night = setting(
        SeriesDate="20260106",
        AcquisitionDate="20260106",
        SeriesTime="003000",
        AcquisitionTime="003000",
    )
    factor = factor_of(both(night, tracer_setting(RadiopharmaceuticalStartTime="233000")))
    assert factor.elapsed_s == 3600
    assert only(factor) == pytest.approx(TINY, rel=1e-12)


@pytest.mark.parametrize(
    ("stamp", "zone", "elapsed", "said"),
    [
        ("20260105094500.000", None, 4500, "contradicts"),
        ("20260105100000.000000", None, 3600, None),
        ("202601051000", None, 3600, None),
        ("20260105090000+0000", "+0100", 3600, None),
        ("20260105100000+0100", None, 3600, "both are taken as local time"),
        ("20190105100000", None, 3600, "which can't be"),
        ("20260105113000", None, 3600, "which can't be"),
    ],
)
def test_injection_by_date_and_time(
    stamp: str, zone: str | None, elapsed: float, said: str | None
) -> None:
    edit = tracer_setting(RadiopharmaceuticalStartDateTime=stamp)
    if zone is not None:
        edit = both(edit, setting(TimezoneOffsetFromUTC=zone))
    factor = factor_of(edit)
    assert factor.elapsed_s == elapsed
    assert len(factor.warnings) == (said is not None)
    assert said is None or said in factor.warnings[0]


# Slips of units that can mean one thing only


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            tracer_setting(RadionuclideTotalDose=350),
            "Radionuclide Total Dose (0018,1074) 350 is taken as megabecquerel",
        ),
        (setting(PatientWeight=70000), "Patient's Weight (0010,1030) 70000 is taken as grams"),
    ],
)
def test_a_plain_slip_of_units_is_mended_and_said(edit: Edit, said: str) -> None:
    factor = factor_of(edit)
    assert only(factor) == pytest.approx(TINY, rel=1e-12)
    assert factor.warnings[0].startswith(said)


def test_a_half_life_in_minutes_gives_way_to_the_code() -> None:
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "C-111A1", "SRT"
    edit = tracer_setting(RadionuclideHalfLife=109.77, RadionuclideCodeSequence=[code])
    factor = factor_of(edit)
    assert only(factor) == pytest.approx(TINY, rel=1e-12)
    assert "109.77 s: 6586.2 s of F-18 is used" in factor.warnings[0]
    assert "half-life" in refusal_of(tracer_setting(RadionuclideHalfLife=109.77))


# What is stated


def test_a_stated_weight_fills_in_and_is_marked() -> None:
    factor = factor_of(setting(PatientWeight=None), weight_kg=70)
    assert only(factor) == pytest.approx(TINY, rel=1e-12)
    assert (factor.weight_kg, factor.weight_stated, factor.warnings) == (70, True, ())


def test_a_stated_weight_goes_before_the_headers_and_that_is_said() -> None:
    factor = factor_of(None, weight_kg=80)
    assert only(factor) == pytest.approx(TINY * 80 / 70, rel=1e-12)
    assert factor.warnings == ("Patient's Weight (0010,1030) is 70, but 80 kg as stated is used",)


@pytest.mark.parametrize("weight_kg", [0.0, -70.0, 70000.0, math.nan, math.inf])
def test_an_impossible_stated_weight_is_a_wrong_call(weight_kg: float) -> None:
    with pytest.raises(WrongCall, match="--weight-kg"):
        suv_factor(pet(), weight_kg)


# Values that are an SUV already


def test_suv_of_body_weight_needs_nothing() -> None:
    nothing = both(
        setting(Units="GML", PatientWeight=None, RadiopharmaceuticalInformationSequence=None)
    )
    assert factor_of(nothing).factors == (1.0,)
    stated = factor_of(nothing, weight_kg=70)
    assert stated.weight_kg is None
    assert "isn't needed" in stated.warnings[0]


@pytest.mark.parametrize(
    ("kind", "sex", "mass_kg"),
    [  # 70 kg, 1.75 m, by hand
        ("LBM", "M", 77.0 - 120 * 0.16),
        ("LBM", "F", 74.9 - 148 * 0.16),
        ("LBMJAMES128", "M", 77.0 - 128 * 0.16),
        ("LBMJANMA", "M", 9270 * 70 / (6680 + 216 * 70 / 3.0625)),
        ("LBMJANMA", "F", 9270 * 70 / (8780 + 244 * 70 / 3.0625)),
        ("IBW", "M", 48 + 1.06 * 23),
        ("IBW", "F", 45.5 + 0.91 * 23),
    ],
)
@pytest.mark.parametrize("size", [1.75, 175])
def test_suv_of_lean_mass_is_brought_to_body_weight(
    kind: str, sex: str, mass_kg: float, size: float
) -> None:
    factor = factor_of(setting(Units="GML", SUVType=kind, PatientSex=sex, PatientSize=size))
    assert only(factor) == pytest.approx(70 / mass_kg, rel=1e-12)
    assert len(factor.warnings) == (size == 175)


def test_suv_of_body_surface_is_brought_to_body_weight() -> None:
    factor = factor_of(setting(Units="CM2ML", PatientSize=1.75))
    assert only(factor) == pytest.approx(70_000 / (71.84 * 175**0.725 * 70**0.425), rel=1e-12)


# Philips


def philips(suv: object, activity: object, creator: str = "Philips PET Private Group") -> Edit:
    def edit(slice_: FileDataset) -> None:
        slice_.Units, slice_.Manufacturer = "CNTS", "Philips"
        block = slice_.private_block(0x7053, creator, create=True)
        block.add_new(0x00, "DS", suv)
        block.add_new(0x09, "DS", activity)

    return edit


def test_the_suv_factor_of_philips_needs_no_weight() -> None:
    factor = factor_of(both(philips("0.0005", "2.5"), setting(PatientWeight=None)))
    assert factor.factors == (0.0005,)
    assert factor.branch == "CNTS, Philips SUV factor (7053,xx00)"


def test_the_activity_factor_of_philips_goes_on_as_activity() -> None:
    assert only(factor_of(philips("0", "2.5"))) == pytest.approx(2.5 * TINY, rel=1e-12)


@pytest.mark.parametrize("edit", [philips("0", "0"), philips("1", "1", "SOMEBODY ELSE")])
def test_counts_without_a_factor_are_refused(edit: Edit) -> None:
    assert "CNTS) without a Philips factor" in refusal_of(edit)


# Refusals


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (setting(CorrectedImage=["DECY"]), "without attenuation correction: no ATTN in Corrected"),
        (setting(CorrectedImage=None), "without attenuation correction"),
        (setting(CorrectedImage=["ATTN"]), "no DECY in Corrected Image (0028,0051)"),
        (setting(DecayCorrection="NONE"), "DECY in Corrected Image (0028,0051), but Decay"),
        (setting(DecayCorrection=None), "Decay Correction (0054,1102) ''"),
        (setting(Units="PROPCPS"), "PET in Units (0054,1001) 'PROPCPS'"),
        (setting(Units=None), "no Units (0054,1001)"),
        (setting(RescaleIntercept=-10), "Rescale Intercept (0028,1052) -10"),
        (setting(PatientWeight=600), "Patient's Weight (0010,1030) 600"),
        (setting(Units="GML", SUVType="XYZ"), "SUV Type (0054,1006) 'XYZ'"),
        (setting(Units="GML", SUVType="LBM", PatientSex="M"), "Patient's Size (0010,1020) missing"),
        (
            setting(Units="GML", SUVType="LBM", PatientSex="O", PatientSize=1.7),
            "Patient's Sex (0010,0040) O with SUV Type (0054,1006) LBM",
        ),
        (tracer_setting(RadionuclideTotalDose=None), "Radionuclide Total Dose (0018,1074) missing"),
        (tracer_setting(RadionuclideTotalDose=350e3), "Total Dose (0018,1074) 350000"),
        (tracer_setting(RadionuclideTotalDose=10), "Total Dose (0018,1074) 10"),
        (tracer_setting(RadionuclideHalfLife=None), "Radionuclide Half Life (0018,1075) missing"),
        (tracer_setting(RadiopharmaceuticalStartTime=None), "no usable time of injection"),
        (tracer_setting(RadiopharmaceuticalStartTime="110001"), "lies 86399 s before the time"),
        (setting(SeriesTime=None, AcquisitionTime=None), "no time of decay correction"),
        (setting(RadiopharmaceuticalInformationSequence=None), "(0054,0016) with 0 items"),
    ],
)
def test_what_is_missing_or_unknown_is_refused_by_name(edit: Edit, said: str) -> None:
    message = refusal_of(edit)
    assert said in message
    assert "--ct-only" in message


@pytest.mark.parametrize("weight", [None, 0])
def test_a_missing_weight_is_refused_with_both_remedies(weight: float | None) -> None:
    message = refusal_of(setting(PatientWeight=weight))
    assert message.startswith("the PET has no patient weight: Patient's Weight (0010,1030)")
    assert message.endswith(
        "state it with --weight-kg, or segment from the CT alone with --ct-only"
    )


def test_a_long_lived_tracer_needs_the_date_of_injection() -> None:
    edit = tracer_setting(RadionuclideHalfLife=282280.0)
    assert "its date, too" in refusal_of(edit)
    dated = both(edit, tracer_setting(RadiopharmaceuticalStartDateTime="20260102100000"))
    assert factor_of(dated).elapsed_s == 3 * 86400 + 3600


@pytest.mark.parametrize(
    ("keyword", "value"), [("Units", "GML"), ("DecayCorrection", "ADMIN"), ("PatientWeight", 71)]
)
def test_slices_that_disagree_are_refused(keyword: str, value: object) -> None:
    slices = pet()
    setattr(slices[1], keyword, value)
    with pytest.raises(InputRefused, match="differs between the slices"):
        suv_factor(slices)


@pytest.mark.parametrize(
    ("keyword", "value", "tag"),
    [
        ("RadionuclideTotalDose", 351e6, "0018,1074"),
        ("RadionuclideHalfLife", 6588, "0018,1075"),
        ("RadiopharmaceuticalStartTime", "100001.00", "0018,1072"),
        ("RadiopharmaceuticalStartDateTime", "20260105100000", "0018,1078"),
    ],
)
def test_slices_that_disagree_on_the_injection_are_refused(
    keyword: str, value: object, tag: str
) -> None:
    slices = pet()
    setattr(tracer(slices[1]), keyword, value)
    with pytest.raises(InputRefused, match=rf"\({tag}\) differs between the slices"):
        suv_factor(slices)


def test_the_mean_of_both_sexes_is_taken_for_sex_o_alone() -> None:
    def edit(sex: str) -> list[pydicom.Dataset]:
        return pet(setting(Units="GML", SUVType="LBM", PatientSex=sex, PatientSize=1.75))

    man, woman = (suv_factor(edit(sex), accept_sex_mean=True) for sex in "MF")
    assert not man.sex_mean
    assert man == suv_factor(edit("M"))
    other = suv_factor(edit("O"), accept_sex_mean=True)
    assert other.sex_mean
    assert 2 / only(other) == pytest.approx(1 / only(man) + 1 / only(woman), rel=1e-12)
    assert "--accept-sex-mean" in refusal_of(
        setting(Units="GML", SUVType="LBM", PatientSex="O", PatientSize=1.75)
    )
    with pytest.raises(InputRefused, match="missing with SUV Type"):
        suv_factor(edit(""), accept_sex_mean=True)


@pytest.mark.parametrize(("weight", "allowed"), [(19.9, False), (20, True), (400, True)])
def test_found_and_stated_weights_have_the_same_limits(weight: float, allowed: bool) -> None:
    ways: list[Callable[[], SuvFactor]] = [
        lambda: factor_of(setting(PatientWeight=weight)),
        lambda: factor_of(setting(PatientWeight=None), weight_kg=weight),
    ]
    for way in ways:
        if allowed:
            assert way().weight_kg == weight
        else:
            with pytest.raises(HnuisegError, match="20 to 400 kg"):
                way()


# Applying


def test_each_slice_is_multiplied_by_its_factor(tmp_path: Path) -> None:
    (series,) = scan_folder(save(tiny_headers("PT"), tmp_path)).series
    stored = read_series(series)
    factor = suv_factor(stored.headers)
    per_slice = SuvFactor((1.0, 2.0, 3.0, 4.0, 5.0), "BQML", "", None, None, None, False)
    suv = apply_suv(stored, per_slice)
    assert suv.grid == stored.grid
    np.testing.assert_array_equal(suv.array[3], stored.array[3] * 4)
    np.testing.assert_allclose(apply_suv(stored, factor).array, stored.array * TINY, rtol=1e-6)
    with pytest.raises(InputRefused, match="2 SUV factors for 5 slices"):
        apply_suv(stored, SuvFactor((1.0, 2.0), "BQML", "", None, None, None, False))
