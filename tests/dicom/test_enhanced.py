"""Multi-frame images give the same volume as the single slices, or are refused by name."""

import copy
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedPETImage
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedCTImageStorage,
    EnhancedPETImageStorage,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

from hnuiseg.dicom import (
    ENTROPY,
    Made,
    SeriesHeaders,
    Structure,
    binary_seg,
    fractional_seg,
    parametric_map,
    read_series,
    scan_folder,
    series_geometry,
    suv_factor,
)
from hnuiseg.errors import InputRefused
from pretend import CREATED, structures_file
from tiny_series import save, tiny_headers, values_of

_ORDER = (3, 0, 4, 1, 2)


def item(**attributes: object) -> pydicom.Dataset:
    made = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def enhanced(slices: list[FileDataset]) -> FileDataset:
    """Enhanced CT of single slices, by hand: every functional group that places a frame."""
    image = copy.deepcopy(slices[0])
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.NumberOfFrames = len(slices)
    image.PixelData = b"".join(s.PixelData for s in slices)
    spacing = item(PixelSpacing=slices[0].PixelSpacing)
    turned = item(ImageOrientationPatient=slices[0].ImageOrientationPatient)
    kind = item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    shared = item(
        PixelMeasuresSequence=Sequence([spacing]),
        PlaneOrientationSequence=Sequence([turned]),
        CTImageFrameTypeSequence=Sequence([kind]),
    )
    image.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for s in slices:
        place = item(ImagePositionPatient=s.ImagePositionPatient)
        scale = item(RescaleSlope=s.RescaleSlope, RescaleIntercept=s.RescaleIntercept)
        scale.RescaleType = "HU"
        groups = (Sequence([place]), Sequence([scale]))
        frames.append(
            item(PlanePositionSequence=groups[0], PixelValueTransformationSequence=groups[1])
        )
    image.PerFrameFunctionalGroupsSequence = Sequence(frames)
    for keyword in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
        *("RescaleSlope", "RescaleIntercept", "SliceThickness"),
    ):
        del image[keyword]
    return image


def only(folder: Path) -> SeriesHeaders:
    (series,) = scan_folder(folder).series
    return series


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless])
def test_enhanced_ct_is_the_volume_of_its_slices(syntax: str | None, tmp_path: Path) -> None:
    """Frames in any order, each with its own slope, of any compression."""
    slices = tiny_headers(plane=(36, 40))
    image = enhanced([slices[k] for k in _ORDER])
    if syntax is not None:
        image.compress(syntax, generate_instance_uid=False)
    single = read_series(only(save(slices, tmp_path / "single")))
    stored = read_series(only(save([image], tmp_path / "enhanced")))
    np.testing.assert_array_equal(stored.array, values_of(slices))
    assert stored.grid == single.grid
    assert stored.reference.image_positions_mm == single.reference.image_positions_mm
    assert set(stored.reference.sop_instance_uids) == {image.SOPInstanceUID}


def test_a_frame_goes_before_the_image_and_keeps_to_itself(tmp_path: Path) -> None:
    """Some systems leave the first slice's attributes at the top of the image."""
    slices = tiny_headers()
    image = enhanced(slices)
    for keyword in ("ImagePositionPatient", "RescaleSlope", "RescaleIntercept"):
        setattr(image, keyword, slices[0][keyword].value)
    stored = read_series(only(save([image], tmp_path / "enhanced")))
    np.testing.assert_array_equal(stored.array, values_of(slices))
    assert stored.grid == series_geometry(only(save(slices, tmp_path / "single"))).grid


def test_frames_and_single_images_are_no_series(tmp_path: Path) -> None:
    """What is drawn on it could not name them alike."""
    series = only(save(tiny_headers(), tmp_path))
    mixed = replace(series, places=(replace(series.places[0], frame=0), *series.places[1:]))
    with pytest.raises(InputRefused, match="1 frames of multi-frame images and 4 other images"):
        read_series(mixed)


