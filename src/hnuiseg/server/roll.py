"""The studies of a server, their automatic passes, and the one word that says how far each is."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hnuiseg.errors import HnuisegError
from hnuiseg.interaction import Start
from hnuiseg.server.cases import Loaded, Shelf
from hnuiseg.server.history import Approval, History
from hnuiseg.server.queue import Cancelled, ComputeQueue, Job, JobView, Progress
from hnuiseg.server.refusals import fault, unknown, where_of
from hnuiseg.server.sources import Source
from hnuiseg.server.work_folder import About, WorkFolder

_LOG = logging.getLogger(__name__)

StudyState = Literal[
    "not-opened", "waiting", "predicting", "ready", "saved", "in-session", "approved", "failed"
]


@dataclass(eq=False)
class Study:
    """One study and what became of it."""

    id: str
    source: Source
    start: Start | None = None  # once found it stays: files of the cache, mapped
    job: Job | None = None
    problem: HnuisegError | None = None

    @property
    def in_queue(self) -> bool:
        """Whether its pass waits or runs."""
        return self.job is not None and self.job.state in ("waiting", "running")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session in the list of its study."""

    about: About
    is_open: bool
    approval: Approval | None
    approval_stands: bool


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study in the list."""

    id: str
    label: str
    state: StudyState
    job: JobView | None
    problem: HnuisegError | None
    in_memory: bool
    sessions: tuple[SessionRow, ...]


class Roll:
    """Every study that was named at the start."""

    def __init__(
        self,
        work: WorkFolder,
        history: History,
        queue: ComputeQueue,
        shelf: Shelf,
        sources: Sequence[Source],
        at: Callable[[str], str | None],
    ) -> None:
        self._work = work
        self._history = history
        self._queue = queue
        self._shelf = shelf
        self._at = at  # the revision of a session that is open
        self._asking = threading.Lock()
        ids = {work.id_of(source.key): source for source in sources}
        self._studies = {study_id: Study(study_id, source) for study_id, source in ids.items()}

    def rows(self) -> tuple[StudyRow, ...]:
        """In the order in which they were named."""
        sessions = tuple(self._work.sessions())
        return tuple(self._row(study, sessions) for study in self._studies.values())

    def row(self, study_id: str) -> StudyRow:
        """One of them."""
        return self._row(self.known(study_id), tuple(self._work.sessions()))

    def known(self, study_id: str) -> Study:
        """The study of an id; Refused where there is none."""
        found = self._studies.get(study_id)
        if found is None:
            raise unknown("study")
        return found

    def loaded(self, study_id: str) -> Loaded:
        """A study's images, where they are in memory."""
        return self._shelf.present(self.known(study_id).id)

    def predict(self, study_id: str) -> Job:
        """Its automatic pass, in the queue; the one that is there already where there is one."""
        study = self.known(study_id)

        def work(progress: Progress) -> None:
            study.problem = None
            try:
                loaded = self._shelf.load(study.id, study.source, progress)
                study.start = self._shelf.answering.start(loaded.case, progress)
            except Cancelled:
                raise
            except Exception as error:
                if isinstance(error, HnuisegError):
                    study.problem = error
                else:  # nobody else hears of it: no request waits for a pass
                    study.problem = fault()
                    _LOG.error("a fault: %s", where_of(error))
                raise

        with self._asking:  # two pages may ask at once
            if study.job is None or not study.in_queue:
                study.job = self._queue.submit("automatic", work, study=study.id)
            return study.job

    def _row(self, study: Study, every: Sequence[About]) -> StudyRow:
        sessions = tuple(self._session(about) for about in every if about.study == study.id)
        job = study.job
        return StudyRow(
            study.id,
            study.source.label,
            _state(study, sessions),
            None if job is None else self._queue.view_of(job),
            study.problem,
            self._shelf.holds(study.id),
            sessions,
        )

    def _session(self, about: About) -> SessionRow:
        revision = self._at(about.id)
        return SessionRow(
            about,
            revision is not None,
            self._history.approval(about.id),
            self._history.stands(about.id, revision),
        )


def _state(study: Study, sessions: Sequence[SessionRow]) -> StudyState:
    """What runs first, then how far people came, then the machine."""
    if study.job is not None and study.in_queue:
        return "waiting" if study.job.state == "waiting" else "predicting"
    if any(row.approval_stands for row in sessions):
        return "approved"
    if any(row.is_open for row in sessions):
        return "in-session"
    if sessions:
        return "saved"
    if study.start is not None:
        return "ready"
    return "not-opened" if study.problem is None else "failed"
