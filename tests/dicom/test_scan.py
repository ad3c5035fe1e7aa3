"""What a folder holds: examples small enough to check by hand."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from hnuiseg.dicom import Unread, Why, read_series, scan_folder
from hnuiseg.errors import InputRefused
from tiny_series import save, tiny_headers


def test_a_ct_and_a_pet_under_any_names_in_any_depth_are_found(tmp_path: Path) -> None:
    save(tiny_headers("CT"), tmp_path / "a" / "b", ["x", "y.txt", "z.dcm", "1", "2"])
    save(tiny_headers("PT"), tmp_path / "a", ["IM1", "IM2", "IM3", "IM4", "IM5"])
    scan = scan_folder(tmp_path)
    assert {(s.modality, len(s.headers)) for s in scan.series} == {("CT", 5), ("PT", 5)}
    assert all(s.is_image and s.excluded_because is None for s in scan.series)
    assert scan.unread == ()
    assert not any("PixelData" in h for s in scan.series for h in s.headers)


def test_properties_are_the_headers(tmp_path: Path) -> None:
    slices = tiny_headers("PT")
    slices[0].SeriesDescription = "neck"
    (series,) = scan_folder(save(slices, tmp_path)).series
    first = slices[0]
    assert series.uid == first.SeriesInstanceUID
    assert series.study_uid == first.StudyInstanceUID
    assert series.frame_of_reference == first.FrameOfReferenceUID
    assert series.sop_class_uid == first.SOPClassUID
    assert series.description == "neck"
    assert series.corrected_image == ("ATTN", "DECY", "SCAT")
    assert [p.name for p in series.paths] == [f"{k}.dcm" for k in range(5)]


def test_what_is_no_dicom_is_named_with_the_reason(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path)
    (tmp_path / "notes.txt").write_text("thyroid removed in 2019, no contrast medium")
    (tmp_path / "nothing.dcm").touch()
    whole = (tmp_path / "0.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:400])
    scan = scan_folder(tmp_path)
    assert scan.unread[1:] == (
        Unread("notes.txt", Why.NOT_DICOM, "not DICOM"),
        Unread("nothing.dcm", Why.DAMAGED, "an empty file"),
    )
    assert scan.unread[0].name == "cut.dcm"
    assert "header" in scan.unread[0].reason


def test_a_dicomdir_is_passed_over(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    index = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    index.FileSetID = "A"
    index.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    scan = scan_folder(tmp_path)
    assert [len(s.headers) for s in scan.series] == [5]
    assert scan.unread == ()


def test_a_data_set_without_preamble_is_read(tmp_path: Path) -> None:
    for k, slice_ in enumerate(tiny_headers()):
        bare = pydicom.Dataset(slice_)
        bare.save_as(tmp_path / str(k), implicit_vr=True, little_endian=True)
    (series,) = scan_folder(tmp_path).series
    assert len(series.headers) == 5


def test_one_file_is_a_series_of_one(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path)
    (series,) = scan_folder(tmp_path / "3.dcm").series
    assert [p.name for p in series.paths] == ["3.dcm"]


def test_a_second_copy_of_an_image_is_read_once_and_said(tmp_path: Path) -> None:
    slices = tiny_headers()
    save([*slices, slices[2]], tmp_path)
    scan = scan_folder(tmp_path)
    assert [len(s.headers) for s in scan.series] == [5]
    assert scan.unread == (Unread("5.dcm", Why.COPY, "a second copy of the image in 2.dcm"),)


def test_two_images_under_one_uid_are_both_kept_for_the_series_to_be_refused(
    tmp_path: Path,
) -> None:
    slices = tiny_headers()
    slices[3].SOPInstanceUID = slices[2].SOPInstanceUID
    (series,) = scan_folder(save(slices, tmp_path)).series
    assert len(series.headers) == 5


def test_a_copy_with_other_pixels_is_no_copy(tmp_path: Path) -> None:
    """Headers alone say that the two are one image; which to believe isn't ours to choose."""
    slices = tiny_headers()
    save(slices, tmp_path / "a")
    slices[2].PixelData = bytes(len(slices[2].PixelData))
    save(slices[2:3], tmp_path / "b")
    scan = scan_folder(tmp_path)
    assert [len(s.headers) for s in scan.series] == [6]
    with pytest.raises(InputRefused, match="different slices share one"):
        read_series(scan.series[0])


def test_a_copy_cut_short_is_no_copy(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path / "b")
    (tmp_path / "a").write_bytes((tmp_path / "b" / "2.dcm").read_bytes()[:-20])
    assert [len(s.headers) for s in scan_folder(tmp_path).series] == [6]


def test_a_copy_whose_preamble_differs_is_a_copy(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path)
    whole = (tmp_path / "2.dcm").read_bytes()
    (tmp_path / "other.dcm").write_bytes(b"P" * 128 + whole[128:])
    scan = scan_folder(tmp_path)
    assert [len(s.headers) for s in scan.series] == [5]
    assert scan.unread == (Unread("other.dcm", Why.COPY, "a second copy of the image in 2.dcm"),)