def test_what_is_drawn_on_a_frame_names_it(tmp_path: Path) -> None:
    """RTSTRUCT, SEG and map: the frame that a reference names lies where contour or frame does."""
    slices = tiny_headers(plane=(36, 40))
    image = enhanced([slices[k] for k in _ORDER])
    stored = read_series(only(save([image], tmp_path / "enhanced")))
    grid, reference = stored.grid, stored.reference
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1:4, 5:9, 7:12] = True
    drawing, made = [Structure("GTVp", 1, mask, (255, 0, 0))], Made(CREATED, "a", "b", "c")
    share = mask.astype(np.float32)
    places = [
        group.PlanePositionSequence[0].ImagePositionPatient
        for group in image.PerFrameFunctionalGroupsSequence
    ]
    found = []
    for made_of in (
        binary_seg(drawing, grid, reference, made),
        fractional_seg({"GTVp": share}, {"GTVp": (255, 0, 0)}, grid, reference, made),
        parametric_map(share, ENTROPY, grid, reference, made),
    ):
        for frame in made_of.PerFrameFunctionalGroupsSequence:
            (source,) = frame.DerivationImageSequence[0].SourceImageSequence
            found.append((source, frame.PlanePositionSequence[0].ImagePositionPatient))
        (listed,) = made_of.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        assert listed.ReferencedSOPInstanceUID == image.SOPInstanceUID
    contours = pydicom.dcmread(BytesIO(structures_file(grid, reference, *drawing)))
    for contour in contours.ROIContourSequence[0].ContourSequence:
        (source,) = contour.ContourImageSequence
        found.append((source, [*places[0][:2], contour.ContourData[2]]))
    assert len(found) == 3 + 3 + 5 + 3
    for source, position in found:
        assert source.ReferencedSOPClassUID == EnhancedCTImageStorage
        assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
        np.testing.assert_allclose(
            np.array(places[source.ReferencedFrameNumber - 1], dtype=float),
            np.array(position, dtype=float),
            atol=1e-3,
        )


@pytest.mark.parametrize("modality", ["CT", "PT"])
def test_what_highdicom_converts_is_read_as_the_slices_it_was_made_of(
    modality: str, tmp_path: Path
) -> None:
    slices = tiny_headers(modality)
    for k, slice_ in enumerate(slices):
        slice_.Manufacturer, slice_.StudyID, slice_.AccessionNumber = "Maker", "1", ""
        slice_.PatientBirthDate, slice_.PatientSex = "19600101", "M"
        slice_.StudyDate, slice_.StudyTime = "20260105", "105900"
        slice_.ReferringPhysicianName, slice_.AcquisitionNumber = "", 1
        slice_.ContentDate, slice_.ContentTime = "20260105", "110000"
        slice_.AcquisitionDate, slice_.AcquisitionTime = "20260105", f"1100{k:02d}"
        slice_.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
        slice_.RescaleSlope, slice_.RescaleType = 1.5, "HU" if modality == "CT" else "US"
        slice_.SeriesNumber = 1
        slice_.VolumetricProperties = "VOLUME"
    made = LegacyConvertedEnhancedCTImage if modality == "CT" else LegacyConvertedEnhancedPETImage
    image = made(
        [slices[k] for k in _ORDER],
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )
    single = read_series(only(save(slices, tmp_path / "single")))
    (tmp_path / "made").mkdir()
    image.save_as(tmp_path / "made" / "all.dcm", enforce_file_format=True)
    stored = read_series(only(tmp_path / "made"))
    np.testing.assert_array_equal(stored.array, single.array)
    assert stored.grid == single.grid
    if modality == "PT":
        assert suv_factor(stored.headers) == suv_factor(single.headers)


def drop_a_frame(image: FileDataset) -> None:
    del image.PerFrameFunctionalGroupsSequence[2]


def drop_a_position(image: FileDataset) -> None:
    del image.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence


def make_pet(image: FileDataset) -> None:
    image.SOPClassUID = EnhancedPETImageStorage


def concatenate(image: FileDataset) -> None:
    image.InConcatenationTotalNumber = 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop_a_frame, "of 5 frames in Number of Frames (0028,0008), but 4 in Per-Frame"),
        (drop_a_position, "frames that have no Image Position (Patient) (0020,0032)"),
        (make_pet, "Enhanced PET Image Storage, which isn't read"),
        (concatenate, "a part of a concatenation, which isn't read"),
    ],
)
def test_what_is_not_whole_or_not_known_is_refused_by_name(
    change: Callable[[FileDataset], None], said: str, tmp_path: Path
) -> None:
    image = enhanced(tiny_headers())
    change(image)
    series = only(save([image], tmp_path))
    assert series.excluded_because is not None
    assert said in series.excluded_because
    with pytest.raises(InputRefused):
        series_geometry(series)


def test_frames_without_a_slice_are_refused_by_the_names_of_frames(tmp_path: Path) -> None:
    slices = tiny_headers()
    series = only(save([enhanced([slices[k] for k in (0, 1, 3, 4)])], tmp_path))
    with pytest.raises(InputRefused, match=r"frame 2 of 0\.dcm and frame 3 of 0\.dcm"):
        series_geometry(series)


def test_two_phases_in_one_file_are_refused(tmp_path: Path) -> None:
    series = only(save([enhanced([*tiny_headers(), *tiny_headers()])], tmp_path))
    with pytest.raises(InputRefused, match="share positions"):
        series_geometry(series)


def test_pixels_of_fewer_frames_than_the_header_says_are_refused(tmp_path: Path) -> None:
    image = enhanced(tiny_headers())
    image.PixelData = image.PixelData[: -2 * 42]
    with pytest.raises(InputRefused, match=r"cut short|can't be decoded|frames only"):
        read_series(only(save([image], tmp_path)))
