"""Written series hold the volume they were given, in its place, and nothing invented."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from hnuiseg.dicom import NewSeries, PetAcquisition, write_ct_series, write_pet_series
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid, Volume
from pretend import FRAME, PATIENT, new_ct

GRID = Grid.axial((3, 5, 7), (3.27, 0.9765625, 1.17), (-249.51171875, 7.0, -1234.123456), FRAME)
NEW_PET = NewSeries(PATIENT, "1.2.826.0.1.3680043.8.498.4", 3, "PET of nobody", FRAME, "a test")
ACQUISITION = PetAcquisition(
    weight_kg=71.0,
    height_m=1.75,
    dose_bq=388.777e6,
    half_life_s=6588.0,
    injection_time=datetime(2026, 1, 1, 23, 30, 0, 500_000),
    series_time=datetime(2026, 1, 2, 0, 30),
    frame_duration_s=180.0,
)
FLOOR = np.linspace(-1024, 3071, 105, dtype=np.int16).reshape(GRID.shape)


def ct(array: np.ndarray = FLOOR, grid: Grid = GRID) -> Volume:
    return Volume(array, grid, "HU")


def pet() -> Volume:
    activity = (
        np.random.default_rng(3).random(GRID.shape) * np.array([1.0, 1e3, 0.0])[:, None, None]
    )
    return Volume(activity, GRID, "Bq/ml")


def values(path: Path) -> np.ndarray:
    image = pydicom.dcmread(path)
    return image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)


def test_hounsfield_units_are_exact(tmp_path: Path) -> None:
    paths = write_ct_series(ct(), tmp_path / "ct", new_ct())
    assert [p.name for p in paths] == ["ct_0001.dcm", "ct_0002.dcm", "ct_0003.dcm"]
    assert np.array_equal([values(p) for p in paths], FLOOR)


@pytest.mark.parametrize("extreme", [-33792, 31743])
def test_the_whole_of_16_bits_is_kept(tmp_path: Path, extreme: int) -> None:
    (path, *_) = write_ct_series(ct(np.full(GRID.shape, extreme)), tmp_path, new_ct())
    assert np.all(values(path) == extreme)


@pytest.mark.parametrize("extreme", [-33793, 31744, np.nan, np.inf])
def test_beyond_16_bits_nothing_is_clipped_in_silence(tmp_path: Path, extreme: float) -> None:
    with pytest.raises(OutputFailed, match="HU from -33792 to 31743"):
        write_ct_series(ct(np.full(GRID.shape, extreme)), tmp_path, new_ct())
    assert list(tmp_path.iterdir()) == []


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_ct_series(ct(), folder, new_ct())
        write_pet_series(pet(), folder, NEW_PET, ACQUISITION)
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_uids_differ_by_slice_series_and_entropy(tmp_path: Path) -> None:
    uids = []
    for k, new in enumerate(
        (
            new_ct(),
            replace(new_ct(), uid_root_entropy="another"),
            replace(new_ct(), series_instance_uid="1.2.826.0.1.3680043.8.498.9"),
        )
    ):
        paths = write_ct_series(ct(), tmp_path / str(k), new)
        uids += [pydicom.dcmread(p).SOPInstanceUID for p in paths]
    assert len(set(uids)) == 9
    assert all(uid.is_valid for uid in uids)


def test_activity_is_right_within_half_a_step_of_its_slice(tmp_path: Path) -> None:
    volume = pet()
    paths = write_pet_series(volume, tmp_path, NEW_PET, ACQUISITION)
    for path, slice_ in zip(paths, volume.array, strict=True):
        assert np.abs(values(path) - slice_).max() <= slice_.max() / 65534 * (1 + 1e-9)
    slopes = {float(pydicom.dcmread(p).RescaleSlope) for p in paths}
    assert len(slopes) == 3


def test_the_header_gives_suvbw_by_both_of_its_clocks(tmp_path: Path) -> None:
    path, *_ = write_pet_series(pet(), tmp_path, NEW_PET, ACQUISITION)
    image = pydicom.dcmread(path)
    tracer = image.RadiopharmaceuticalInformationSequence[0]
    assert (image.Units, image.DecayCorrection) == ("BQML", "START")
    assert list(image.CorrectedImage) == ["ATTN", "DECY"]
    assert (image.PatientWeight, image.PatientSize) == (71.0, 1.75)
    assert tracer.RadionuclideTotalDose == 388.777e6
    assert tracer.RadionuclideHalfLife == 6588.0
    assert tracer.RadiopharmaceuticalStartDateTime == "20260101233000.500000"
    assert (image.SeriesDate, image.SeriesTime) == ("20260102", "003000.000000")
    # ecosystem of readers: acquisition time + mean-activity time - frame reference time
    rate = np.log(2) / 6588.0
    mean_s = np.log(rate * 180 / (1 - np.exp(-rate * 180))) / rate
    assert float(image.FrameReferenceTime) / 1000 == pytest.approx(mean_s, abs=1e-6)
    assert float(image.DecayFactor) == pytest.approx(np.exp(rate * mean_s))


def test_what_is_not_known_is_not_written(tmp_path: Path) -> None:
    unknown = replace(ACQUISITION, weight_kg=None, height_m=None, half_life_s=4062.6)  # Ga-68
    path, *_ = write_pet_series(pet(), tmp_path, NEW_PET, unknown)
    image = pydicom.dcmread(path)
    assert "PatientWeight" not in image
    assert "PatientSize" not in image
    assert "TimezoneOffsetFromUTC" not in image
    assert not image.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence


def test_times_with_zones_are_put_on_one_clock(tmp_path: Path) -> None:
    zoned = replace(
        ACQUISITION,
        injection_time=datetime(2026, 1, 1, 22, 30, tzinfo=UTC),
        series_time=datetime(2026, 1, 2, 0, 30, tzinfo=timezone(timedelta(hours=1))),
    )
    path, *_ = write_pet_series(pet(), tmp_path, NEW_PET, zoned)
    image = pydicom.dcmread(path)
    tracer = image.RadiopharmaceuticalInformationSequence[0]
    assert image.TimezoneOffsetFromUTC == "+0100"
    assert tracer.RadiopharmaceuticalStartTime == "233000.000000"


@pytest.mark.parametrize(
    ("injection", "said"),
    [
        (datetime(2026, 1, 2, 0, 31), "a series time before the injection"),
        (datetime(2026, 1, 1, 23, 30, tzinfo=UTC), "only one has a time zone"),
    ],
)
def test_times_that_contradict_are_not_written(
    tmp_path: Path, injection: datetime, said: str
) -> None:
    with pytest.raises(OutputFailed, match=said):
        write_pet_series(pet(), tmp_path, NEW_PET, replace(ACQUISITION, injection_time=injection))


def test_activity_must_be_finite_and_units_must_fit(tmp_path: Path) -> None:
    holed = Volume(np.full(GRID.shape, np.nan), GRID, "Bq/ml")
    with pytest.raises(OutputFailed, match="aren't finite"):
        write_pet_series(holed, tmp_path, NEW_PET, ACQUISITION)
    with pytest.raises(OutputFailed, match="an image in HU; allowed: Bq/ml"):
        write_pet_series(ct(), tmp_path, NEW_PET, ACQUISITION)
    with pytest.raises(OutputFailed, match="an image in Bq/ml; allowed: HU"):
        write_ct_series(pet(), tmp_path, new_ct())


def test_a_skewed_grid_is_not_written(tmp_path: Path) -> None:
    steps = GRID.steps.copy()
    steps[0, 1] = 1.0  # a tilted gantry
    skewed = Grid.from_steps(GRID.shape, steps, np.zeros(3), FRAME)
    with pytest.raises(OutputFailed, match="a skewed grid"):
        write_ct_series(ct(grid=skewed), tmp_path, new_ct())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    """pydicom wraps the system's error and loses its reason."""
    (tmp_path / "ct_0001.dcm").symlink_to("/dev/full")
    with pytest.raises(OutputFailed, match="No space left on device"):
        write_ct_series(
            ct(np.zeros((3, 90, 90)), Grid.axial((3, 90, 90), (3, 1, 1))), tmp_path, new_ct()
        )


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputFailed, match="folder taken can't be written"):
        write_ct_series(ct(), tmp_path / "taken", new_ct())


def test_oblique_slices_lie_where_itk_puts_them(tmp_path: Path) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    turn *= np.linalg.det(turn)  # right-handed in (z, y, x)
    # z along the cross product of row and column, the order that ITK keeps
    turn[0] = np.cross(turn[2], turn[1])
    steps = turn * np.array(GRID.spacing)[:, None]
    oblique = Grid.from_steps(GRID.shape, steps, np.array([10.0, -20.0, 30.0]), FRAME)
    paths = write_ct_series(ct(grid=oblique), tmp_path, new_ct())
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(p) for p in paths])
    image = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(image), FLOOR)
    for index in ((0, 0, 0), (2, 4, 6), (1, 0, 3)):
        z, y, x = index
        there = image.TransformIndexToPhysicalPoint((x, y, z))
        here = oblique.to_world(np.array([index], dtype=float))[0]
        assert there == pytest.approx(here, abs=1e-4)
