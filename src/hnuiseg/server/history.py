"""The audit file, and what is known from it: who approved what, and where each session stands."""

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnuiseg.errors import WrongCall
from hnuiseg.server.audit import Audit

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Approval:
    """A person, by the name that the person typed, took a session as it was at a revision."""

    name: str
    time: str  # ISO, UTC
    revision: str


class History:
    """Records go in, on disk first; the latest of each session comes out."""

    def __init__(self, path: Path) -> None:
        self._audit = Audit(path)
        self._lock = threading.Lock()
        self._approvals: dict[str, Approval] = {}
        self._revisions: dict[str, str] = {}
        for record in self._audit.found:
            self._learn(record)

    def record(self, what: str, **told: Any) -> dict[str, Any]:
        """Append a line; OutputFailed where it can't be, and then nothing may be acknowledged."""
        record = self._audit.append(what, **told)
        self._learn(record)
        return record

    def approval(self, session: str) -> Approval | None:
        """The latest one."""
        return self._approvals.get(session)

    def revision(self, session: str) -> str | None:
        """The one that the latest record of a session names."""
        return self._revisions.get(session)

    def stands(self, session: str, revision: str | None = None) -> bool:
        """Whether it was approved, and not changed since.

        `revision` of a session that is open: a change whose record failed was made all the same.
        """
        approval = self.approval(session)
        present = self.revision(session) if revision is None else revision
        return approval is not None and approval.revision == present

    @property
    def last(self) -> str:
        """Hash of the audit file's last line."""
        return self._audit.last

    def _learn(self, record: dict[str, Any]) -> None:
        session, revision = record.get("session"), record.get("revision")
        if not isinstance(session, str) or not isinstance(revision, str):
            return
        with self._lock:
            self._revisions[session] = revision
            if record.get("what") == "approved":
                self._approvals[session] = Approval(
                    str(record.get("name")), str(record.get("time")), revision
                )


def checked_name(name: str) -> str:
    """What a person typed as a name, spaces at its ends left out; WrongCall for none."""
    plain = name.strip()
    if not 1 <= len(plain) <= _LONGEST or not plain.isprintable() or not re.search(r"\w", plain):
        raise WrongCall(
            f"a name of {len(plain)} characters, or with characters that can't be shown",
            f"a name of 1 to {_LONGEST} characters in one line",
            "type the name of the person who approves",
        )
    return plain
