"""Which stacks are one regular grid, and which are refused in which words."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset

from hnuiseg.dicom import SeriesGeometry, SeriesHeaders, scan_folder, series_geometry
from hnuiseg.errors import InputRefused
from needs import unpacked
from tiny_series import ORIGIN, SHAPE, SPACING, save, tiny_headers


def in_memory(slices: list[FileDataset]) -> SeriesHeaders:
    headers: tuple[pydicom.Dataset, ...] = tuple(slices)
    return SeriesHeaders(headers, tuple(Path(f"folder/{k}.dcm") for k in range(len(slices))))


def geometry_of(*z_mm: float, modality: str = "CT") -> SeriesGeometry:
    """The geometry of slices at given heights."""

    def change(slice_: FileDataset, z: int) -> None:
        slice_.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], z_mm[z]]

    return series_geometry(in_memory(tiny_headers(modality, count=len(z_mm), change=change)))


def refusal_of(change: Callable[[FileDataset, int], None]) -> str:
    with pytest.raises(InputRefused) as refusal:
        series_geometry(in_memory(tiny_headers(change=change)))
    message = str(refusal.value)
    assert "\n" not in message
    assert "SECRET" not in message
    assert "folder/" not in message
    return message


def test_grid_by_hand() -> None:
    """Rows run to the left (x), columns to the back (y), slices to the head (z)."""
    slices = tiny_headers()
    geometry = series_geometry(in_memory([slices[k] for k in (3, 0, 4, 1, 2)]))
    assert geometry.order == (1, 3, 4, 0, 2)
    assert geometry.notes == ()
    grid = geometry.grid
    assert grid.shape == SHAPE
    assert grid.spacing == pytest.approx(SPACING)
    assert grid.origin == ORIGIN
    assert grid.direction == ((0, 0, 1), (0, 1, 0), (1, 0, 0))
    assert grid.frame_of_reference == slices[0].FrameOfReferenceUID


def test_slice_thickness_and_instance_number_are_not_looked_at() -> None:
    def change(slice_: FileDataset, _: int) -> None:
        slice_.InstanceNumber = 1
        slice_.SliceThickness = slice_.SpacingBetweenSlices = 17.0

    geometry = series_geometry(in_memory(tiny_headers(change=change)))
    assert geometry.grid.spacing[0] == pytest.approx(SPACING[0])
    assert geometry.order == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("z_mm", "said"),
    [
        (
            (0, 3, 6, 12, 15),
            "1 slice missing: gaps are 3.00 mm but 6.00 mm between 2.dcm and 3.dcm",
        ),
        ((0, 3, 12, 15, 18), "2 slices missing: gaps are 3.00 mm but 9.00 mm between 1.dcm and 2"),
        ((0, 6, 9, 12, 18), "2 slices missing: gaps are 3.00 mm but 6.00 mm between 0.dcm and 1"),
        ((0, 3, 9, 15, 21), "3 slices missing: gaps are 3.00 mm but 6.00 mm between 1.dcm and 2"),
        ((0, 3, 6, 9, 9), "3.dcm and 4.dcm share one position"),
        ((0, 0, 3, 3, 6), "share positions, 0.dcm and 1.dcm for one"),
        ((0, 3, 6, 10, 14.4), "uneven gaps between slices, 3.00 to 4.40 mm"),
        ((0, 3, 6, 9, 12.04), "uneven gaps between slices, 3.00 to 3.04 mm"),
    ],
)
def test_holes_doubles_and_uneven_gaps_of_a_ct_are_refused(
    z_mm: tuple[float, ...], said: str
) -> None:
    with pytest.raises(InputRefused) as refusal:
        geometry_of(*z_mm)
    assert said in str(refusal.value)


def test_a_ct_gap_may_be_one_percent_off() -> None:
    geometry = geometry_of(0, 3, 6, 9.03, 12.03)
    assert geometry.grid.spacing[0] == pytest.approx(12.03 / 4)
    assert "0.015 mm at most" in geometry.notes[0]


def test_a_drift_within_one_percent_that_adds_up_is_refused() -> None:
    """Twenty gaps of 3.00 mm and twenty of 3.02 mm: 0.2 mm off in the middle."""
    z = np.cumsum([0.0] + [3.0] * 20 + [3.02] * 20)
    with pytest.raises(InputRefused, match=r"0\.20 mm off a regular grid"):
        geometry_of(*z)


def test_beds_of_a_pet_may_join_unevenly_and_that_is_noted() -> None:
    geometry = geometry_of(0, 3.27, 6.54, 9.73, 13.0, modality="PT")
    assert geometry.grid.spacing[0] == pytest.approx(3.25)
    (note,) = geometry.notes
    assert note == (
        "gaps between slices run from 3.19 to 3.27 mm; read as a regular grid of 3.2500 mm, "
        "from which a slice lies 0.040 mm at most"
    )
    with pytest.raises(InputRefused, match="uneven gaps"):
        geometry_of(0, 3.27, 6.54, 9.4, 12.67, modality="PT")


def test_a_missing_pet_slice_is_refused() -> None:
    with pytest.raises(InputRefused, match="1 slice missing"):
        geometry_of(0, 3.27, 6.54, 13.08, modality="PT")


def test_a_tilt_is_refused_with_its_angle() -> None:
    def change(slice_: FileDataset, z: int) -> None:
        shift = z * SPACING[0] * math.tan(math.radians(12.5))
        slice_.ImagePositionPatient = [ORIGIN[0], ORIGIN[1] + shift, z * SPACING[0]]

    assert "gantry tilted by 12.5°" in refusal_of(change)


def test_the_tilted_head_is_refused(tmp_path: Path) -> None:
    (series,) = scan_folder(unpacked("ge_head_tilted", tmp_path)).series
    assert len(series.headers) == 28
    with pytest.raises(InputRefused, match=r"gantry tilted by 18\.5°"):
        series_geometry(series)


def test_one_slice_is_refused() -> None:
    with pytest.raises(InputRefused) as refusal:
        series_geometry(in_memory(tiny_headers(count=1)))
    assert str(refusal.value) == (
        "one slice only, 0.dcm; allowed: a series of at least two slices; "
        "what to do: give the folder of the whole series"
    )


def test_two_slices_are_a_grid() -> None:
    assert geometry_of(0, 3).grid.shape == (2, *SHAPE[1:])


def other(keyword: str, value: object) -> Callable[[FileDataset, int], None]:
    """Slice 3 alone has another value."""

    def change(slice_: FileDataset, z: int) -> None:
        if z == 3:
            setattr(slice_, keyword, value)

    return change


def without(keyword: str) -> Callable[[FileDataset, int], None]:
    def change(slice_: FileDataset, z: int) -> None:
        if z == 3:
            delattr(slice_, keyword)

    return change


@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("Rows", 7, "slices of 6 × 7 and 7 × 7 rows × columns"),
        ("PixelSpacing", [1.25, 0.7511], "differ in Pixel Spacing (0028,0030) by 0.0011"),
        (
            "ImageOrientationPatient",
            [1, 0, 0, 0, math.cos(0.001), math.sin(0.001)],
            "0.dcm and 3.dcm differ in Image Orientation (Patient) (0020,0037) by 0.001",
        ),
        ("FrameOfReferenceUID", "1.2.3", "Frame of Reference UID (0020,0052) has 2 values"),
        ("PatientID", "SECRET-TOO", "Patient ID (0010,0020) has 2 values in one series"),
        ("PixelSpacing", [1.25], "Pixel Spacing (0028,0030) with 1 values"),
    ],
)
def test_a_slice_that_differs_is_refused(keyword: str, value: object, said: str) -> None:
    assert said in refusal_of(other(keyword, value))


@pytest.mark.parametrize(
    ("keyword", "said"),
    [
        ("ImagePositionPatient", "3.dcm has no Image Position (Patient) (0020,0032)"),
        ("ImageOrientationPatient", "3.dcm has no Image Orientation (Patient) (0020,0037)"),
        ("PixelSpacing", "3.dcm has no Pixel Spacing (0028,0030)"),
        ("Rows", "3.dcm has no Rows (0028,0010)"),
    ],
)
def test_a_missing_attribute_is_refused(keyword: str, said: str) -> None:
    assert said in refusal_of(without(keyword))


@pytest.mark.parametrize("row", [(1.0, 0.0, 0.1), (0.5, 0.0, 0.0), (0.6, 0.8, 0.0)])
def test_directions_must_be_perpendicular_units(row: tuple[float, ...]) -> None:
    def change(slice_: FileDataset, _: int) -> None:
        slice_.ImageOrientationPatient = [*row, 0, 1, 0]

    assert "no two perpendicular unit vectors" in refusal_of(change)


def test_two_images_under_one_uid_are_refused() -> None:
    slices = tiny_headers()
    slices[3].SOPInstanceUID = slices[2].SOPInstanceUID
    with pytest.raises(InputRefused, match="share one SOP Instance UID"):
        series_geometry(in_memory(slices))


def test_a_multi_frame_image_is_refused_by_name(tmp_path: Path) -> None:
    slices = tiny_headers(count=2)
    for slice_ in slices:
        slice_.NumberOfFrames = 4
    (series,) = scan_folder(save(slices, tmp_path)).series
    with pytest.raises(InputRefused, match=r"0\.dcm is a multi-frame image"):
        series_geometry(series)
