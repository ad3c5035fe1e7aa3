"""What compressed pixels say of their own size, before a decoder believes it.

Decoders take memory for the size that the codestream states, whatever the header says, and
run-length codes make 64 bytes of one. Both are held to the header first.
Sources: ISO/IEC 10918-1 B.2 (JPEG; JPEG-LS alike), 15444-1 A.5.1 (JPEG 2000), DICOM PS3.5 A.4.
"""

import struct
from collections.abc import Iterator

import numpy as np
import pydicom
from jaxtyping import Shaped
from pydicom.encaps import generate_fragments, generate_frames
from pydicom.uid import (
    HTJ2K,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from hnuiseg.dicom.attributes import number
from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_PIXEL_BYTES, MOST_PIXELS, MOST_RUN_PIXELS

_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}  # SOF; not DHT, DAC
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST, SOI
_SLACK_BYTES = 1 << 16  # of a codestream beyond its pixels: headers of small images
_CHECKED = (  # others aren't decoded at all
    *JPEGTransferSyntaxes,
    *JPEGLSTransferSyntaxes,
    *JPEG2000TransferSyntaxes,
    HTJ2K,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    RLELossless,
)
_ALLOWED = "pixels of the size that the header gives"
_REMEDY = "copy or export the series again"


def check_pixels(whole: pydicom.Dataset, name: str) -> None:
    """InputRefused for pixels that would take more memory than the header's size is good for.

    Compressed frames must state the header's rows and columns themselves.
    """
    rows, columns, samples, bits = (
        int(number(whole, k) or 0) for k in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    frames = max(1, int(number(whole, "NumberOfFrames") or 1))
    if min(rows, columns) < 0 or rows * columns > MOST_PIXELS or samples > 4 or bits > 64:
        raise InputRefused(
            f"{name} claims {rows} x {columns} pixels of {samples} x {bits} bits",
            f"up to {MOST_PIXELS} pixels of up to 4 x 64 bits",
            _REMEDY,
        )
    size = rows * columns * samples * max(1, bits // 8)
    if frames * size > MOST_PIXEL_BYTES:
        raise InputRefused(
            f"{name} claims {frames} frames of {rows} x {columns}",
            f"up to {MOST_PIXEL_BYTES} bytes",
            _REMEDY,
        )
    syntax = whole.file_meta.get("TransferSyntaxUID")
    if syntax not in _CHECKED:
        return
    if syntax == RLELossless and rows * columns > MOST_RUN_PIXELS:
        raise InputRefused(
            f"{name} claims {rows} x {columns} pixels in run lengths",
            f"up to {MOST_RUN_PIXELS} pixels where they are run lengths",
            _REMEDY,
        )
    most = (1.1 if syntax == RLELossless else 2) * size + _SLACK_BYTES
    for frame in _frames(whole, frames, name):
        stated = (rows, columns) if syntax == RLELossless else stated_size(frame)
        if len(frame) > most or stated != (rows, columns):
            said = "unknown size" if stated is None else f"{stated[0]} x {stated[1]} pixels"
            raise InputRefused(
                f"{name} holds {len(frame)} compressed bytes of {said} for an image of "
                f"{rows} x {columns}",
                _ALLOWED,
                _REMEDY,
            )


def decoded_pixels(whole: pydicom.Dataset) -> Shaped[np.ndarray, "..."]:
    """pydicom's `pixel_array`; RuntimeError, too, where a decoder written in Rust gives up.

    Its panic is a BaseException, which no one who expects errors catches.
    """
    try:
        return whole.pixel_array
    except Exception:
        raise
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        raise RuntimeError(f"the decoder gave up ({panic})") from None


def stated_size(codestream: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 codestream; None where it has none."""
    try:
        if codestream[:2] == b"\xff\xd8":
            return _jpeg(codestream)
        if codestream[4:8] == b"jP  ":
            codestream = _boxed(codestream)
        if codestream[:4] == b"\xff\x4f\xff\x51":
            right, bottom, left, top = struct.unpack_from(">LLLL", codestream, 8)
            return bottom - top, right - left
    except struct.error:
        pass
    return None


def _jpeg(stream: bytes) -> tuple[int, int] | None:
    at = 2
    while at < len(stream):
        if stream[at] != 0xFF:
            return None
        while at + 1 < len(stream) and stream[at + 1] == 0xFF:
            at += 1
        marker = stream[at + 1] if at + 1 < len(stream) else 0xD9
        if marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">HH", stream, at + 5)
            return rows, columns
        if marker in (0xD9, 0xDA):  # the end, or a scan before any frame
            return None
        at += 2
        if marker not in _WITHOUT_LENGTH:
            at += max(2, struct.unpack_from(">H", stream, at)[0])
    return None


def _boxed(file: bytes) -> bytes:
    """The codestream in a JP2 file, which some systems store as they got it."""
    at = 0
    while at < len(file):
        length, kind = struct.unpack_from(">L4s", file, at)
        start = at + 8
        if length == 1:
            length, start = struct.unpack_from(">Q", file, start)[0], start + 8
        if kind == b"jp2c":
            return file[start:]
        if length < 8:
            break
        at += length
    return b""


def _frames(whole: pydicom.Dataset, count: int, name: str) -> Iterator[bytes]:
    if count == 1:  # whatever its fragments and offsets
        fragments = generate_fragments(whole.PixelData)
        next(fragments, None)  # offsets
        yield b"".join(fragments)
        return
    found = 0
    for frame in generate_frames(whole.PixelData, number_of_frames=count):
        found += 1
        yield frame
    if found != count:
        raise InputRefused(f"{name} holds {found} of {count} frames", _ALLOWED, _REMEDY)
