"""`Desk`: all that the server can do, without a word of HTTP.

Who may run at once: one thread computes and is the only one that opens, closes and changes
sessions (`queue.py`). Any thread may read an open session within `turns.reading`, and the network
thinks outside of `turns.writing`, so pictures come while a click is answered. What is acknowledged
was written first to the session's folder, then to the audit file.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from hnuiseg.errors import OutputFailed
from hnuiseg.interaction import Edit, InteractiveSession
from hnuiseg.interaction.edits import check_edit, kind_of
from hnuiseg.server import exports
from hnuiseg.server.cases import Loaded, Shelf
from hnuiseg.server.exports import Exported
from hnuiseg.server.history import Approval, History, checked_name
from hnuiseg.server.lease import Lease
from hnuiseg.server.limits import Limits
from hnuiseg.server.open_session import (
    Done,
    Grant,
    OpenSession,
    changed_box,
    closed_session,
)
from hnuiseg.server.queue import ComputeQueue, Job, Progress
from hnuiseg.server.refusals import Refused, unknown
from hnuiseg.server.roll import Roll
from hnuiseg.server.sources import Answering, Drawing, Source
from hnuiseg.server.work_folder import About, WorkFolder, new_id

AUTOMATIC = "automatic"


class Desk:
    """The server's state, from its start to its stop."""

    def __init__(
        self,
        work: WorkFolder,
        sources: Sequence[Source],
        drawings: Sequence[Drawing],
        answering: Answering,
        limits: Limits | None = None,
    ) -> None:
        self.work = work
        self.limits = limits or Limits()
        self.history = History(work.audit)
        self.history.record("server-started", studies=len(sources))
        self.queue = ComputeQueue()
        self.drawings = {work.id_of(d.key): d for d in drawings}
        self._answering = answering
        self._shelf = Shelf(answering, self.limits.spare_cases)
        self._open: dict[str, OpenSession] = {}
        self.roll = Roll(work, self.history, self.queue, self._shelf, sources, self._revision)
        self._sweep: Job | None = None  # the latest one
        self._stopped = False

    @property
    def model_name(self) -> str:
        """Of the model that answers."""
        return self._answering.card.name

    # opening and closing sessions

    def begin(self, study_id: str, start: str = AUTOMATIC) -> Job:
        """A new session of a study; its job ends with an `OpenSession`."""
        study = self.roll.known(study_id)
        drawing = None if start == AUTOMATIC else self.drawings.get(start)
        if start != AUTOMATIC and drawing is None:
            raise unknown("start")
        if drawing is None and study.start is None:
            raise Refused(
                409,
                "not-ready",
                "a session from an automatic result that isn't there",
                "studies whose automatic pass is done, or a session from a drawing",
                "start the automatic pass first, and wait for it",
            )
        self._check_room()

        def work(progress: Progress) -> OpenSession:
            self._check_room()
            loaded = self._shelf.load(study.id, study.source, progress)
            begun = study.start if drawing is None else drawing.begin(loaded.case, study.source)
            assert begun is not None  # a start, once found, stays
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            label = AUTOMATIC if drawing is None else drawing.label
            about = About(new_id(), study.id, label, now)
            place = self.work.session(about.id)
            try:
                interactive = InteractiveSession.begin(place, loaded.case, begun, loaded.network)
                try:
                    session = self._opened(about, loaded, interactive)
                    self.history.record("session-begun", **_told(session))
                    self.work.keep_about(about)
                except BaseException:
                    self._shut(about.id, interactive)
                    raise
            except BaseException:
                self.work.discard(about.id)
                raise
            return session

        return self.queue.submit("open", work, study=study.id)

    def open_again(self, session_id: str) -> Job:
        """A session that lies on disk, bit for bit as it was; or the one that is open."""
        about = next((a for a in self.work.sessions() if a.id == session_id), None)
        if about is None:
            raise unknown("session")
        study = self.roll.known(about.study)
        if session_id not in self._open:
            self._check_room()

        def work(progress: Progress) -> OpenSession:
            found = self._open.get(session_id)
            if found is not None:
                found.touch()
                return found
            self._check_room()
            loaded = self._shelf.load(study.id, study.source, progress)
            place = self.work.session(session_id)
            interactive = InteractiveSession.open_again(place, loaded.case, loaded.network)
            try:
                known = self.history.revision(session_id)
                session = self._opened(about, loaded, interactive)
                # a process killed between a session's file and this one: said, not hidden
                more = {} if known == session.revision else {"recorded_before": known}
                self.history.record("session-opened", **_told(session), **more)
            except BaseException:
                self._shut(session_id, interactive)
                raise
            return session

        return self.queue.submit("open", work, study=study.id, session=session_id)

    def session(self, session_id: str, *, use: bool = True) -> OpenSession:
        """An open session; with `use` it counts as used now."""
        found = self._open.get(session_id)
        if found is None:
            if any(about.id == session_id for about in self.work.sessions()):
                raise closed_session()
            raise unknown("session")
        if use:
            found.touch()
        return found

    def close(self, session_id: str, lease: str) -> Job:
        """Close an open session after what waits; nothing is lost."""
        session = self.session(session_id)
        session.lease.check(lease)

        def work(_: Progress) -> None:
            session.lease.check(lease)
            self._close(session)

        return self.queue.submit("open", work, study=session.about.study, session=session_id)

    def sweep(self) -> None:
        """Close, in their turn, sessions that nobody used for long."""

        def work(_: Progress) -> None:
            for session in list(self._open.values()):
                if time.monotonic() - session.used >= self.limits.idle_s:
                    self._close(session)

        if self._sweep is not None and not self._sweep.future.done():
            return  # one that waits is enough, however long the others take
        now = time.monotonic()
        if any(now - session.used >= self.limits.idle_s for session in list(self._open.values())):
            self._sweep = self.queue.submit("housekeeping", work)

    # changing a session

    def edit(self, session_id: str, grant: Grant, edit: Edit, members: int | None) -> Job:
        """Do an edit; its job ends with `Done`."""
        check_edit(edit)
        asked = self.limits.members if members is None else members

        def work(session: OpenSession) -> tuple[str, dict[str, object]]:
            change = session.interactive.change(edit, asked)
            with session.turns.writing():
                session.interactive.take(edit, change)
            edit_id = session.interactive.edits[-1][0]
            return "edit", {"edit": edit_id, "kind": kind_of(edit)}

        return self._changed(session_id, grant, work)

    def undo(self, session_id: str, grant: Grant) -> Job:
        """Take the last act back."""
        return self._moved(session_id, grant, "undo", lambda s: s.undo())

    def redo(self, session_id: str, grant: Grant) -> Job:
        """Do it again."""
        return self._moved(session_id, grant, "redo", lambda s: s.redo())

    def remove(self, session_id: str, grant: Grant, edit_id: int) -> Job:
        """Take one edit out."""
        return self._moved(
            session_id, grant, "remove", lambda s: s.remove(edit_id), {"edit": edit_id}
        )

    def approve(self, session_id: str, grant: Grant, name: str) -> Job:
        """Keep that a person took the session as it is; its job ends with an `Approval`."""
        person = checked_name(name)
        session = self.session(session_id)
        session.admit(grant)

        def work(_: Progress) -> Approval:
            session.admit(grant)
            record = self.history.record("approved", name=person, **_told(session))
            return Approval(person, str(record["time"]), session.revision)

        return self.queue.submit("edit", work, study=session.about.study, session=session_id)

    def export(self, session_id: str, grant: Grant, formats: Sequence[str]) -> Job:
        """Write outputs; its job ends with an `Exported`."""
        session = self.session(session_id)
        session.admit(grant)
        began = datetime.now(UTC)

        def work(_: Progress) -> Exported:
            session.admit(grant)
            made = exports.export(self.work, session, self._answering.card, formats, began)
            files = {file.name: file.sha256 for file in made.files}
            try:
                self.history.record("exported", export=made.id, files=files, **_told(session))
            except BaseException:
                exports.discard(self.work, made.id)
                raise
            return made

        return self.queue.submit("export", work, study=session.about.study, session=session_id)

    # the end

    def refuse_more(self) -> None:
        """No new work from now on; safe to call twice, and from anywhere."""
        self.queue.refuse_more()

    def stop(self, patience_s: float = 30.0) -> None:
        """Let what runs end, close everything and let the folder go.

        All of it is done even where the audit file can't be written; OutputFailed says so then.
        """
        if self._stopped:
            return
        self._stopped = True
        ended = False
        with ExitStack() as left:  # last in, first out
            left.callback(self.work.let_go)
            left.callback(lambda: self.history.record("server-stopped", clean=ended))
            ended = self.queue.stop(patience_s)  # a second signal may end the waiting
            if ended:  # else an edit is still being made: it is abandoned whole with the process
                for session in list(self._open.values()):
                    left.callback(self._close, session)

    # within

    def _moved(
        self,
        session_id: str,
        grant: Grant,
        what: str,
        move: Callable[[InteractiveSession], None],
        more: dict[str, object] | None = None,
    ) -> Job:
        def work(session: OpenSession) -> tuple[str, dict[str, object]]:
            with session.turns.writing():
                move(session.interactive)
            return what, more or {}

        return self._changed(session_id, grant, work)

    def _changed(
        self,
        session_id: str,
        grant: Grant,
        change: Callable[[OpenSession], tuple[str, dict[str, object]]],
    ) -> Job:
        """A change in its turn: allowed when asked, still allowed when its turn comes, recorded."""
        asked = time.monotonic()
        session = self.session(session_id)
        session.admit(grant)

        def work(_: Progress) -> Done:
            session.admit(grant)
            before = session.interactive.session
            what, more = change(session)
            after = session.interactive.session
            session.touch()
            try:
                self.history.record(what, before=grant.revision, **_told(session), **more)
            except OutputFailed as error:
                came, allowed, remedy = error.args
                raise OutputFailed(f"the change is kept, but {came}", allowed, remedy) from error
            new = {layer.edit_id for layer in after.layers} - {k.edit_id for k in before.layers}
            added = what == "edit" and bool(new)
            return Done(
                session.revision,
                after.layers[-1].report if added else None,
                after.layers[-1].edit_id if added else None,
                changed_box(before.layers, after.layers),
                time.monotonic() - asked,
            )

        return self.queue.submit("edit", work, study=session.about.study, session=session_id)

    def _opened(self, about: About, loaded: Loaded, interactive: InteractiveSession) -> OpenSession:
        unpin = self._shelf.pin(about.study)
        lease = Lease(self.limits.lease_s)
        session = OpenSession(about, loaded, interactive, lease, unpin)
        self._open[about.id] = session
        with suppress(Refused):  # no room in the queue, or the end: the first click then pays
            self.queue.submit("housekeeping", lambda _: self._answering.prepare(loaded.network))
        return session

    def _shut(self, session_id: str, interactive: InteractiveSession) -> None:
        """Undo `_opened`."""
        session = self._open.pop(session_id, None)
        if session is not None:
            session.closed = True
            session.unpin()
        interactive.close()

    def _close(self, session: OpenSession) -> None:
        with session.turns.writing():  # not while somebody reads
            self._shut(session.about.id, session.interactive)
        self.history.record("session-closed", **_told(session))

    def _revision(self, session_id: str) -> str | None:
        session = self._open.get(session_id)
        return None if session is None else session.revision

    def _check_room(self) -> None:
        if len(self._open) >= self.limits.sessions:
            raise Refused(
                429,
                "too-many-sessions",
                f"a session beside {len(self._open)} open ones",
                f"{self.limits.sessions} open at once, as each holds its images in memory",
                "close one; it can be opened again, and no edit is lost",
            )


def _told(session: OpenSession) -> dict[str, str]:
    """What every record of a session says; the CT by the hash of its voxels, not by a name."""
    return {
        "session": session.about.id,
        "study": session.about.study,
        "ct_sha256": session.interactive.session.study,
        "revision": session.revision,
    }
