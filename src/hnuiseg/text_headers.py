"""NRRD and MetaImage: a header in text, then values, in the same file or in one beside it.

Read here and not by ITK, whose parsers allocate what a header claims, write to the terminal,
and open whatever file a header names. Values lie in the file itself, or in one regular file of
the same folder: a header never leads elsewhere. ITK is the judge of what is read (tests).
Sources: teem's definition of NRRD00.01 to NRRD0005; MetaIO's of MetaImage.
"""

import gzip
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Shaped

from hnuiseg.limits import MOST_VOXELS

NRRD = (".nrrd", ".nhdr")
META = (".mha", ".mhd")
_HEADER_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 22
_MOST_AXES = 8
_LPS = {  # factors of x, y, z that make LPS of an NRRD's space
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
_NRRD_TYPES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, "
    "int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
_NRRD_TYPE = {name: code for code, names in _NRRD_TYPES.items() for name in names.split(", ")}
_META_TYPE = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}


class Damaged(Exception):
    """Not a header that is read, or values that aren't there. Its text says what, or nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What a header says. Where it doesn't say where the image lies, `steps` is None."""

    shape: tuple[int, ...]  # x first, as it is stored
    values_a_voxel: int
    dtype: np.dtype
    steps: Float[np.ndarray, "3 3"] | None  # LPS mm of one step in x, y, z
    origin: Float[np.ndarray, "3"] | None
    file: Path  # where the values lie
    offset: int  # of the first; -1: the values end with the file
    packing: str = field(default="raw")  # raw, gzip or zlib


