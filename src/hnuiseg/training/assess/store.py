"""An assessment's folder: what it was started with, and each case as soon as it is measured."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnuiseg.errors import OutputFailed
from hnuiseg.files import atomic_write
from hnuiseg.training.data import CaseRef

RECORD = "assessment.json"
PATIENTS = "patients"


@dataclass(frozen=True, slots=True)
class Store:
    """`record` is everything that decides a measure, but for the case itself."""

    folder: Path
    record: dict[str, Any]

    def claim(self, *, resume: bool) -> None:
        """The folder for this assessment; OutputFailed where it holds another.

        So it is where it holds this one and `resume` isn't asked for, or anything else.
        """
        wanted = json.dumps(self.record, indent=1, sort_keys=True).encode()
        file = self.folder / RECORD
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = any(self.folder.iterdir())
            same = file.exists() and file.read_bytes() == wanted
            if there and not same:
                raise OutputFailed(
                    f"{self.folder.name} holds something else, or an assessment of another model, "
                    "data set, option or version",
                    "a new folder, or the same assessment to go on with",
                    "name another --out",
                )
            if there and not resume:
                raise OutputFailed(
                    f"{self.folder.name} holds this assessment already",
                    "a new folder, or --resume to go on",
                    "add --resume",
                )
            if not there:
                atomic_write(file, wanted)
            (self.folder / PATIENTS).mkdir(exist_ok=True)
        except OSError as error:
            raise OutputFailed(
                f"{self.folder.name} can't be used ({error.strerror})",
                "a folder that can be written to",
                "choose another --out",
            ) from error

    def read(self, ref: CaseRef) -> dict[str, Any] | None:
        """What was measured of a case; None where it wasn't, or was of another state of it."""
        try:
            said: dict[str, Any] = json.loads(self._file(ref).read_text())
            return said if said["key"] == self._key(ref) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def write(self, ref: CaseRef, rows: list[dict[str, Any]]) -> None:
        """Keep a case's rows, whole or not at all."""
        said = {"key": self._key(ref), "case": ref.name, "patient": ref.patient, "answers": rows}
        atomic_write(self._file(ref), json.dumps(said, allow_nan=False).encode())

    def _file(self, ref: CaseRef) -> Path:
        return self.folder / PATIENTS / f"{ref.name}.json"

    def _key(self, ref: CaseRef) -> str:
        said = json.dumps([self.record, ref.name, ref.entry.sha256], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()