def test_linked_folders_are_walked_once_and_broken_links_are_said(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path / "elsewhere")
    study = tmp_path / "study"
    study.mkdir()
    (study / "ct").symlink_to(tmp_path / "elsewhere")
    (study / "again").symlink_to(study)
    (study / "lost.dcm").symlink_to(tmp_path / "gone.dcm")
    scan = scan_folder(study)
    assert [len(s.headers) for s in scan.series] == [5]
    assert scan.unread == (Unread("lost.dcm", Why.CLOSED, "a link to nothing"),)


def test_a_folder_below_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passed over, it might hide the PET. The refusal is made up: a superuser reads anything."""
    save(tiny_headers(), tmp_path / "ct")
    (tmp_path / "pet").mkdir()
    real = os.scandir

    def locked(folder: str) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name == "pet":
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(InputRefused, match="folder 'pet' may not be read") as refusal:
        scan_folder(tmp_path)
    assert str(tmp_path) not in str(refusal.value)


def test_two_series_of_one_study_stay_apart(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path / "1")
    save(tiny_headers(count=3), tmp_path / "2")
    assert sorted(len(s.headers) for s in scan_folder(tmp_path).series) == [3, 5]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (("ORIGINAL", "PRIMARY", "LOCALIZER"), "a localizer"),
        (("DERIVED", "SECONDARY", "MIP"), "a projection or rendering, not slices"),
        (("DERIVED", "SECONDARY"), "derived images beside the originals of their series"),
    ],
)
def test_what_rides_along_in_a_series_is_split_off(
    values: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    def change(slice_: FileDataset, z: int) -> None:
        if z == 0:
            slice_.ImageType = list(values)

    scan = scan_folder(save(tiny_headers(count=6, change=change), tmp_path))
    assert [(len(s.headers), s.excluded_because) for s in scan.series] == [(5, None), (1, why)]
    assert len({s.uid for s in scan.series}) == 1


def test_another_shape_under_another_image_type_is_split_off(tmp_path: Path) -> None:
    def change(slice_: FileDataset, z: int) -> None:
        if z == 5:
            slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "PLAN"]
            slice_.Rows, slice_.Columns = 7, 6

    scan = scan_folder(save(tiny_headers(count=6, change=change), tmp_path))
    assert [len(s.headers) for s in scan.series] == [5, 1]
    assert scan.series[0].excluded_because is None
    assert "other shape or orientation" in (scan.series[1].excluded_because or "")


def test_image_type_alone_parts_nothing(tmp_path: Path) -> None:
    def change(slice_: FileDataset, z: int) -> None:
        if z % 2:
            slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "ADD"]

    (series,) = scan_folder(save(tiny_headers(change=change), tmp_path)).series
    assert len(series.headers) == 5


def test_a_series_of_derived_images_alone_is_a_stack(tmp_path: Path) -> None:
    def change(slice_: FileDataset, _: int) -> None:
        slice_.ImageType = ["DERIVED", "SECONDARY"]

    (series,) = scan_folder(save(tiny_headers(change=change), tmp_path)).series
    assert series.excluded_because is None


def test_enhanced_and_other_objects_are_excluded_by_name(tmp_path: Path) -> None:
    enhanced, capture = tiny_headers(count=1), tiny_headers(count=1)
    enhanced[0].SOPClassUID = EnhancedCTImageStorage
    enhanced[0].NumberOfFrames = 5
    capture[0].SOPClassUID = SecondaryCaptureImageStorage
    save(enhanced, tmp_path / "1")
    save(capture, tmp_path / "2")
    found = {
        s.sop_class_uid: (s.is_image, s.excluded_because) for s in scan_folder(tmp_path).series
    }
    assert found[EnhancedCTImageStorage] == (
        True,
        "a multi-frame image of 5 frames in Number of Frames (0028,0008), but 0 in Per-Frame "
        "Functional Groups Sequence (5200,9230)",
    )
    assert found[SecondaryCaptureImageStorage] == (
        False,
        "no CT, PET or MR image but Secondary Capture Image Storage",
    )


def test_progress_runs_over_all_files(tmp_path: Path) -> None:
    save(tiny_headers(), tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    steps: list[tuple[int, int]] = []
    scan_folder(tmp_path, lambda done, total: steps.append((done, total)))
    assert steps == [(k, 6) for k in range(1, 7)]


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    scan = scan_folder(tmp_path)
    assert (scan.series, scan.unread) == ((), ())


def test_a_missing_folder_is_refused_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no folder or file 'gone'") as refusal:
        scan_folder(tmp_path / "gone")
    assert str(tmp_path) not in str(refusal.value)


def test_overlong_and_unreadable_values_neither_warn_nor_stop(tmp_path: Path) -> None:
    """Warnings are errors here; Code Value may hold 16 characters, files hold more."""
    slices = tiny_headers()
    for slice_ in slices:
        slice_.StudyID = "0123456789"
    save(slices, tmp_path)
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"DS\x04\x0099.0", b"DS\x04\x00oops"))
    (series,) = scan_folder(tmp_path).series
    assert len(series.headers) == 5