def described(path: Path) -> Described:
    """The header of a .nrrd, .nhdr, .mha or .mhd file; Damaged for what is none, OSError."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    return _nrrd(head, path) if path.name.lower().endswith(NRRD) else _meta(head, path)


def values(image: Described) -> Shaped[np.ndarray, "..."]:
    """The values, last axis first; Damaged where there are fewer than the header says."""
    count = math.prod(image.shape) * image.values_a_voxel
    if count > MOST_VOXELS:
        raise Damaged("more values than any image has")
    content = np.zeros(count * image.dtype.itemsize, dtype=np.uint8)  # taken as it is filled
    try:
        with image.file.open("rb") as file:
            offset = image.offset
            if offset < 0:
                offset = image.file.stat().st_size - len(content)
            if offset < 0:
                raise Damaged
            file.seek(offset)
            done = 0
            for chunk in _UNPACKED[image.packing](file, len(content)):
                content[done : done + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
                done += len(chunk)
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise Damaged from error
    if done < len(content):
        raise Damaged
    array = content.view(image.dtype)
    if image.values_a_voxel > 1:
        return array.reshape(*image.shape[::-1], image.values_a_voxel)
    return array.reshape(image.shape[::-1])


def _plain(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def _gzipped(file: BinaryIO, size: int) -> Iterator[bytes]:
    """As `_plain`, and on to the checksum; more than was said is damage."""
    with gzip.GzipFile(fileobj=file) as unpacked:
        yield from _plain(unpacked, size)  # type: ignore[arg-type]  # only read is used
        if unpacked.read(1):
            raise ValueError


def _deflated(file: BinaryIO, size: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    waiting = b""
    while not unpacker.eof:
        waiting = unpacker.unconsumed_tail or file.read(_CHUNK_BYTES)
        chunk = unpacker.decompress(waiting, _CHUNK_BYTES)
        if len(chunk) > size or not (waiting or chunk):
            raise ValueError
        size -= len(chunk)
        yield chunk


_UNPACKED: Mapping[str, Callable[[BinaryIO, int], Iterator[bytes]]] = {
    "raw": _plain,
    "gzip": _gzipped,
    "zlib": _deflated,
}


def _nrrd(head: bytes, path: Path) -> Described:
    magic, _, rest = head.partition(b"\n")
    if not re.fullmatch(rb"NRRD000[1-5]\r?", magic):
        raise Damaged
    fields: dict[str, str] = {}
    start = len(magic) + 1
    ended = False
    for line in rest.split(b"\n"):
        start += len(line) + 1
        text = _text(line).rstrip("\r")
        if not text:
            ended = start <= len(head)
            break
        name, separator, value = text.partition(": ")
        if text.startswith("#") or ":=" in text.partition(":")[0] + text.partition(":")[2][:1]:
            continue
        if not separator and text.endswith(":"):
            name = text[:-1]
        _once(fields, name.strip().lower(), value.strip())
    detached = fields.get("data file", fields.get("datafile"))
    if not ended and (detached is None or len(head) == _HEADER_BYTES):
        raise Damaged
    shape = _sizes(fields.get("sizes", ""), fields.get("dimension", ""))
    code = _NRRD_TYPE.get(fields.get("type", "").lower())
    packing = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(fields.get("encoding", "").lower())
    if code is None or packing is None:
        raise Damaged(f"type {fields.get('type')!r}, encoding {fields.get('encoding')!r}")
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower())
    if order is None and code[1] != "1":
        raise Damaged("no endian")
    if "data file" in fields and "datafile" in fields:
        raise Damaged
    if _whole(fields.get("line skip", fields.get("lineskip", "0"))) != 0:
        raise Damaged("a line skip")
    skip = _whole(fields.get("byte skip", fields.get("byteskip", "0")))
    if skip < -1 or (skip == -1 and packing != "raw") or (skip > 0 and packing != "raw"):
        raise Damaged("a byte skip")
    first = 0 if detached is not None else start
    steps, origin = _nrrd_place(fields, len(shape))
    return Described(
        shape,
        1,
        np.dtype((order or "<") + code),
        steps,
        origin,
        path if detached is None else _beside(path, detached),
        -1 if skip == -1 else first + skip,
        packing,
    )


def _nrrd_place(
    fields: Mapping[str, str], axes: int
) -> tuple[Float[np.ndarray, "3 3"] | None, Float[np.ndarray, "3"] | None]:
    space = _LPS.get(fields.get("space", "").lower())
    if space is None or "space directions" not in fields or "space origin" not in fields:
        return None, None
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    if not units <= {"mm", ""}:
        raise Damaged(f"positions in {', '.join(sorted(units))}")
    vectors = re.findall(r"\([^()]*\)|none", fields["space directions"])
    if len(vectors) != axes or "none" in vectors[:3] or set(vectors[3:]) - {"none"}:
        return None, None
    factors = np.array(space)
    steps = np.array([_vector(v) for v in vectors[:3]]) * factors
    return steps, np.array(_vector(fields["space origin"])) * factors


def _vector(text: str) -> list[float]:
    if not (text.startswith("(") and text.endswith(")")):
        raise Damaged
    return _reals(text[1:-1].replace(",", " "), 3)


def _meta(head: bytes, path: Path) -> Described:
    fields: dict[str, str] = {}
    start = 0
    for line in head.split(b"\n"):
        start += len(line) + 1
        name, separator, value = _text(line).rstrip("\r").partition("=")
        if not separator:
            if name.strip():
                raise Damaged
            continue
        _once(fields, name.strip(), value.strip())
        if name.strip() == "ElementDataFile":
            break
    if fields.get("ObjectType", "Image") != "Image" or "ElementDataFile" not in fields:
        raise Damaged
    shape = _sizes(fields.get("DimSize", ""), fields.get("NDims", ""))
    code = _META_TYPE.get(fields.get("ElementType", ""))
    if code is None:
        raise Damaged(f"type {fields.get('ElementType')!r}")
    scale = [fields.get(f"ElementToIntensityFunction{k}") for k in ("Slope", "Offset")]
    if not _true(fields, "BinaryData", "True") or scale not in ([None, None], ["1", "0"]):
        raise Damaged("values in text, or a scale")
    if fields.get("DistanceUnits", "mm") not in ("mm", "?"):
        raise Damaged(f"positions in {fields['DistanceUnits']}")
    named = fields["ElementDataFile"]
    local = named.upper() == "LOCAL"
    header_size = _whole(fields.get("HeaderSize", "0"))
    if header_size not in (0, -1) or (local and header_size):
        raise Damaged("a header size")
    msb = _true(fields, "BinaryDataByteOrderMSB", "False") or _true(
        fields, "ElementByteOrderMSB", "False"
    )
    packed = _true(fields, "CompressedData", "False")
    channels = _whole(fields.get("ElementNumberOfChannels", "1"))
    if not 1 <= channels <= _MOST_AXES or (packed and header_size):
        raise Damaged
    steps, origin = _meta_place(fields, len(shape))
    return Described(
        shape,
        channels,
        np.dtype((">" if msb else "<") + code),
        steps,
        origin,
        path if local else _beside(path, named),
        start if local else header_size,
        "zlib" if packed else "raw",
    )


def _meta_place(
    fields: Mapping[str, str], axes: int
) -> tuple[Float[np.ndarray, "3 3"] | None, Float[np.ndarray, "3"] | None]:
    turn = [fields[k] for k in ("TransformMatrix", "Rotation", "Orientation") if k in fields]
    place = [fields[k] for k in ("Offset", "Position", "Origin") if k in fields]
    if not turn or not place:
        return None, None
    spacing = fields.get("ElementSpacing", fields.get("ElementSize"))
    if len(turn) > 1 or len(place) > 1 or spacing is None:
        raise Damaged("two places, or no spacing")
    directions = np.array(_reals(turn[0], axes * axes)).reshape(axes, axes)
    apart = np.array(_reals(spacing, axes))
    if not (apart > 0).all():
        raise Damaged("a spacing that isn't positive")
    return (directions * apart[:, None])[:3, :3], np.array(_reals(place[0], axes))[:3]


def _true(fields: Mapping[str, str], name: str, usual: str) -> bool:
    value = fields.get(name, usual).lower()
    if value not in ("true", "false", "1", "0"):
        raise Damaged(f"{name} {value!r}")
    return value in ("true", "1")


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _once(fields: dict[str, str], name: str, value: str) -> None:
    if name in fields:
        raise Damaged(f"{name} twice")
    fields[name] = value


def _sizes(text: str, axes: str) -> tuple[int, ...]:
    sizes = tuple(_whole(word) for word in text.split())
    if not 1 <= len(sizes) <= _MOST_AXES or len(sizes) != _whole(axes) or min(sizes) < 0:
        raise Damaged
    return sizes


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
        raise Damaged
    return int(text)


def _reals(text: str, count: int) -> list[float]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise Damaged from error
    if len(numbers) != count:
        raise Damaged
    return numbers


def _beside(path: Path, named: str) -> Path:
    """The file that a header names: a regular one in its own folder, and nothing else."""
    if "/" in named or "\\" in named or "\0" in named or named in ("", ".", "..", "LIST"):
        raise Damaged("its values in another folder, or in several files")
    other = path.with_name(named)
    try:
        here = other.resolve(strict=True).parent == path.resolve(strict=True).parent
    except (OSError, RuntimeError) as error:
        raise Damaged("its values in a file that isn't there") from error
    if not here or not other.is_file():
        raise Damaged("its values in another folder")
    return other
