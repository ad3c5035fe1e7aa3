"""DICOM data sets read within bounds: what pydicom would choke on is refused before it starts.

pydicom reads whatever a file claims: a length of four gigabytes is allocated, a deflated data
set unpacked to its end, sequences within sequences followed until Python's stack is full, and
eight bytes make an item of a kilobyte. So the bytes are walked first, as pydicom would walk
them, and nothing is built. Limits are those of `hnuiseg.limits`.
"""

import functools
import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NoReturn

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hnuiseg.errors import InputRefused
from hnuiseg.limits import (
    MOST_CONTOUR_BYTES,
    MOST_DEPTH,
    MOST_ELEMENTS,
    MOST_FILE_BYTES,
    MOST_HEADER_BYTES,
    MOST_INFLATED_BYTES,
    MOST_ITEMS,
    MOST_VALUES,
)

_SHORT_BYTES = 1 << 18  # a header up to here is read without a walk: its harm is bounded by it
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_CONTOUR_DATA = 0x30060050
_LONG_UN = 0xFFFF  # bytes from which pydicom leaves a known element of VR UN as it is
_LEAST_BYTES = {  # a number, by VR; text is divided by backslashes
    **{"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8},
    **{"US or SS": 2},
}
_LONG = frozenset(  # VRs with a length of four bytes, PS3.5 7.1.2
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_ALLOWED = "a data set as DICOM writes it, within the limits for one file"
_EXPORT = "export it again, or leave it out"


def read_data_set(path: Path, *, force: bool = False, strict: bool = True) -> pydicom.Dataset:
    """A whole file as pydicom reads it, pixels still encoded.

    Nothing after the pixels is read: nothing there is asked for. InputRefused beyond a limit
    and, where `strict`, for a structure that is damaged or cut short before the pixels: pydicom
    would read on without what is lost. Where not, a damaged header may still be a short one.
    Else raises what pydicom raises on damaged files, and OSError.
    """
    with path.open("rb") as file:
        content = file.read(MOST_FILE_BYTES + 1)
    if len(content) > MOST_FILE_BYTES:
        _refuse(f"more than {MOST_FILE_BYTES} bytes", path.name)
    content, _ = _inflated(content, MOST_INFLATED_BYTES, path.name)
    if force or content[128:132] == b"DICM":  # else pydicom says that it is none
        walk, fault = _walked(content, path.name)
        if fault is None:
            content = content[: walk.end]
        elif strict:
            _refuse(f"a damaged structure ({fault})", path.name)
        else:
            content = content[: _short_end(content, fault, path.name, force=force)]
    try:
        return pydicom.dcmread(io.BytesIO(content), force=force)
    except RecursionError:
        _refuse("sequences within sequences without end", path.name)


def read_header(
    file: BinaryIO, tags: list[BaseTag], *, force: bool = False
) -> tuple[pydicom.Dataset, int | None]:
    """The named elements before Pixel Data, and the offset of its element in the file.

    The offset is None where the file is deflated, and means nothing where there are no
    pixels. Raises as `read_data_set`. The file is at its beginning.
    """
    # A short header is read where it lies: thousands of them make a folder.
    try:
        header = pydicom.dcmread(
            _Short(file), stop_before_pixels=True, force=force, specific_tags=list(tags)
        )
        if header.file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return header, file.tell()
    except _TooLong:
        pass
    file.seek(0)
    content, deflated = _inflated(file.read(MOST_HEADER_BYTES), MOST_HEADER_BYTES, "", part=True)
    walk, fault = _walked(content, "")
    if fault is not None:
        _refuse(f"a damaged structure ({fault})", "")
    start = io.BytesIO(content[: walk.end if walk.pixels is None else walk.pixels + 12])
    header = pydicom.dcmread(start, stop_before_pixels=True, force=force, specific_tags=list(tags))
    return header, None if deflated else walk.pixels


def _short_end(content: bytes, fault: str, name: str, *, force: bool) -> int:
    """Where the pixels end behind a damaged header that is too short to do harm."""
    file = io.BytesIO(content)
    try:
        pydicom.dcmread(_Short(file), stop_before_pixels=True, force=force)
    except _TooLong:
        _refuse(f"a damaged structure ({fault})", name)
    at = file.tell()
    syntax = _syntax(content)
    walk = _Walk(content, little=syntax is None or syntax[0] != ExplicitVRBigEndian)
    return walk.pixels_end(at) if at + 12 <= len(content) else len(content)


class _TooLong(Exception):
    """More was asked for than a short header has."""


class _Short:
    """A file of which only so much is read; what is sought past costs nothing."""

    def __init__(self, file: BinaryIO) -> None:
        self._left = _SHORT_BYTES
        self._read = file.read
        self.seek, self.tell = file.seek, file.tell
        self.name = ""

    def read(self, count: int = -1) -> bytes:
        self._left -= count
        if count < 0 or self._left < 0:
            raise _TooLong
        return self._read(count)

    def close(self) -> None:
        """The one who opened the file closes it."""


def _inflated(content: bytes, most: int, name: str, *, part: bool = False) -> tuple[bytes, bool]:
    """A deflated data set unpacked, its transfer syntax made to say so; others as they are.

    `part`: what lies beyond `most` bytes isn't needed, else it is refused.
    """
    found = _syntax(content)
    if found is None or found[0] != DeflatedExplicitVRLittleEndian:
        return content, False
    _, at, length, start = found
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = unpacker.decompress(content[start:], most)
    except zlib.error as error:
        raise InputRefused(
            f"{name or 'a file'} is deflated and damaged", _ALLOWED, _EXPORT
        ) from error
    if not unpacker.eof and not part:
        if len(data) >= most:
            _refuse(f"more than {most} bytes when unpacked", name)
        _refuse("a deflated data set that is cut short", name)
    plain = ExplicitVRLittleEndian.encode().ljust(length, b"\0")
    return content[:at] + plain + content[at + length : start] + data, True


def _syntax(content: bytes) -> tuple[str, int, int, int] | None:
    """Transfer Syntax UID, where it lies, how long it is, and where the data set starts."""
    at = 132
    found = None
    while content[128:132] == b"DICM" and content[at : at + 2] == b"\x02\0":
        if at + 12 > len(content):
            return None
        letters = content[at + 4 : at + 6]
        if not _is_vr(letters):  # some old writers make it implicit
            value, length = at + 8, int.from_bytes(content[at + 4 : at + 8], "little")
        elif letters in _LONG:
            value, length = at + 12, int.from_bytes(content[at + 8 : at + 12], "little")
        else:
            value, length = at + 8, int.from_bytes(content[at + 6 : at + 8], "little")
        if content[at + 2 : at + 4] == b"\x10\0":
            uid = content[value : value + length].decode("latin-1").rstrip(" \0")
            found = uid, value, length
        at = value + length
    return None if found is None else (*found, at)


def _walked(content: bytes, name: str) -> tuple["_Walk", str | None]:
    """The walk through a data set that met no limit, and what isn't well-formed, if anything."""
    syntax = _syntax(content)
    start = syntax[3] if syntax is not None else 132 if content[128:132] == b"DICM" else 0
    uid = ImplicitVRLittleEndian if syntax is None else syntax[0]
    walk = _Walk(content, little=uid != ExplicitVRBigEndian)
    fault = None
    try:
        walk.data_set(start, uid == ImplicitVRLittleEndian)
    except (_Malformed, struct.error) as found:
        fault = str(found) if isinstance(found, _Malformed) else "cut short"
    except _Beyond as found:
        _refuse(str(found), name)
    if (len(content) if walk.pixels is None else walk.pixels) > MOST_HEADER_BYTES:
        _refuse(f"more than {MOST_HEADER_BYTES} bytes before its pixels", name)
    return walk, fault


class _Malformed(Exception):
    """Not as the standard writes it."""


class _Beyond(Exception):
    """More than a limit of `hnuiseg.limits` allows."""


class _Walk:
    """Elements, items and values of a data set counted, as PS3.5 7 lays them out.

    Where the standard leaves a choice, or is broken as files break it, the walk goes where
    pydicom goes: it has to meet what pydicom would build.
    """

    def __init__(self, content: bytes, *, little: bool) -> None:
        self.pixels: int | None = None  # where Pixel Data begins; None: nowhere
        self.end = len(content)  # of what is worth reading
        self._content = content
        order = "<" if little else ">"
        self._tag_length = struct.Struct(f"{order}HHL").unpack_from
        self._tag_short = struct.Struct(f"{order}HH2sH").unpack_from
        self._long = struct.Struct(f"{order}L").unpack_from
        self._sequence_end = struct.pack(f"{order}HH", 0xFFFE, 0xE0DD)
        self._item_start = struct.pack(f"{order}HH", 0xFFFE, 0xE000)
        self._elements = self._items = self._values = 0

    def data_set(self, start: int, implicit: bool) -> None:
        """Walk the whole; `pixels` and `end` say what was found."""
        end = self._walk_elements(start, len(self._content), implicit, 0)
        if self.pixels is not None:
            self.end = self.pixels_end(self.pixels)
        elif end + 8 <= len(self._content) and not self._is_padding(end):
            raise _Malformed("something behind its end")
        else:
            self.end = end  # the rest is padding

    def _is_padding(self, at: int) -> bool:
        """Whether nothing but one byte, over and over, is left: some systems fill up blocks."""
        start = self._content[at : at + 8]
        return start == start[:1] * 8 and len(set(self._content[at:])) == 1

    def pixels_end(self, at: int) -> int:
        """Where the element at a place ends, as far as the file reaches."""
        _, _, length, value = self._head(at, not _is_vr(self._content[at + 4 : at + 6]))
        if length != _UNDEFINED:
            return value + length
        found = self._content.find(self._sequence_end, value)
        return len(self._content) if found < 0 else found + 8

    def _walk_elements(self, at: int, end: int, implicit: bool, depth: int) -> int:
        """Walk elements up to `end`, their delimiter or the pixels; where they ended."""
        if depth == 0 or not implicit:  # as pydicom finds out what it is
            implicit = not _is_vr(self._content[at + 4 : at + 6])
        while at + 8 <= end or (at < end and depth > 0):
            if depth == 0 and self._is_padding(at):
                return at
            self._elements += 1
            if self._elements > MOST_ELEMENTS:
                raise _Beyond(f"more than {MOST_ELEMENTS} elements")
            tag, vr, length, value = self._head(at, implicit)
            if tag == _ITEM_END:
                return value
            if depth == 0 and tag in _PIXELS:
                self.pixels = at
                return at
            if length == _UNDEFINED:
                at = self._undefined(tag, vr, value, end, implicit, depth)
                continue
            if value + length > end:
                raise _Malformed("a length beyond its end")
            if vr == b"SQ" or (vr in (None, b"UN") and _known(tag) == "SQ"):
                if vr != b"UN" or length < _LONG_UN:
                    self._walk_items(value, value + length, implicit, depth + 1, False)
            else:
                self._count_values(tag, vr, value, length)
            at = value + length
        return at

    def _count_values(self, tag: int, vr: bytes | None, at: int, length: int) -> None:
        """Beyond one an element: each becomes an object of some hundred bytes."""
        if tag == _CONTOUR_DATA:  # turned to numbers without
            if length > MOST_CONTOUR_BYTES:
                raise _Beyond(f"a contour of {length} bytes")
            return
        least = _LEAST_BYTES.get(vr.decode("latin-1") if vr is not None else _known(tag))
        if least is None:
            self._values += self._content.count(b"\\", at, at + length)
        elif length > least:
            self._values += length // least - 1
        if self._values > MOST_VALUES:
            raise _Beyond(f"more than {MOST_VALUES} values")

    def _head(self, at: int, implicit: bool) -> tuple[int, bytes | None, int, int]:
        """Tag, VR (None: implicit), length and where the value begins."""
        group, element, letters, length = self._tag_short(self._content, at)
        tag = group << 16 | element
        if not implicit and letters in _LONG:
            return tag, letters, self._long(self._content, at + 8)[0], at + 12
        if not implicit and b"AA" <= letters <= b"ZZ":
            return tag, letters, length, at + 8
        return tag, None, self._long(self._content, at + 4)[0], at + 8

    def _undefined(
        self, tag: int, vr: bytes | None, at: int, end: int, implicit: bool, depth: int
    ) -> int:
        known = _known(tag)
        begun = self._content[at : at + 4] in (self._item_start, self._sequence_end)
        if vr in (b"SQ", b"UN") or (vr is None and (known == "SQ" or (begun and not known))):
            return self._walk_items(at, end, implicit, depth + 1, True)
        found = self._content.find(self._sequence_end, at, end)
        if found < 0:
            raise _Malformed("a value without end")
        return found + 8

    def _walk_items(self, at: int, end: int, implicit: bool, depth: int, delimited: bool) -> int:
        if depth > MOST_DEPTH:
            raise _Beyond(f"sequences nested more than {MOST_DEPTH} deep")
        while at < end:
            group, element, length = self._tag_length(self._content, at)
            tag, at = group << 16 | element, at + 8
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM:
                raise _Malformed("a sequence with something else than items")
            self._items += 1
            if self._items > MOST_ITEMS:
                raise _Beyond(f"more than {MOST_ITEMS} items of sequences")
            if length == _UNDEFINED:
                at = self._walk_elements(at, end, implicit, depth)
            elif at + length > end:
                raise _Malformed("an item beyond its end")
            else:
                at += length
                if self._walk_elements(at - length, at, implicit, depth) != at:
                    raise _Malformed("an item that ends before its length")
        if delimited:
            raise _Malformed("a sequence without end")
        return at


def _is_vr(letters: bytes) -> bool:
    return letters.isalpha() and letters.isupper() and letters.isascii()


@functools.lru_cache(maxsize=1 << 14)
def _known(tag: int) -> str:
    """VR in the dictionary of public elements; empty for others."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _refuse(what: str, name: str) -> NoReturn:
    raise InputRefused(f"{name} has {what}" if name else what, _ALLOWED, _EXPORT)
