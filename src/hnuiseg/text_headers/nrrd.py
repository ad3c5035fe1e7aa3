"""Headers of NRRD00.01 to NRRD0005. Source: teem's definition of the format."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hnuiseg.limits import MOST_TEXT_BYTES
from hnuiseg.text_headers.description import (
    Damaged,
    Described,
    file_beside,
    once,
    quoted,
    real_numbers,
    sizes_of,
    text_of,
    whole_number,
)

NRRD = (".nrrd", ".nhdr")
_LPS = {  # factors of x, y, z that make LPS of an NRRD's space
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
_LPS_TIME = {f"{name}{'t' if len(name) == 3 else '-time'}": f for name, f in _LPS.items()}
_MM = {"mm", "millimeter", "millimetre", ""}  # "": not said
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


def nrrd(head: bytes, path: Path) -> Described:
    """What the beginning of a .nrrd or .nhdr file says; Damaged for what is no NRRD."""
    magic, _, rest = head.partition(b"\n")
    if not re.fullmatch(rb"NRRD(00\.01|000[1-5])\r?", magic):
        raise Damaged
    fields, length = _nrrd_fields(rest)
    start = len(magic) + 1 + length
    detached = fields.get("data file", fields.get("datafile"))
    if length < 0 and (detached is None or len(head) == MOST_TEXT_BYTES):
        raise Damaged
    shape = sizes_of(fields.get("sizes", ""), fields.get("dimension", ""))
    code = _NRRD_TYPE.get(fields.get("type", "").lower())
    packing = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(fields.get("encoding", "").lower())
    if code is None:
        raise Damaged(f"values of type {quoted(fields.get('type', ''))}")
    if packing is None:
        raise Damaged(f"encoding {quoted(fields.get('encoding', ''))}, not raw or gzip")
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower())
    if order is None and code[1] != "1":
        raise Damaged("no endian")
    if "data file" in fields and "datafile" in fields:
        raise Damaged
    if lines := whole_number(fields.get("line skip", fields.get("lineskip", "0"))):
        raise Damaged(f"line skip {lines}, not 0")
    skip = whole_number(fields.get("byte skip", fields.get("byteskip", "0")))
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
        path if detached is None else file_beside(path, detached),
        -1 if skip == -1 else first + skip,
        packing,
    )


def _nrrd_fields(text: bytes) -> tuple[dict[str, str], int]:
    """Fields by name, and how many bytes they take; -1 where no empty line ends them."""
    fields: dict[str, str] = {}
    length = 0
    for piece in text.split(b"\n"):
        length += len(piece) + 1
        whole = length <= len(text)
        line = text_of(piece).rstrip("\r")
        if not line:
            return fields, length if whole else -1
        name, separator, value = line.partition(": ")
        if line.startswith("#") or ":=" in name:  # a remark, or a key and its value
            continue
        if not separator and not line.endswith(":"):  # ITK too refuses it: a field may hide here
            raise Damaged("a line that is no field" if whole else "")
        once(fields, (name if separator else name[:-1]).strip().lower(), value.strip())
    return fields, -1


def _nrrd_place(
    fields: Mapping[str, str], axes: int
) -> tuple[Float[np.ndarray, "3 3"] | None, Float[np.ndarray, "3"] | None]:
    space = fields.get("space", "").lower()
    timed = space in _LPS_TIME and axes == 4
    factors = _LPS_TIME[space] if timed else _LPS.get(space)
    if factors is None or "space directions" not in fields or "space origin" not in fields:
        return None, None
    _check_units(fields.get("space units"))
    vectors = re.findall(r"\([^()]*\)|none", fields["space directions"])
    if len(vectors) != axes or "none" in vectors[:3]:
        return None, None
    given = [v for v in vectors[3:] if v != "none"]
    if given and not timed:
        return None, None
    steps = np.array([_vector(v, 3 + timed) for v in vectors[:3]])
    moments = [_vector(v, 4) for v in given]
    if steps[:, 3:].any() or any(any(moment[:3]) for moment in moments):
        raise Damaged("axes that mix space and time")
    origin = np.array(_vector(fields["space origin"], 3 + timed))
    return steps[:, :3] * np.array(factors), origin[:3] * np.array(factors)


def _check_units(said: str | None) -> None:
    """Damaged for other units than mm; the fourth is that of time."""
    units = re.findall(r'"([^"]*)"', said or "")[:3]
    if (said and not units) or not set(units) <= _MM:
        raise Damaged(f"positions in {quoted(said or '')}")


def _vector(text: str, count: int) -> list[float]:
    if not (text.startswith("(") and text.endswith(")")):
        raise Damaged
    return real_numbers(text[1:-1].replace(",", " "), count)
