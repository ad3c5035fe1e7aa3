"""What a reader of cohorts finds in a folder: cases not read yet, and what can't be used.

A reader is a function from a folder to a `Cohort`. It looks at names and headers only; `read` of a
case does the work, through the same gates as `hnuiseg segment`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hnuiseg.study import Case
from hnuiseg.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedCase:
    """A patient's case with its truth, on the CT's grid exactly.

    `truth` holds 0 background, 1 GTVp, 2 GTVn, and 255 where nobody said (uint8, z y x).
    """

    case: Case
    truth: Volume
    notes: tuple[str, ...] = ()  # what to know about the truth: left-out regions, overlaps, …


@dataclass(frozen=True, slots=True, eq=False)
class ListedCase:
    """One case of a cohort; `read` raises InputRefused where it can't be read right."""

    name: str  # unique in its cohort; letters, digits, "-", "_" and "."
    patient: str  # all cases of one patient have the same
    centre: str  # where it was scanned; empty where nobody says
    sources: tuple[Path, ...]  # the files and folders that `read` reads
    read: Callable[[], AnnotatedCase]
    how: str = ""  # what else decides what is read: options, patterns of names


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in the folder that looks like a case and isn't used."""

    name: str  # without the folders above
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Every case that a reader found, and under which licence they may be used."""

    kind: str  # the reader's name: "hecktor", …
    licence: str
    commercial: bool  # whether the licence lets weights trained on it be used commercially
    classes: tuple[str, str]  # what values 1 and 2 are, where not GTVp and GTVn
    cases: tuple[ListedCase, ...]  # by name
    left_out: tuple[LeftOut, ...] = ()
    people: str = ""  # the cohort whose patients these are; empty: its own
