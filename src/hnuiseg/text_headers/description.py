"""What a header in text says of an image, and the words and numbers it says it in."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

_LONGEST_QUOTED = 40
_MOST_AXES = 8


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


def text_of(line: bytes) -> str:
    """A line of a header; what isn't UTF-8 is replaced."""
    return line.decode("utf-8", "replace")


def quoted(text: str) -> str:
    """What a header says, fit for one line of a message."""
    return repr(text[:_LONGEST_QUOTED])


def once(fields: dict[str, str], name: str, value: str) -> None:
    """Keep a field; Damaged where there is one by that name."""
    if name in fields:
        raise Damaged(f"{quoted(name)} twice")
    fields[name] = value


def sizes_of(text: str, axes: str) -> tuple[int, ...]:
    """Voxels along as many axes as are said; Damaged for another number of them."""
    sizes = tuple(whole_number(word) for word in text.split())
    if not 1 <= len(sizes) <= _MOST_AXES or len(sizes) != whole_number(axes) or min(sizes) < 0:
        raise Damaged
    return sizes


def whole_number(text: str) -> int:
    """An integer of up to twelve digits; Damaged for anything else."""
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
        raise Damaged
    return int(text)


def real_numbers(text: str, count: int) -> list[float]:
    """So many numbers between blanks; Damaged for anything else."""
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise Damaged from error
    if len(numbers) != count:
        raise Damaged
    return numbers


def file_beside(path: Path, named: str) -> Path:
    """The file that a header names: a regular one in its own folder, and nothing else."""
    named = named.removeprefix("./")
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
