"""All computing, one thing at a time, in an order that everybody can see.

One thread works. What a person waits for (opening, clicks, exports) goes before automatic passes
that wait, and an automatic pass that runs lets it through between two windows: its progress call is
where it pauses, and where it ends when it is cancelled. So no two things compute at once, and no
click waits for a whole pass.
"""

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from hnuiseg.server.refusals import Refused, unknown

Kind = Literal["automatic", "open", "edit", "export", "housekeeping"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
Progress = Callable[[float, str], None]
_T = TypeVar("_T")
MOST_WAITING = 64


class Cancelled(Refused):
    """A pass that somebody called off."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "cancelled",
            "an automatic pass that was cancelled",
            "one that runs to its end",
            "start it again",
        )


def stopping() -> Refused:
    """No new work."""
    return Refused(
        503,
        "stopping",
        "a request to a server that is ending",
        "requests to a running server",
        "start `hnuiseg serve` again; every acknowledged edit is on disk",
    )


@dataclass(eq=False)
class Job:
    """One piece of work, from asking for it to its end."""

    kind: Kind
    study: str | None
    session: str | None
    work: Callable[[Progress], Any]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    future: "Future[Any]" = field(default_factory=Future)
    state: JobState = "waiting"
    fraction: float = 0.0
    began: float | None = None
    paused_s: float = 0.0  # while clicks went first
    cancel: bool = False

    @property
    def cancellable(self) -> bool:
        """Edits are whole or not there; passes can be called off."""
        return self.kind == "automatic"

    def eta_s(self, now: float) -> float | None:
        """Seconds left, from the pace so far; None before there is any."""
        if self.state != "running" or self.began is None or not self.fraction:
            return None
        spent = now - self.began - self.paused_s
        return max(0.0, spent * (1.0 - self.fraction) / self.fraction)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as others see it."""

    id: str
    kind: Kind
    study: str | None
    session: str | None
    state: JobState
    position: int  # 0: it runs
    progress: float  # 0 to 1
    eta_s: float | None


class ComputeQueue:
    """The thread and what waits for it."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most = most_waiting
        self._changed = threading.Condition()
        self._urgent: list[Job] = []
        self._patient: list[Job] = []
        self._running: list[Job] = []  # innermost last: a click within a pass
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="compute", daemon=True)
        self._thread.start()

    def submit(
        self,
        kind: Kind,
        work: Callable[[Progress], _T],
        *,
        study: str | None = None,
        session: str | None = None,
    ) -> Job:
        """Put work in its place; its `future` has the answer. Refused where too much waits."""
        job = Job(kind, study, session, work)
        with self._changed:
            if self._stopping:
                raise stopping()
            if len(self._urgent) + len(self._patient) >= self._most:
                raise Refused(
                    429,
                    "queue-full",
                    f"more than {self._most} requests that wait to be computed",
                    f"up to {self._most}",
                    "wait for some of them, or cancel passes",
                )
            (self._patient if job.cancellable else self._urgent).append(job)
            self._changed.notify_all()
        return job

    def view(self) -> tuple[JobView, ...]:
        """What runs, innermost first, then what waits, in its order; housekeeping left out."""
        now = time.monotonic()
        with self._changed:
            running = list(reversed(self._running))
            waiting = [*self._urgent, *self._patient]
        shown = [(job, 0) for job in running]
        shown += [(job, place) for place, job in enumerate(waiting, start=1)]
        return tuple(_view(job, place, now) for job, place in shown if job.kind != "housekeeping")

    def view_of(self, job: Job) -> JobView:
        """One job, wherever it is."""
        with self._changed:
            waiting = [*self._urgent, *self._patient]
            place = waiting.index(job) + 1 if job in waiting else 0
        return _view(job, place, time.monotonic())

    def cancel(self, job_id: str) -> None:
        """Call a pass off; Refused for what isn't one, or is over."""
        with self._changed:
            everyone = {job.id: job for job in (*self._running, *self._urgent, *self._patient)}
            job = everyone.get(job_id)
            if job is None or job.kind == "housekeeping":
                raise unknown("job")
            if not job.cancellable:
                raise Refused(
                    409,
                    "not-cancellable",
                    f"the cancelling of something else than an automatic pass: {job.kind}",
                    "automatic passes",
                    "wait for it, and undo it then",
                )
            job.cancel = True
            if job in self._patient:
                self._patient.remove(job)
                _call_off(job, Cancelled())

    def refuse_more(self) -> None:
        """Take no new work, call passes off, and let what a person waits for end as it is."""
        with self._changed:
            self._stopping = True
            for job in (*self._urgent, *self._patient):
                _call_off(job, stopping())
            self._urgent.clear()
            self._patient.clear()
            for job in self._running:
                job.cancel = job.cancellable
            self._changed.notify_all()

    def stop(self, patience_s: float = 30.0) -> bool:
        """`refuse_more`, and wait for what runs; False where a session is still being changed."""
        self.refuse_more()
        self._thread.join(patience_s)
        with self._changed:  # a pass in the middle of a long window changes no session
            return all(job.cancellable for job in self._running)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._urgent or self._patient or self._stopping):
                    self._changed.wait()
                if self._stopping:
                    return
                job = self._taken(self._urgent or self._patient)
            self._run(job)

    def _taken(self, waiting: list[Job]) -> Job:
        """The first that waits, which runs from now on; with the lock, so that it is never lost to
        whoever cancels in between.
        """
        job = waiting.pop(0)
        self._running.append(job)
        job.state, job.began = "running", time.monotonic()
        return job

    def _run(self, job: Job) -> None:
        if not job.future.set_running_or_notify_cancel():  # whoever asked is gone
            job.state = "cancelled"
            self._ran(job)
            return
        try:
            answer = job.work(self._pause(job))
        except BaseException as error:
            job.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self._ran(job)
            job.future.set_exception(error)
        else:
            job.state, job.fraction = "done", 1.0
            self._ran(job)
            job.future.set_result(answer)

    def _ran(self, job: Job) -> None:
        with self._changed:
            self._running.remove(job)

    def _pause(self, job: Job) -> Progress:
        """What a job calls to say how far it is."""

        def said(fraction: float, what: str) -> None:
            job.fraction = min(1.0, max(job.fraction, float(fraction)))
            while job.cancellable and not job.cancel:
                with self._changed:
                    if not self._urgent:
                        break
                    first = self._taken(self._urgent)
                began = time.monotonic()
                self._run(first)
                job.paused_s += time.monotonic() - began
            if job.cancel:
                raise Cancelled

        return said


def _call_off(job: Job, why: Refused) -> None:
    """A job that never ran."""
    job.state = "cancelled"
    if job.future.set_running_or_notify_cancel():
        job.future.set_exception(why)


def _view(job: Job, place: int, now: float) -> JobView:
    return JobView(
        job.id, job.kind, job.study, job.session, job.state, place, job.fraction, job.eta_s(now)
    )
