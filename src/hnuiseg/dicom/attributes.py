"""Attributes of a header as plain values: absent is None or empty, unreadable is refused."""

import math
import struct
from collections.abc import Sequence

import pydicom
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import Tag

from hnuiseg.errors import InputRefused

# What pydicom was seen to raise on damaged elements, some of it only when a value is asked for,
# and what it raises besides where a whole file is parsed.
UNREADABLE = (
    BytesLengthException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    struct.error,
    EOFError,
    OSError,
)
UNREADABLE_FILE = (InvalidDicomError, RecursionError, *UNREADABLE)


def named(keyword: str) -> str:
    """An attribute as people look it up: "Patient's Weight (0010,1030)"."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X})"


def words(header: pydicom.Dataset, keyword: str) -> tuple[str, ...]:
    """Every value of an attribute as trimmed text; empty when absent or empty."""
    try:
        value = header.get(keyword)
    except UNREADABLE:
        raise _unreadable(keyword) from None
    return plain(value)


def plain(value: object) -> tuple[str, ...]:
    """Any element's value as trimmed texts; bytes are what an unknown VR (UN) leaves."""
    if value is None:
        return ()
    if isinstance(value, bytes):
        value = value.decode("latin-1").split("\\")
    if isinstance(value, str) or not isinstance(value, Sequence):
        value = [value]
    return tuple(str(v).strip(" \0") for v in value)


def text(header: pydicom.Dataset, keyword: str) -> str:
    """The value as trimmed text; several values are joined by a backslash, as in the file."""
    return "\\".join(words(header, keyword))


def numbers(header: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers, or None when absent or empty; anything else is refused."""
    found = tuple(w for w in words(header, keyword) if w)
    if not found:
        return None
    try:
        values = tuple(float(w) for w in found)
    except ValueError:
        raise _unreadable(keyword) from None
    if len(values) != count or not all(math.isfinite(v) for v in values):
        raise InputRefused(
            f"{named(keyword)} with {len(values)} values, not all of them finite"
            if len(values) == count
            else f"{named(keyword)} with {len(values)} values",
            f"{count} finite number{'s' if count > 1 else ''}",
            "export the series again",
        )
    return values


def number(header: pydicom.Dataset, keyword: str) -> float | None:
    """One finite number, or None when absent or empty."""
    values = numbers(header, keyword, 1)
    return None if values is None else values[0]


def same_in_all(headers: Sequence[pydicom.Dataset], keyword: str) -> str:
    """The text that every header agrees on; refused when they differ."""
    found = {text(h, keyword) for h in headers}
    if len(found) > 1:
        listed = ", ".join(repr(f) for f in sorted(found)[:3])
        raise InputRefused(
            f"{named(keyword)} differs between the slices of a series: {listed}",
            "one value in a series",
            "export the series again, or leave it out",
        )
    return found.pop()


def private_values(
    header: pydicom.Dataset, group: int, element: int, creator: str, maker: str
) -> tuple[str, ...]:
    """Trimmed texts of a private element, found by its creator; empty where there is none.

    Some anonymisers drop the creator but keep the element: then it is taken from block 10
    if the manufacturer's name begins with `maker` and nobody has reserved that block.
    """
    for block in range(0x10, 0x100):
        if (group, block) in header and plain(header[group, block].value) == (creator,):
            tag = (group, block << 8 | element)
            return tuple(w for w in plain(header[tag].value) if w) if tag in header else ()
    orphan = (group, 0x1000 | element)
    if is_made_by(header, maker) and (group, 0x0010) not in header and orphan in header:
        return tuple(w for w in plain(header[orphan].value) if w)
    return ()


def is_made_by(header: pydicom.Dataset, maker: str) -> bool:
    """Whether the first word of Manufacturer (0008,0070) is `maker`, in any case."""
    return text(header, "Manufacturer").upper().split()[:1] == [maker.upper()]


def _unreadable(keyword: str) -> InputRefused:
    return InputRefused(
        f"{named(keyword)} can't be read", "a value of its type", "export the series again"
    )
