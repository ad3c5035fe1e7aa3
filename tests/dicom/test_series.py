"""Pixels of a series: every syntax gives the same values; what isn't whole is refused."""

import contextlib
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from hnuiseg.dicom import read_series, scan_folder
from hnuiseg.errors import InputRefused
from needs import program
from tiny_series import Change, save, tiny_headers, values_of

_PLANE = (36, 40)  # JPEG 2000 encodes nothing much smaller


def read(slices: list[FileDataset], folder: Path) -> np.ndarray:
    (series,) = scan_folder(save(slices, folder)).series
    return read_series(series).array


def refusal(folder: Path) -> str:
    (series,) = scan_folder(folder).series
    with pytest.raises(InputRefused) as refused:
        read_series(series)
    message = str(refused.value)
    assert "\n" not in message
    assert "SECRET" not in message
    assert str(folder) not in message
    return message


def test_slices_come_in_the_order_of_space_with_their_headers(tmp_path: Path) -> None:
    slices = tiny_headers("PT", descending=True)
    shuffled = [slices[k] for k in (3, 0, 4, 1, 2)]
    (series,) = scan_folder(save(shuffled, tmp_path)).series
    stored = read_series(series)
    np.testing.assert_array_equal(stored.array, values_of(slices))
    assert stored.array.dtype == np.float32
    uids = tuple(str(s.SOPInstanceUID) for s in slices)
    assert tuple(str(h.SOPInstanceUID) for h in stored.headers) == uids
    reference = stored.reference
    assert reference.sop_instance_uids == uids
    assert reference.image_positions_mm == tuple(tuple(s.ImagePositionPatient) for s in slices)
    assert reference.series_instance_uid == series.uid
    assert reference.sop_class_uid == series.sop_class_uid
    assert reference.frame_of_reference == series.frame_of_reference
    assert reference.patient.patient_name == "Secret^Name"
    assert reference.patient.study_instance_uid == series.study_uid


def test_progress_counts_slices(tmp_path: Path) -> None:
    (series,) = scan_folder(save(tiny_headers(), tmp_path)).series
    steps: list[tuple[int, int]] = []
    read_series(series, lambda done, total: steps.append((done, total)))
    assert steps == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_pixels_are_the_same_values(syntax: UID, tmp_path: Path) -> None:
    """JPEG-LS and JPEG 2000 know no sign: the header's Pixel Representation must count."""

    def unsigned(slice_: FileDataset, _: int) -> None:
        stored = np.frombuffer(slice_.PixelData, dtype="<i2") + 97
        slice_.PixelData = stored.astype("<i2").tobytes()
        slice_.PixelRepresentation = 0

    change: Change | None = unsigned if syntax == JPEGLSLossless else None
    slices = tiny_headers(plane=_PLANE, change=change)
    expected = values_of(slices)
    for slice_ in slices:
        slice_.compress(syntax, generate_instance_uid=False)
    np.testing.assert_array_equal(read(slices, tmp_path), expected)


@pytest.mark.parametrize(
    ("encoder", "syntax"),
    [
        (("dcmcjpeg", "+e1"), JPEGLosslessSV1),  # what hospitals send most
        (("dcmcjpeg", "+el"), JPEGLossless),
        (("dcmcjpls", "+el"), JPEGLSLossless),
        (("dcmcrle",), RLELossless),
    ],
)
def test_what_dcmtk_compresses_is_the_same_values(
    encoder: tuple[str, ...], syntax: UID, tmp_path: Path
) -> None:
    """Signed values, as CT has them."""
    slices = tiny_headers(plane=_PLANE, change=setting("PatientID", "A", of=range(5)))
    expected = values_of(slices)
    save(slices, tmp_path / "plain")
    (tmp_path / "jpeg").mkdir()
    for path in (tmp_path / "plain").iterdir():
        out = tmp_path / "jpeg" / path.name
        subprocess.run([program(encoder[0]), *encoder[1:], str(path), str(out)], check=True)
    (series,) = scan_folder(tmp_path / "jpeg").series
    assert series.headers[0].file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(read_series(series).array, expected)


def test_unsigned_values_beyond_32767_stay_positive(tmp_path: Path) -> None:
    def change(slice_: FileDataset, _: int) -> None:
        slice_.PixelRepresentation = 0
        slice_.PixelData = np.full(42, 65000, dtype="<u2").tobytes()
        slice_.RescaleSlope, slice_.RescaleIntercept = 1, -1024

    assert (read(tiny_headers(change=change), tmp_path) == 63976).all()


