"""A directory of outputs that appears whole or not at all (DESIGN law 8).

Everything is written into a hidden sibling `.NAME.partial-…`, flushed to the disk and then
put in place by rename. Earlier outputs are exchanged with the new ones in one step where the
system can (Linux `renameat2`), in two steps elsewhere, and removed only afterwards. The
hidden sibling is locked while its process lives, so the next run tells what a killed process
left behind from what another one is writing.
"""

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hnuiseg.errors import OutputFailed

RESULT_NAME = "result.json"
_MOST_RESULT_BYTES = 1 << 24
_LITTER = {".DS_Store", "Thumbs.db"}  # file browsers leave these in any folder they show
_PARTIAL, _REPLACED, _PROBE = "partial", "replaced", "probe"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


def check_output(out: Path, inputs: Iterable[Path] = ()) -> None:
    """Nothing where outputs may be written to `out`; call it before any computing.

    `out` may be absent, empty, or hold what an earlier run wrote and nothing else. Raises
    OutputFailed otherwise, where the folder can't be replaced or made, and where one of the
    `inputs` lies in it and would vanish with the earlier outputs.
    """
    try:
        place = out.resolve()
        for path in inputs:
            if path.resolve().is_relative_to(place):
                raise OutputFailed(
                    f"the input {path.name} lies in {out.name}, which is replaced as a whole",
                    "an output folder that holds no input",
                    "choose another output folder, or move the input",
                )
        if place.exists():
            _check_existing(place)
        ancestor = next(p for p in place.parents if p.exists())
    except (OSError, RuntimeError) as error:
        raise _failed(out, error) from error
    if not ancestor.is_dir():
        raise OutputFailed(
            f"{ancestor.name} is a file, not a folder",
            "an output folder inside a folder",
            "choose another output folder",
        )
    try:  # by trying: os.access believes that a superuser may write in /proc
        # one call to make it, one to remove it: nothing between that could fail and leave it
        os.rmdir(tempfile.mkdtemp(prefix=f".{place.name}.{_PROBE}-", dir=ancestor))
    except OSError as error:
        raise OutputFailed(
            f"nothing can be written beside {out.name}: {error.strerror}",
            "an output folder in a place that you can write to",
            "choose another output folder, or change its permissions",
        ) from error


@contextmanager
def output_directory(out: Path) -> Iterator[Path]:
    """An empty folder to write into; it becomes `out` when the block ends without a fault.

    On any exception, an interruption included, it is removed and `out` is as it was, bit for
    bit. An OSError, such as a full disk, becomes OutputFailed.
    """
    check_output(out)
    place = out.resolve()
    made = [p for p in place.parents if not p.exists()]  # nearest first
    try:
        with _locked_partial(place) as partial:
            yield partial
            _flush(partial)
            _put_in_place(partial, place)
    except BaseException as error:
        for parent in made:
            with suppress(OSError):  # not empty: the outputs are in place after all
                parent.rmdir()
        if isinstance(error, OSError):
            raise _failed(out, error) from error
        raise


@contextmanager
def _locked_partial(place: Path) -> Iterator[Path]:
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place)
    partial = place.parent / f".{place.name}.{_PARTIAL}-{secrets.token_hex(4)}"
    lock = -1
    try:
        partial.mkdir()
        lock = os.open(partial, os.O_RDONLY)
        with suppress(OSError):  # file systems without locks: sweeping is then less careful
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # after the exchange: the earlier outputs
        if lock >= 0:
            os.close(lock)


def _put_in_place(partial: Path, place: Path) -> None:
    if not place.exists():
        partial.rename(place)
        return
    if _exchange(partial, place):
        return
    old = place.parent / f".{place.name}.{_REPLACED}-{secrets.token_hex(4)}"
    try:
        place.rename(old)
        partial.rename(place)
    except BaseException:
        if old.exists() and not place.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one step; False where the system can't."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    status = renameat2(
        _AT_FDCWD,
        ctypes.c_char_p(os.fsencode(a)),
        _AT_FDCWD,
        ctypes.c_char_p(os.fsencode(b)),
        ctypes.c_uint(_RENAME_EXCHANGE),
    )
    return bool(status == 0)


def _sweep(place: Path) -> None:
    """Clear what killed processes left beside `place`; bring back what they had moved away."""
    for left in sorted(place.parent.iterdir()):
        if left.name.startswith(f".{place.name}.{_REPLACED}-") and left.is_dir():
            if place.exists():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.rename(place)
        elif left.name.startswith(f".{place.name}.{_PARTIAL}-") and _abandoned(left):
            shutil.rmtree(left, ignore_errors=True)


def _abandoned(partial: Path) -> bool:
    try:
        handle = os.open(partial, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _flush(folder: Path) -> None:
    """A full disk or a lost network drive shows here at the latest, before the exchange."""
    for path in [*sorted(folder.rglob("*")), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _check_existing(place: Path) -> None:
    if not place.is_dir():
        raise OutputFailed(
            f"{place.name} is a file, not a folder",
            "a new or empty folder, or one with earlier outputs of hnuiseg",
            "choose another output folder",
        )
    if place == Path.cwd() or os.path.ismount(place):
        raise OutputFailed(
            f"{place.name or place} is the current folder or a mounted drive, "
            "which can't be replaced in one step",
            "a folder of its own",
            f"name a folder inside it, such as {place.name or ''}/outputs",
        )
    entries = {p.name for p in place.iterdir()} - _LITTER
    foreign = sorted(entries - _written_by_us(place)) if entries else []
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise OutputFailed(
            f"{place.name} holds {foreign[0]}{more}, which hnuiseg did not write",
            "a new or empty folder, or one with earlier outputs of hnuiseg alone",
            "choose another output folder, or move these files away",
        )


def _written_by_us(place: Path) -> set[str]:
    """Names that a result.json of ours lists, itself included; empty where there is none."""
    try:
        with (place / RESULT_NAME).open("rb") as file:
            described = json.loads(file.read(_MOST_RESULT_BYTES))  # a longer one is cut: no JSON
        if not str(described["software"]).startswith("hnuiseg"):
            return set()
        return {RESULT_NAME, *map(str, described["files"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _failed(out: Path, error: Exception) -> OutputFailed:
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return OutputFailed(
        f"the outputs can't be written to {out.name}: {reason}",
        "a folder that can be written to, on a disk with room",
        "free some space or choose another output folder; earlier outputs are as they were",
    )
