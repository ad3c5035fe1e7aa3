"""A new folder that appears whole or not at all, and a folder that one process holds at a time."""

import fcntl
import os
import secrets
import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.files import sync_folder


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """A folder to write into, put in `place` at the end; nothing is left on any fault.

    OutputFailed where `place` is taken or can't be written.
    """
    if place.exists():
        raise OutputFailed(
            f"{place.name} is there already", "a new name", "choose another, or open what is there"
        )
    partial = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        for inner in sorted(p for p in partial.rglob("*") if p.is_dir()):
            sync_folder(inner)
        sync_folder(partial)
        os.rename(partial, place)
        sync_folder(place.parent)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise OutputFailed(
                f"{place.name} can't be written ({error.strerror or error})",
                "a folder with room that may be written to",
                "free some space or name another folder",
            ) from error
        raise


class Held:
    """A folder that this process alone may write to, until it lets go or ends in any way."""

    def __init__(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise InputRefused(
                f"{folder.name} is open in another program or session",
                "one that nobody else has open",
                "close it there first",
            ) from error
        except OSError:  # a file system without locks
            pass
        self._let_go = weakref.finalize(self, os.close, handle)

    def let_go(self) -> None:
        """Others may hold it from now on."""
        self._let_go()