def test_bits_above_bits_stored_are_not_part_of_the_value(tmp_path: Path) -> None:
    """Twelve bits stored, signed: 0xF801 and 0x0801 are both −2047."""

    def change(slice_: FileDataset, z: int) -> None:
        slice_.BitsStored, slice_.HighBit = 12, 11
        value = 0xF801 if z % 2 else 0x0801
        slice_.PixelData = np.full(42, value, dtype="<u2").tobytes()
        slice_.RescaleSlope, slice_.RescaleIntercept = 1, 0

    assert (read(tiny_headers(change=change), tmp_path) == -2047).all()


def cut_pixels(slice_: FileDataset, z: int) -> None:
    if z == 2:
        slice_.PixelData = slice_.PixelData[:-2]


def no_pixels(slice_: FileDataset, z: int) -> None:
    if z == 2:
        del slice_.PixelData


def setting(keyword: str, value: object, of: Sequence[int] = (2,)) -> Change:
    def change(slice_: FileDataset, z: int) -> None:
        if z in of:
            setattr(slice_, keyword, value)

    return change


def deleting(keyword: str) -> Change:
    def change(slice_: FileDataset, z: int) -> None:
        if z == 2:
            delattr(slice_, keyword)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut_pixels, "2.dcm is cut short: 82 of 84 bytes of pixel data"),
        (no_pixels, "2.dcm has no pixel data, or is cut short"),
        (deleting("RescaleSlope"), "2.dcm has no Rescale Slope (0028,1053)"),
        (deleting("RescaleIntercept"), "2.dcm has no Rescale Intercept (0028,1052)"),
        (setting("RescaleSlope", 0), "2.dcm has Rescale Slope (0028,1053) 0"),
        (setting("RescaleSlope", "1e38"), "2.dcm has values that are not finite after rescale"),
        (deleting("BitsAllocated"), "the pixels of 2.dcm can't be decoded"),
        (setting("SamplesPerPixel", 3), "2.dcm is cut short: 84 of 252 bytes"),
    ],
)
def test_what_is_not_whole_is_refused(change: Change, said: str, tmp_path: Path) -> None:
    assert said in refusal(save(tiny_headers(change=change), tmp_path))


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_rescale_that_is_no_number_is_refused(value: str, tmp_path: Path) -> None:
    save(tiny_headers(change=setting("RescaleSlope", 123456)), tmp_path)
    path = tmp_path / "2.dcm"
    damaged = path.read_bytes().replace(b"123456", value.encode().ljust(6))
    path.write_bytes(damaged)
    assert "Rescale Slope (0028,1053)" in refusal(tmp_path)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_a_truncated_file_is_refused_by_name(syntax: UID | None, tmp_path: Path) -> None:
    slices = tiny_headers(plane=_PLANE, change=setting("PixelRepresentation", 0, of=range(5)))
    if syntax is not None:
        for slice_ in slices:
            slice_.compress(syntax, generate_instance_uid=False)
    save(slices, tmp_path)
    truncated(tmp_path / "4.dcm")
    assert "4.dcm " in refusal(tmp_path)
    assert "cut short" in refusal(tmp_path)


def test_an_unknown_syntax_is_refused_by_name(tmp_path: Path) -> None:
    folder = save(tiny_headers(), tmp_path)
    for path in folder.iterdir():
        slice_ = pydicom.dcmread(path)
        slice_.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")  # MPEG2
        slice_.PixelData = pydicom.encaps.encapsulate([slice_.PixelData])
        slice_["PixelData"].is_undefined_length = True
        slice_.save_as(path)
    message = refusal(tmp_path)
    assert "the pixels of 0.dcm can't be decoded, as MPEG2" in message


@pytest.mark.parametrize(
    "harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"overwritten")]
)
def test_a_file_that_goes_away_meanwhile_is_refused(
    harm: Callable[[Path], object], tmp_path: Path
) -> None:
    (series,) = scan_folder(save(tiny_headers(), tmp_path)).series
    harm(tmp_path / "1.dcm")
    with pytest.raises(InputRefused, match=r"1\.dcm"):
        read_series(series)


def test_damaged_headers_are_left_out_or_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    """Bytes changed, lost and put in, anywhere: no other error, and no warning."""
    rng = np.random.default_rng(0)
    folder = save(tiny_headers(count=3), tmp_path)
    whole = (folder / "1.dcm").read_bytes()
    for _ in range(60):
        harmed = bytearray(whole)
        for _ in range(3):
            at = int(rng.integers(132, len(harmed)))
            length, instead = rng.integers(0, 5, size=2)
            harmed[at : at + length] = rng.bytes(int(instead))
        (folder / "1.dcm").write_bytes(harmed)
        for series in scan_folder(folder).series:
            with contextlib.suppress(InputRefused):
                assert np.isfinite(read_series(series).array).all()
