"""A session that is open: what is held in memory of it, and who may change it."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hnuiseg.interaction import InteractiveSession, Layer, Report, Session
from hnuiseg.interaction.boxes import Box, joined
from hnuiseg.interaction.canvas import touched
from hnuiseg.server.cases import Loaded
from hnuiseg.server.lease import Lease
from hnuiseg.server.refusals import Refused
from hnuiseg.server.turns import Turns
from hnuiseg.server.work_folder import About


@dataclass(frozen=True, slots=True)
class Grant:
    """What a change must bring: the lease of its tab, and the revision that it saw."""

    lease: str = field(repr=False)
    revision: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a change came to; `changed` is the box that has to be fetched again."""

    revision: str
    report: Report | None
    edit_id: int | None
    changed: Box | None
    latency_s: float


@dataclass(eq=False)
class OpenSession:
    """All of it; changes are made by the computing thread alone, within `turns.writing`."""

    about: About
    loaded: Loaded
    interactive: InteractiveSession
    lease: Lease
    unpin: Callable[[], None]
    turns: Turns = field(default_factory=Turns)
    used: float = field(default_factory=time.monotonic)
    closed: bool = False

    @property
    def revision(self) -> str:
        """The present one."""
        return revision_of(self.about.id, self.interactive.session)

    @property
    def held(self) -> bool:
        """Whether a tab holds it."""
        return self.lease.held(time.monotonic())

    def touch(self) -> None:
        """It is in use."""
        self.used = time.monotonic()

    def admit(self, grant: Grant) -> None:
        """Refused for a change by another tab, or of a state that is no longer there."""
        if self.closed:
            raise closed_session()
        self.lease.check(grant.lease)
        present = self.revision
        if grant.revision != present:
            raise Refused(
                409,
                "stale-revision",
                f"a change of revision {grant.revision[:20]!r}",
                f"the present revision, {present}",
                "fetch the session again, and decide again",
                revision=present,
            )


def revision_of(session_id: str, session: Session) -> str:
    """A short hash of all that the state follows from: the same after any restart.

    Numbers of edits are never used twice in a session, so acts and cursor say everything.
    """
    acts = [[act.what, list(act.edit_ids)] for act in session.acts]
    told = [session_id, session.study, session.model, acts, session.cursor, session.next_id]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:20]


def changed_box(before: Sequence[Layer], after: Sequence[Layer]) -> Box | None:
    """The smallest box that holds whatever differs; None where nothing does."""
    found: Box | None = None
    for box in touched(before, after):
        found = box if found is None else joined(found, box)
    return found


def closed_session() -> Refused:
    """It lies on disk, and has to be opened."""
    return Refused(
        409,
        "session-closed",
        "a request to a session that isn't open",
        "open sessions",
        "open it: it was closed after a while without use, and every edit was kept",
    )
