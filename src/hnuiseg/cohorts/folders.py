"""Folders of a cohort, looked through without an end to fear."""

import os
from collections.abc import Callable
from pathlib import Path

from hnuiseg.cohorts.listing import LeftOut
from hnuiseg.errors import InputRefused


def topmost(
    folder: Path, wanted: Callable[[Path], bool]
) -> tuple[tuple[Path, ...], tuple[LeftOut, ...]]:
    """The folders below that are wanted, by path, and those that can't be looked into.

    Nothing is looked for within a wanted one, nor in hidden ones. Links are followed.
    """
    found, closed = list[Path](), list[LeftOut]()
    entered = set[str]()

    def look(into: Path) -> None:
        place = os.path.realpath(into)
        if place in entered:  # a link back up would never end
            return
        entered.add(place)
        try:
            below = subfolders(into)
        except OSError as error:
            closed.append(LeftOut(into.name, f"can't be opened ({error.strerror})"))
            return
        for child in below:
            if wanted(child):
                found.append(child)
            else:
                look(child)

    look(folder)
    return tuple(found), tuple(closed)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name, without hidden ones. OSError where it is closed."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def require_folder(folder: Path) -> None:
    """InputRefused where there is no such folder, or it is closed."""
    try:
        subfolders(folder)
    except OSError as error:
        raise InputRefused(
            f"folder {folder.name!r} can't be opened ({error.strerror})",
            "the folder of a cohort, readable",
            "check the path and its permissions",
        ) from error
