"""What was done, line by line, in a file that shows when it was tampered with.

Each line is JSON and holds the SHA-256 of the line before and, last, its own. Who changes a byte
anywhere must write every later line anew; who keeps a copy of the last hash finds that out too, and
lines cut off at the end. Lines are appended under a lock and flushed to the disk before anything is
acknowledged. What a killed process left half-written at the end is kept aside, and the next line
says so. No coordinates, no names but the one that a person types to approve.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.files import atomic_write, sync_folder

FIRST = "0" * 64  # what the first line holds as the one before
_OWN = b',"sha256":"'
_OWN_BYTES = len(_OWN) + 64 + len(b'"}')


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a file found: `records` of its sound beginning, and what comes after it."""

    records: tuple[dict[str, Any], ...]
    last: str  # SHA-256 of the last sound line
    sound_bytes: int
    torn: bytes  # after the last newline: a line that was never finished
    broken: int | None  # number, from 1, of the first line that isn't as it was written

    @property
    def intact(self) -> bool:
        """Every byte is as it was written."""
        return self.broken is None and not self.torn


def line_of(record: dict[str, Any], previous: str) -> bytes:
    """A record as a line, without its newline."""
    told = {**record, "previous": previous}
    content = json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    own = hashlib.sha256(content).hexdigest().encode()
    return content[:-1] + _OWN + own + b'"}'


def verdict_of(content: bytes) -> Verdict:
    """Check a file's bytes, from the first line on."""
    records: list[dict[str, Any]] = []
    previous, sound, number = FIRST, 0, 0
    *lines, torn = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        record = _record(line, previous, number)
        if record is None:
            return Verdict(tuple(records), previous, sound, b"", number)
        records.append(record)
        previous = hashlib.sha256(line).hexdigest()
        sound += len(line) + 1
    return Verdict(tuple(records), previous, sound, torn, None)


def verify(path: Path) -> Verdict:
    """Check a file; InputRefused where it can't be read."""
    try:
        return verdict_of(path.read_bytes())
    except OSError as error:
        raise InputRefused(
            f"{path.name} can't be read ({error.strerror})", "an audit file", "check the path"
        ) from error


class Audit:
    """The audit file of one server, to append to."""

    def __init__(self, path: Path) -> None:
        """Go on with a file, or begin one; InputRefused where its lines were changed."""
        self.path = path
        self._lock = threading.Lock()
        found = verify(path) if path.exists() else verdict_of(b"")
        if found.broken is not None:
            raise InputRefused(
                f"line {found.broken} of {path.name} isn't as it was written",
                "an audit file that nothing but hnuiseg wrote to",
                "find out who changed it, keep it, and name another --work folder",
            )
        self.found = found.records
        self._last, self._count, self._size = found.last, len(found.records), found.sound_bytes
        if found.torn:
            self._set_aside(found.torn)

    def append(self, what: str, **told: Any) -> dict[str, Any]:
        """One more line, on disk when this returns; OutputFailed leaves the file as it was."""
        with self._lock:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            record = {"n": self._count + 1, "time": now, "what": what, **told}
            line = line_of(record, self._last)
            self._write(line + b"\n")
            if not self._count:
                sync_folder(self.path.parent)  # the file's own name has to last too
            self._last = hashlib.sha256(line).hexdigest()
            self._count += 1
            self._size += len(line) + 1
            return record

    @property
    def last(self) -> str:
        """SHA-256 of the last line: whoever keeps it can prove the file later."""
        return self._last

    def _write(self, content: bytes) -> None:
        try:
            with self._opened() as handle:
                if os.fstat(handle).st_size != self._size:
                    raise OSError("somebody else wrote to it")
                try:
                    left = memoryview(content)
                    while left:
                        left = left[os.write(handle, left) :]
                    os.fsync(handle)
                except BaseException:  # a full disk: no half a line stays
                    with suppress(OSError):
                        os.ftruncate(handle, self._size)
                    raise
        except OSError as error:
            raise OutputFailed(
                f"{self.path.name} can't be written ({error.strerror or error})",
                "an audit file with room on its disk, which this server alone writes to",
                "free some space; nothing more is acknowledged until it can be written",
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[int]:
        # 0600: what a person approved is nobody else's to read
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _set_aside(self, torn: bytes) -> None:
        """First a copy, then the cut, then a line that says so: no moment loses a byte."""
        digest = hashlib.sha256(torn).hexdigest()
        aside = self.path.with_name(f"{self.path.name}.torn-{digest[:16]}")
        atomic_write(aside, torn)
        try:
            with self._opened() as handle:
                os.ftruncate(handle, self._size)
                os.fsync(handle)
        except OSError as error:
            raise OutputFailed(
                f"{self.path.name} can't be written ({error.strerror})",
                "an audit file that may be written to",
                "change its permissions",
            ) from error
        self.append("torn-line-kept-aside", bytes=len(torn), torn_sha256=digest, file=aside.name)


def _record(line: bytes, previous: str, number: int) -> dict[str, Any] | None:
    """What a line says; None where it isn't what was written there."""
    content, own = line[:-_OWN_BYTES] + b"}", line[-_OWN_BYTES:]
    if own != _OWN + hashlib.sha256(content).hexdigest().encode() + b'"}':
        return None
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    return record if (record.get("previous"), record.get("n")) == (previous, number) else None
