"""Image files: judged by ITK and nibabel, and refused one by one."""

import gzip
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from jaxtyping import Float

from hnuiseg import files
from hnuiseg.errors import HnuisegError, InputRefused, OutputFailed
from hnuiseg.files import atomic_write, read_image, write_nifti
from hnuiseg.volume import Grid, Volume

TURN = np.array(sitk.VersorTransform((0.2, 0.3, 0.93), 0.4).GetMatrix()).reshape(3, 3)
SPACING = np.array([3.1, 0.9, 1.2])  # z, y, x
SHAPE = (4, 5, 6)


def _grid() -> Grid:
    steps = (TURN @ (np.eye(3)[::-1] * SPACING[:, None]).T).T
    return Grid.from_steps(SHAPE, steps, np.array([-211.5, 37.25, 412.125]))


def _volume() -> Volume:
    values = np.random.default_rng(5).normal(0, 400, SHAPE).astype(np.float32)
    return Volume(values, _grid(), "HU")


def _itk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.array)
    image.SetOrigin(volume.grid.origin)
    image.SetSpacing(volume.grid.spacing[::-1])
    image.SetDirection(np.array(volume.grid.direction)[::-1].T.ravel())
    return image


def _nifti(
    path: Path,
    array: np.ndarray,
    affine: Float[np.ndarray, "4 4"] | None = None,
    *,
    qform: int = 1,
    sform: int = 1,
) -> Path:
    affine = np.diag([2.0, 3.0, 4.0, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(array, affine)
    image.set_qform(affine, code=qform)
    image.set_sform(affine, code=sform)
    image.to_filename(path)
    return path


def _values() -> np.ndarray:
    return np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_law_01_what_itk_writes_is_read_in_the_same_place(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ct{ending}"
    sitk.WriteImage(_itk(_volume()), str(path))
    read = read_image(path, "HU")
    assert read.unit == "HU"
    np.testing.assert_array_equal(read.array, _volume().array)
    assert read.grid.same_place(_grid(), 1e-4)


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
def test_law_01_what_is_written_is_read_by_itk_in_the_same_place(tmp_path: Path, name: str) -> None:
    write_nifti(_volume(), tmp_path / name)
    image = sitk.ReadImage(str(tmp_path / name))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), _volume().array)
    for index in [(0, 0, 0), (5, 4, 3), (5, 0, 2)]:
        theirs = image.TransformIndexToPhysicalPoint(index)
        ours = _grid().to_world(np.array([index[::-1]], dtype=float))[0]
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    back = read_image(tmp_path / name, "HU")
    np.testing.assert_array_equal(back.array, _volume().array)
    assert back.grid.same_place(_grid(), 1e-4)


def test_both_forms_are_scanner_coordinates_and_types_follow_the_unit(tmp_path: Path) -> None:
    labels = Volume(np.arange(120).reshape(SHAPE), _grid(), "label")
    write_nifti(labels, tmp_path / "labels.nii.gz")
    image = nibabel.load(tmp_path / "labels.nii.gz")
    assert image.get_data_dtype() == np.uint8
    assert (image.header["qform_code"], image.header["sform_code"]) == (1, 1)
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_array_equal(
        read_image(tmp_path / "labels.nii.gz", "label").array, labels.array
    )
    write_nifti(Volume(np.zeros(SHAPE), _grid(), "nat"), tmp_path / "entropy.nii.gz")
    assert nibabel.load(tmp_path / "entropy.nii.gz").get_data_dtype() == np.float32


def test_law_03_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    write_nifti(_volume(), tmp_path / "a.nii.gz")
    write_nifti(_volume(), tmp_path / "another name.nii.gz")
    first = (tmp_path / "a.nii.gz").read_bytes()
    assert first == (tmp_path / "another name.nii.gz").read_bytes()
    assert first[4:8] == bytes(4)  # gzip's time of writing


def test_labels_beyond_a_byte_are_a_fault_and_write_nothing(tmp_path: Path) -> None:
    big = Volume(np.full(SHAPE, 300), _grid(), "label")
    with pytest.raises(HnuisegError, match="labels from 300 to 300; allowed: labels from 0 to 255"):
        write_nifti(big, tmp_path / "labels.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_the_slope_of_the_header_is_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, -3.0)
    image.header["scl_slope"], image.header["scl_inter"] = 0.5, -3.0
    content = bytearray(image.to_bytes())
    content[112:120] = np.array([0.5, -3.0], dtype="<f4").tobytes()
    (tmp_path / "pet.nii").write_bytes(content)
    expected = np.arange(24).reshape(2, 3, 4).transpose(2, 1, 0) * 0.5 - 3.0
    read = read_image(tmp_path / "pet.nii", "g/ml")
    assert read.array.dtype == np.float32
    np.testing.assert_allclose(read.array, expected)


def test_nifti_positions_turn_from_ras_to_lps(tmp_path: Path) -> None:
    affine = np.array([[2.0, 0, 0, 10.0], [0, 3.0, 0, 20.0], [0, 0, 4.0, 30.0], [0, 0, 0, 1.0]])
    grid = read_image(_nifti(tmp_path / "a.nii", _values(), affine), "HU").grid
    assert grid.shape == (4, 3, 2)
    assert grid.spacing == (4.0, 3.0, 2.0)
    assert grid.origin == (-10.0, -20.0, 30.0)
    np.testing.assert_allclose(grid.direction, [[0, 0, 1], [0, -1, 0], [-1, 0, 0]])


def test_a_fourth_axis_of_one_is_dropped(tmp_path: Path) -> None:
    flat = read_image(_nifti(tmp_path / "a.nii", _values()), "HU")
    four = read_image(_nifti(tmp_path / "b.nii", _values()[..., None]), "HU")
    np.testing.assert_array_equal(flat.array, four.array)
    assert flat.grid == four.grid


@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 1), (2, 2)])
def test_one_form_is_enough(tmp_path: Path, qform: int, sform: int) -> None:
    path = _nifti(tmp_path / "a.nii", _values(), qform=qform, sform=sform)
    assert read_image(path, "HU").grid.spacing == (4.0, 3.0, 2.0)


