"""The pixels of a series: values after rescale on one grid."""

import logging
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Float, Shaped
from pydicom import config
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hnuiseg.dicom.attributes import UNREADABLE_FILE, named, number, text
from hnuiseg.dicom.bounded import read_data_set
from hnuiseg.dicom.codestream import check_pixels, decoded_pixels
from hnuiseg.dicom.geometry import series_geometry
from hnuiseg.dicom.reference import DicomReference, PatientStudy
from hnuiseg.dicom.scan import PixelPlace, SeriesHeaders
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Grid

_UNCOMPRESSED = {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
_EXACT = 2**23  # whole numbers below it, and 16 bits more, are exact in float32
_COPY = "copy or export the series again"

# Decoders log tracebacks of what is refused here in one line; without any handler Python
# would print them.
for _name in ("pydicom", "pylibjpeg", "openjpeg", "rle", "jpeg_ls"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no one truth value
class StoredSeries:
    """A series as it is stored: each slice's values after its own rescale."""

    array: Float[np.ndarray, "z y x"]  # float32; HU, Bq/ml or whatever the series stores
    grid: Grid
    headers: tuple[pydicom.Dataset, ...]  # in the order of the first axis
    reference: DicomReference
    notes: tuple[str, ...]


def read_series(
    series: SeriesHeaders, progress: Callable[[int, int], None] | None = None
) -> StoredSeries:
    """All slices of a series as stored value · slope + intercept, in slice order.

    Computed in float64, kept as float32: what ITK's values are as float32. `progress` is
    called with slices done and slices in all.

    Raises InputRefused for what `series_geometry` refuses, and for pixel data that are
    missing, cut short, not decodable or not finite.
    """
    geometry = series_geometry(series)
    frame_numbers = _frame_numbers(series, geometry.order)
    array = np.empty(geometry.grid.shape, dtype=np.float32)
    exact = np.empty(array.shape[1:])
    names = series.names
    for done, (index, stored) in enumerate(_planes(series, geometry.order)):
        _rescale(stored, series.headers[index], names[index], array[done], exact)
        if progress is not None:
            progress(done + 1, len(geometry.order))
    headers = tuple(series.headers[i] for i in geometry.order)
    reference = _reference(headers, frame_numbers)
    return StoredSeries(array, geometry.grid, headers, reference, geometry.notes)


def _planes(
    series: SeriesHeaders, order: tuple[int, ...]
) -> Iterator[tuple[int, Shaped[np.ndarray, "y x"]]]:
    """Index and stored values of every slice; a multi-frame file is decoded once."""
    whole: dict[Path, Shaped[np.ndarray, "frame y x"]] = {}
    places = series.places or (PixelPlace(),) * len(order)
    for index in order:
        path, header, place = series.paths[index], series.headers[index], places[index]
        if place.frame is None:
            plain = _plain(path, header, place)
            yield index, plain if plain is not None else _decoded(path, header)
            continue
        if path not in whole:
            decoded = _decoded(path, header)
            whole[path] = decoded if decoded.ndim > 2 else decoded[None]
        if place.frame >= len(whole[path]):
            raise InputRefused(
                f"{path.name} has pixels of {len(whole[path])} frames only",
                "pixels for every frame of the header",
                _COPY,
            )
        yield index, whole[path][place.frame]


def _rescale(
    stored: Shaped[np.ndarray, "..."],
    header: pydicom.Dataset,
    name: str,
    out: Float[np.ndarray, "y x"],
    exact: Float[np.ndarray, "y x"],
) -> None:
    """Values after rescale into `out`, by way of `exact` (float64), which serves every slice."""
    slope, intercept = _slope_intercept(header, name)
    if stored.shape != out.shape:
        raise InputRefused(
            f"{name} holds an image of shape {stored.shape}",
            f"one grey value a pixel, {out.shape[0]} × {out.shape[1]}",
            "export the series again",
        )
    whole = intercept.is_integer() and abs(intercept) < _EXACT
    if slope == 1 and whole and stored.dtype in (np.int16, np.uint16):
        np.add(stored, np.float32(intercept), out=out, dtype=np.float32, casting="unsafe")
        return
    with np.errstate(over="ignore", invalid="ignore"):
        np.multiply(stored, slope, out=exact)
        exact += intercept
        out[:] = exact
    if not np.isfinite(out).all():
        raise InputRefused(
            f"{name} has values that are not finite after rescale",
            "finite numbers",
            "export the series again",
        )


def _slope_intercept(header: pydicom.Dataset, name: str) -> tuple[float, float]:
    """Slope and intercept; MR images have none, CT and PET must (PS3.3 C.8.2.1, C.8.9.4)."""
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    if text(header, "Modality") == "MR":
        slope = 1.0 if slope is None else slope
        intercept = 0.0 if intercept is None else intercept
    for keyword, value in (("RescaleSlope", slope), ("RescaleIntercept", intercept)):
        if value is None:
            raise InputRefused(
                f"{name} has no {named(keyword)}",
                "rescale values in every slice of CT and PET",
                "export the series again",
            )
    assert slope is not None
    assert intercept is not None
    kind = text(header, "RescaleType")
    if text(header, "Modality") == "CT" and kind not in ("", "HU", "US"):  # US: not specified
        raise InputRefused(
            f"{name} has {named('RescaleType')} {kind!r}",
            "HU, or none given",
            "choose the CT in HU (no map of electron density, effective Z or iodine)",
        )
    if slope == 0:
        raise InputRefused(
            f"{name} has {named('RescaleSlope')} 0", "a slope other than 0", "export it again"
        )
    return slope, intercept


def _plain(
    path: Path, header: pydicom.Dataset, place: PixelPlace
) -> Shaped[np.ndarray, "y x"] | None:
    """Stored values of an uncompressed image of 16 bits, straight from where the scan saw them.

    Three times as fast as to have the whole file parsed again. None where anything is other
    than usual: then it is parsed, and refused if need be.
    """
    syntax = header.file_meta.get("TransferSyntaxUID")
    form = tuple(number(header, k) for k in ("BitsAllocated", "SamplesPerPixel"))
    signed = number(header, "PixelRepresentation")
    usual = form == (16, 1) and signed in (0, 1)
    if place.offset is None or not usual or syntax not in _UNCOMPRESSED:
        return None
    rows, columns = (int(number(header, k) or 0) for k in ("Rows", "Columns"))
    length = rows * columns * 2
    tag = b"\xe0\x7f\x10\x00"
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(place.offset)
            head = file.read(12 if syntax == ExplicitVRLittleEndian else 8)
            same = place.stamp == (status.st_size, status.st_mtime_ns)
            if not same or head[:4] != tag or int.from_bytes(head[-4:], "little") != length:
                return None
            pixels = file.read(length)
    except OSError:
        return None  # said by the one who tries again
    if len(pixels) != length:
        return None
    stored = np.frombuffer(pixels, dtype="<i2" if signed else "<u2").reshape(rows, columns)
    return _in_stored_bits(stored, header)


def _decoded(path: Path, header: pydicom.Dataset) -> Shaped[np.ndarray, "..."]:
    """Stored values of one file, signed or unsigned as Pixel Representation says."""
    try:
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overlong text and padding; lengths are checked here
            whole = read_data_set(path, force=True, strict=False)  # the scan knows that it is DICOM
            _complete(whole, path.name)
            check_pixels(whole, path.name)
            pixels = decoded_pixels(whole)
            changed = text(whole, "SOPInstanceUID") != text(header, "SOPInstanceUID")
    except (RuntimeError, *UNREADABLE_FILE) as error:
        raise InputRefused(
            f"the pixels of {path.name} can't be decoded, as {_syntax(header)}: "
            f"{_first_line(error)}",
            "whole files in an uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000 syntax",
            _COPY,
        ) from error
    if changed:
        raise InputRefused(
            f"{path.name} changed while it was read", "files that stay as they are", "try again"
        )
    return _in_stored_bits(pixels, header)


def _complete(whole: pydicom.Dataset, name: str) -> None:
    """Refuse an image without pixels, or with fewer than its header says."""
    if "PixelData" not in whole:  # compressed pixels that end early are gone altogether
        raise InputRefused(
            f"{name} has no pixel data, or is cut short",
            "images with the whole of Pixel Data (7FE0,0010)",
            _COPY,
        )
    if whole.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian).is_compressed:
        return  # the decoder knows
    bits = (number(whole, k) or 0 for k in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"))
    expected, found = int(math.prod(bits)) // 8, len(whole.PixelData)
    if found < expected:
        raise InputRefused(
            f"{name} is cut short: {found} of {expected} bytes of pixel data",
            "images with the whole of Pixel Data (7FE0,0010)",
            _COPY,
        )


def _in_stored_bits(
    pixels: Shaped[np.ndarray, "..."], header: pydicom.Dataset
) -> Shaped[np.ndarray, "..."]:
    """Without what old scanners keep above Bits Stored (overlays, padding), as GDCM does."""
    unused = pixels.dtype.itemsize * 8 - int(number(header, "BitsStored") or 0)
    if not 0 < unused < pixels.dtype.itemsize * 8 or pixels.dtype.kind not in "iu":
        return pixels
    return (pixels << unused) >> unused  # on signed values this spreads the sign bit


def _syntax(header: pydicom.Dataset) -> str:
    meta = getattr(header, "file_meta", None)
    uid = None if meta is None else meta.get("TransferSyntaxUID")
    return "an unnamed transfer syntax" if uid is None else str(uid.name)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160].rstrip(":") if lines else type(error).__name__


def _frame_numbers(series: SeriesHeaders, order: Sequence[int]) -> tuple[int, ...]:
    """From 1, slice by slice; () where each is an image of its own."""
    frames = [series.places[i].frame for i in order] if series.places else []
    numbers = tuple(frame + 1 for frame in frames if frame is not None)
    if numbers and len(numbers) < len(frames):
        raise InputRefused(
            f"{len(numbers)} frames of multi-frame images and {len(frames) - len(numbers)} other "
            "images in one series",
            "one kind of image in a series",
            _COPY,
        )
    return numbers


def _reference(
    headers: tuple[pydicom.Dataset, ...], frame_numbers: tuple[int, ...]
) -> DicomReference:
    first = headers[0]
    patient = PatientStudy(
        patient_name=text(first, "PatientName"),
        patient_id=text(first, "PatientID"),
        patient_birth_date=text(first, "PatientBirthDate"),
        patient_sex=text(first, "PatientSex"),
        study_instance_uid=text(first, "StudyInstanceUID"),
        study_date=text(first, "StudyDate"),
        study_time=text(first, "StudyTime"),
        study_id=text(first, "StudyID"),
        accession_number=text(first, "AccessionNumber"),
        referring_physician=text(first, "ReferringPhysicianName"),
    )
    positions = []
    for header in headers:
        x, y, z = (float(v) for v in header.ImagePositionPatient)
        positions.append((x, y, z))
    return DicomReference(
        patient=patient,
        series_instance_uid=text(first, "SeriesInstanceUID"),
        sop_class_uid=text(first, "SOPClassUID"),
        sop_instance_uids=tuple(text(h, "SOPInstanceUID") for h in headers),
        image_positions_mm=tuple(positions),
        frame_of_reference=text(first, "FrameOfReferenceUID"),
        position_reference_indicator=text(first, "PositionReferenceIndicator"),
        frame_numbers=frame_numbers,
    )
