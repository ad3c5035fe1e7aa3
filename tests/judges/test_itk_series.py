"""Equal to SimpleITK's series reader: values exactly as float32, places within 1e-4 mm."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.dicom import SeriesHeaders, StoredSeries, read_series, scan_folder
from needs import unpacked
from tiny_series import Vector, axis_orientations, save, tiny_headers, values_of

# folder: size (z, y, x), spacing (z, y, x), first 16 hex digits of the SHA-256 of float32
REFERENCE = {
    ("sts_001_raw", "pet"): ((267, 128, 128), (3.27, 4.6875, 4.6875), "fc75fca17e885448"),
    ("ibsi_sts_001_ct", "ct"): ((59, 202, 198), (3.27, 0.976562, 0.976562), "c50aa9e2dc077ba0"),
    ("ibsi_sts_001_pet", "pet"): ((59, 43, 41), (3.27, 4.6875, 4.6875), "438d89689bb97dd4"),
    ("ibsi_pat1", "ct"): ((60, 201, 204), (3, 0.977, 0.977), "f2811a4eacb078b6"),
    ("lung1_001", "ct"): ((64, 512, 512), (3, 0.976562, 0.976562), "cbc83ba941bed024"),
    ("seg_dcmqi_phantom", "ct-3slice"): (
        (3, 512, 512),
        (1, 0.810547, 0.810547),
        "e1479878ea1dc046",
    ),
}


def itk_image(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reader.SetOutputPixelType(sitk.sitkFloat64)
    return reader.Execute()


def assert_same_places(ours: StoredSeries, itk: sitk.Image) -> None:
    """At all eight corners and in the middle of nowhere."""
    last = [n - 1 for n in ours.array.shape]
    corners = np.array(
        [(z, y, x) for z in (0, last[0]) for y in (0, last[1]) for x in (0, last[2])]
    )
    inside = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0]])
    index = np.concatenate([corners.astype(float), inside])
    theirs = [itk.TransformContinuousIndexToPhysicalPoint(i[::-1].tolist()) for i in index]
    np.testing.assert_allclose(ours.grid.to_world(index), np.array(theirs), rtol=0, atol=1e-4)


def only_series(folder: Path) -> SeriesHeaders:
    (series,) = scan_folder(folder).series
    return series


@pytest.mark.parametrize(("archive", "part"), sorted(REFERENCE))
def test_reference_series_are_read_as_itk_reads_them(
    archive: str, part: str, tmp_path: Path
) -> None:
    folder = unpacked(archive, tmp_path) / part
    ours = read_series(only_series(folder))
    size, spacing, digest = REFERENCE[archive, part]
    assert ours.array.shape == size
    np.testing.assert_allclose(ours.grid.spacing, spacing, atol=1e-6)
    assert hashlib.sha256(ours.array.astype("<f4").tobytes()).hexdigest()[:16] == digest
    assert_same_places(ours, itk_image(folder))
    assert bool(ours.notes) == (archive == "sts_001_raw")  # beds that join unevenly


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("row", "column"), axis_orientations())
def test_any_orientation_and_file_order_is_read_as_itk_reads_it(
    row: Vector, column: Vector, descending: bool, tmp_path: Path
) -> None:
    """48 ways to store a patient: 24 orientations, Instance Number with or against space."""
    slices = tiny_headers(row=row, column=column, descending=descending)
    names = [f"im{k}" for k in np.random.default_rng(7).permutation(len(slices))]
    ours = read_series(only_series(save(slices, tmp_path, names)))
    itk = itk_image(tmp_path)
    expected = sitk.GetArrayFromImage(itk).astype(np.float32)
    np.testing.assert_array_equal(ours.array, expected)
    np.testing.assert_array_equal(ours.array, values_of(slices))
    assert_same_places(ours, itk)


def test_an_oblique_series_is_read_as_itk_reads_it(tmp_path: Path) -> None:
    """Turned about every axis, so that no component of the directions is 0."""
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    row, column = ((float(r[0]), float(r[1]), float(r[2])) for r in turn[:2].round(9))
    slices = tiny_headers(row=row, column=column)
    ours = read_series(only_series(save(slices[::-1], tmp_path)))
    itk = itk_image(tmp_path)
    np.testing.assert_array_equal(ours.array, sitk.GetArrayFromImage(itk).astype(np.float32))
    assert_same_places(ours, itk)
