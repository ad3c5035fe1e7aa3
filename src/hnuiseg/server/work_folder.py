"""The folder in which a server keeps what must outlive it.

    WORK/audit.jsonl          what was done
    WORK/key                  from which studies get ids that nobody can guess
    WORK/cache/               automatic results
    WORK/sessions/ID/         about.json, and session/ as `hnuiseg refine --session` keeps it
    WORK/exports/ID/          one export, and ID.json beside it

One server at a time holds it. A session counts once its about.json is there, which is written last.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.files import atomic_write
from hnuiseg.interaction.whole_folders import Held

_KEY_BYTES = 32
_PARTIAL = re.compile(r"\.[A-Za-z0-9_-]{22,64}\.partial-[0-9a-f]+")
_ID = re.compile(r"[A-Za-z0-9_-]{22,64}")


def new_id() -> str:
    """128 bits at random, fit for a URL and a folder."""
    while True:  # no id looks like an option of a command
        found = secrets.token_urlsafe(16)
        if not found.startswith("-"):
            return found


def is_id(text: str) -> bool:
    """Whether it could be an id of ours: no dots, no slashes, nothing that leaves a folder."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a session without opening it."""

    id: str
    study: str
    start: str  # "automatic", or the label of a drawing
    begun: str  # ISO time, UTC


class WorkFolder:
    """The folder, held by this process until `let_go`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        try:
            for name in ("", "cache", "sessions", "exports"):
                # 0700: patients' images and what was made of them
                (place / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held = Held(place)
            self._key = self._read_key()
            self._sweep()
        except OSError as error:
            raise OutputFailed(
                f"--work {place.name!r:.80} can't be used ({error.strerror})",
                "a folder that may be written to, on a disk with room",
                "name another folder",
            ) from error

    @property
    def audit(self) -> Path:
        """The audit file."""
        return self.place / "audit.jsonl"

    @property
    def cache(self) -> Path:
        """Automatic results."""
        return self.place / "cache"

    def id_of(self, key: str) -> str:
        """The same key has the same id at every start, and nobody finds one from the other."""
        return "s" + hmac.new(self._key, key.encode(), hashlib.sha256).hexdigest()[:32]

    def session(self, session_id: str) -> Path:
        """Where a session lies or will lie."""
        return self.place / "sessions" / _checked(session_id) / "session"

    def keep_about(self, about: About) -> None:
        """From now on the session counts."""
        path = self.session(about.id).with_name("about.json")
        atomic_write(path, json.dumps(asdict(about)).encode())

    def discard(self, session_id: str) -> None:
        """Remove what a beginning that failed left."""
        shutil.rmtree(self.session(session_id).parent, ignore_errors=True)

    def sessions(self) -> Iterator[About]:
        """Every session, oldest first; what can't be read is left out."""
        found = []
        for path in (self.place / "sessions").glob("*/about.json"):
            try:
                about = About(**json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                continue
            if about.id == path.parent.name and is_id(about.id):
                found.append(about)
        yield from sorted(found, key=lambda a: (a.begun, a.id))

    def export(self, export_id: str) -> Path:
        """Where an export lies or will lie."""
        return self.place / "exports" / _checked(export_id)

    def manifest(self, export_id: str) -> Path:
        """What describes it."""
        return self.place / "exports" / f"{_checked(export_id)}.json"

    def manifests(self) -> Iterator[Path]:
        """Of every export."""
        yield from sorted((self.place / "exports").glob("*.json"))

    def let_go(self) -> None:
        """Another server may have it."""
        self._held.let_go()

    def _sweep(self) -> None:
        """Clear what a killed process had begun and nobody was told of; ours by its name alone."""
        for path in (self.place / "sessions").iterdir():
            if is_id(path.name) and not (path / "about.json").exists():
                shutil.rmtree(path, ignore_errors=True)
        for path in (self.place / "exports").iterdir():
            own = _PARTIAL.fullmatch(path.name)
            whole = own is None and self.place.joinpath("exports", f"{path.name}.json").exists()
            if path.is_dir() and (own or is_id(path.name)) and not whole:
                shutil.rmtree(path, ignore_errors=True)

    def _read_key(self) -> bytes:
        path = self.place / "key"
        if path.exists():
            key = path.read_bytes()
            if len(key) != _KEY_BYTES:
                raise InputRefused(
                    f"{path.name} in --work has {len(key)} bytes",
                    f"the {_KEY_BYTES} that hnuiseg wrote",
                    "put it back from a copy; without it no session is found by its study: "
                    "`hnuiseg refine --session` opens each under sessions/, and a server needs "
                    "another --work folder",
                )
            return key
        key = secrets.token_bytes(_KEY_BYTES)
        atomic_write(path, key)
        os.chmod(path, 0o600)
        return key


def _checked(text: str) -> str:
    if not is_id(text):
        raise InputRefused("an id of another shape", "ids that hnuiseg made", "read the list again")
    return text