def _refusal(path: Path, unit: files.Unit = "HU") -> str:
    with pytest.raises(InputRefused) as caught:
        read_image(path, unit)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path.parent) not in line
    return line


def test_law_02_a_nifti_without_orientation_is_refused(tmp_path: Path) -> None:
    path = _nifti(tmp_path / "ct.nii.gz", _values(), qform=0, sform=0)
    assert _refusal(path) == (
        "ct.nii.gz doesn't say where the image lies (sform and qform codes are 0); allowed: a "
        "NIfTI with orientation and position; what to do: convert it again from its source with "
        "a tool that keeps them"
    )


@pytest.mark.parametrize("field", ["space:", "space directions:", "space origin:"])
def test_law_02_an_nrrd_without_orientation_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "ct.nrrd"
    sitk.WriteImage(_itk(_volume()), str(path))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(field.encode())))
    assert _refusal(path).startswith(
        "ct.nrrd doesn't say where the image lies (no orientation or origin); allowed: an image"
    )


@pytest.mark.parametrize("field", ["TransformMatrix", "Offset"])
def test_law_02_a_metaimage_without_orientation_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "ct.mha"
    sitk.WriteImage(_itk(_volume()), str(path))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(field.encode())))
    assert _refusal(path).startswith("ct.mha doesn't say where the image lies")


def test_forms_that_name_two_places_are_refused(tmp_path: Path) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    image = nibabel.Nifti1Image(_values(), affine)
    image.set_sform(affine, code=1)
    affine[0, 3] = 7.5
    image.set_qform(affine, code=1)
    image.to_filename(tmp_path / "ct.nii")
    line = _refusal(tmp_path / "ct.nii")
    assert line.startswith("sform and qform of ct.nii place the image 7.5 mm apart; allowed: ")


def test_a_sheared_image_is_refused(tmp_path: Path) -> None:
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    affine[1, 2] = 1.0  # the second axis moves by 1 mm in every slice of 4 mm
    path = _nifti(tmp_path / "ct.nii", _values(), affine, qform=0)
    assert _refusal(path).startswith(
        "ct.nii is sheared: two of its axes are 14.0 degrees off a right angle; allowed: axes at"
    )


def test_metres_are_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(_values(), np.eye(4))
    image.header.set_xyzt_units("meter")
    image.set_sform(np.eye(4), code=1)
    image.to_filename(tmp_path / "ct.nii")
    assert _refusal(tmp_path / "ct.nii").startswith("ct.nii gives positions in metres; allowed: ")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_file_cut_short_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ct{ending}"
    sitk.WriteImage(_itk(_volume()), str(path))
    whole = path.read_bytes()
    for length in (len(whole) - 40, len(whole) // 2, 60, 3, 0):
        path.write_bytes(whole[:length])
        assert _refusal(path).startswith(f"ct{ending} is not an image, or is cut short; allowed: ")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_text_under_the_name_of_an_image_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ct{ending}"
    path.write_text("to whom it may concern\n" * 40)
    assert "is not an image, or is cut short" in _refusal(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    values = _values()
    values[1, 2, 3] = bad
    assert _refusal(_nifti(tmp_path / "ct.nii.gz", values)).startswith(
        "ct.nii.gz has 1 voxels that are NaN or infinite; allowed: finite values; what to do: "
    )


@pytest.mark.parametrize(
    ("shape", "came"),
    [
        ((5, 4), "a.nii has 2 axes of 5 x 4; allowed: one three-dimensional image"),
        ((5, 4, 1), "a.nii is one slice (5 x 4 x 1 voxels); allowed: at least two voxels along"),
        ((5, 4, 3, 2), "a.nii has 4 axes of 5 x 4 x 3 x 2; allowed: one three-dimensional"),
    ],
)
def test_other_than_one_volume_is_refused(
    tmp_path: Path, shape: tuple[int, ...], came: str
) -> None:
    path = _nifti(tmp_path / "a.nii", np.zeros(shape, dtype=np.float32))
    assert _refusal(path).startswith(came)


def test_one_slice_and_four_axes_of_other_formats_are_refused(tmp_path: Path) -> None:
    one = Grid.axial((1, 4, 5), (1.0, 1.0, 1.0))
    sitk.WriteImage(_itk(Volume(np.zeros(one.shape), one, "HU")), str(tmp_path / "a.mha"))
    assert _refusal(tmp_path / "a.mha").startswith("a.mha is one slice (5 x 4 x 1 voxels)")
    series = sitk.JoinSeries([_itk(_volume()), _itk(_volume())])
    sitk.WriteImage(series, str(tmp_path / "b.nrrd"))
    assert _refusal(tmp_path / "b.nrrd").startswith("b.nrrd has 4 axes of 6 x 5 x 4 x 2")


def test_colours_are_refused(tmp_path: Path) -> None:
    rgb = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert _refusal(_nifti(tmp_path / "a.nii", rgb)).startswith(
        "a.nii holds colours or complex numbers; allowed: one number a voxel"
    )
    image = sitk.Compose(*[_itk(_volume())] * 3)
    sitk.WriteImage(image, str(tmp_path / "b.mha"))
    assert _refusal(tmp_path / "b.mha").startswith("b.mha holds 3 values a voxel; allowed: one")


def test_what_is_no_label_map_is_refused_as_one(tmp_path: Path) -> None:
    path = _nifti(tmp_path / "a.nii", _values() - 0.5)
    assert _refusal(path, "label").startswith(
        "a.nii has values that are no labels (-0.5 to 22.5); allowed: whole numbers from 0 to 255"
    )


def test_missing_files_folders_and_unknown_endings_are_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "ct.nii").startswith("there is no file ct.nii; allowed: a .nii")
    folder = tmp_path / "study"
    folder.mkdir()
    assert "study is a folder" in _refusal(folder)
    (tmp_path / "ct.png").write_bytes(b"\x89PNG")
    assert "ct.png has no ending of a known image format" in _refusal(tmp_path / "ct.png")


def test_law_08_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    atomic_write(path, b"first")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed) as caught:
        atomic_write(path, b"second")
    assert str(caught.value) == (
        "a.bin can't be written (No space left on device); allowed: a folder with room that may "
        "be written to; what to do: free some space or name another folder"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert path.read_bytes() == b"first"


def test_law_08_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    atomic_write(path, b"first")

    def interrupted(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, b"second")
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert path.read_bytes() == b"first"


def test_a_write_replaces_whole_files_and_follows_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    atomic_write(path, b"a longer first content")
    atomic_write(path, b"second")
    assert path.read_bytes() == b"second"
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode


def test_writing_into_a_missing_folder_fails_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match=r"^map\.nii\.gz can't be written \(No such file"):
        write_nifti(_volume(), tmp_path / "nowhere" / "map.nii.gz")


def test_a_gzipped_file_ends_where_gzip_says(tmp_path: Path) -> None:
    write_nifti(_volume(), tmp_path / "a.nii.gz")
    whole = gzip.decompress((tmp_path / "a.nii.gz").read_bytes())
    assert len(whole) == 352 + 4 * np.prod(SHAPE)


@pytest.mark.parametrize("keep", [-4, -8])
def test_a_gzip_without_its_whole_checksum_is_refused(keep: int, tmp_path: Path) -> None:
    """All voxels are there, but nothing vouches for them."""
    path = tmp_path / "ct.nii.gz"
    write_nifti(_volume(), path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "is not an image, or is cut short" in _refusal(path)


def test_a_gzip_with_one_wrong_bit_is_refused(tmp_path: Path) -> None:
    """Stored without compression, a wrong bit decodes; only the checksum tells."""
    path = tmp_path / "ct.nii.gz"
    write_nifti(_volume(), path)
    content = bytearray(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=0))
    content[-100] ^= 1
    path.write_bytes(content)
    assert "is not an image, or is cut short" in _refusal(path)
