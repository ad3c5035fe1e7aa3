"""One thing at a time, in an order that can be seen; clicks before passes; passes end when told."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait

import pytest

from hnuiseg.server.lease import Lease
from hnuiseg.server.queue import Cancelled, ComputeQueue, Progress
from hnuiseg.server.refusals import Refused
from hnuiseg.server.turns import Turns


@pytest.fixture
def queue() -> Iterator[ComputeQueue]:
    made = ComputeQueue(most_waiting=20)
    yield made
    assert made.stop(5)


def test_law_clicks_go_before_passes_and_nothing_computes_twice(queue: ComputeQueue) -> None:
    order: list[str] = []
    busy = threading.Semaphore(1)
    gate = threading.Event()

    def note(name: str) -> None:
        assert busy.acquire(blocking=False)
        order.append(name)
        busy.release()

    running = threading.Event()

    def hold(_: Progress) -> None:
        running.set()
        gate.wait(5)

    first = queue.submit("edit", hold)
    assert running.wait(5)

    def noting(name: str) -> Callable[[Progress], None]:
        return lambda _: note(name)

    passes = [queue.submit("automatic", noting(f"pass {k}"), study=str(k)) for k in range(2)]
    clicks = [queue.submit("edit", noting(f"click {k}")) for k in range(3)]
    seen = [(view.kind, view.position) for view in queue.view()]
    assert seen == [("edit", 0), *[("edit", k) for k in (1, 2, 3)],
                    ("automatic", 4), ("automatic", 5)]  # fmt: skip
    assert queue.view_of(passes[1]).position == 5
    gate.set()
    wait([job.future for job in (first, *passes, *clicks)], 5)
    assert order == ["click 0", "click 1", "click 2", "pass 0", "pass 1"]
    assert queue.view() == ()


def test_a_pass_that_runs_lets_clicks_through(queue: ComputeQueue) -> None:
    began, clicked = threading.Event(), threading.Event()
    job = queue.submit("automatic", lambda progress: _until(progress, began, clicked))
    assert began.wait(5)
    click = queue.submit("edit", lambda _: clicked.set())
    assert click.future.result(5) is None
    assert job.future.result(5) == "let through"


def _until(progress: Progress, began: threading.Event, clicked: threading.Event) -> str:
    began.set()
    for k in range(5000):
        progress(k / 5000, "window")
        if clicked.is_set():
            return "let through"
        time.sleep(0.001)
    return "never"


def test_progress_and_time_left_are_shown(queue: ComputeQueue) -> None:
    shown, gate = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        progress(0.25, "")
        progress(0.2, "")  # never backwards
        shown.set()
        gate.wait(5)

    job = queue.submit("automatic", work, study="s")
    assert shown.wait(5)
    (view,) = queue.view()
    assert (view.progress, view.state, view.study) == (0.25, "running", "s")
    assert view.eta_s is not None
    gate.set()
    job.future.result(5)
    assert queue.view_of(job).state == "done"


def test_a_pass_is_cancelled_waiting_or_running(queue: ComputeQueue) -> None:
    began = threading.Event()
    running = queue.submit("automatic", lambda p: _until(p, began, threading.Event()))
    waiting = queue.submit("automatic", lambda _: None)
    assert began.wait(5)
    for job in (waiting, running):
        queue.cancel(job.id)
        with pytest.raises(Cancelled):
            job.future.result(5)
        assert queue.view_of(job).state == "cancelled"
    with pytest.raises(Refused, match="no job"):
        queue.cancel(running.id)


def test_an_edit_is_not_cancelled(queue: ComputeQueue) -> None:
    gate = threading.Event()
    edit = queue.submit("edit", lambda _: gate.wait(5))
    with pytest.raises(Refused) as refused:
        queue.cancel(edit.id)
    assert refused.value.status == 409
    gate.set()
    assert edit.future.result(5) is True


def test_a_fault_ends_its_own_job_only(queue: ComputeQueue) -> None:
    bad = queue.submit("edit", lambda _: 1 / 0)
    good = queue.submit("edit", lambda _: 1)
    assert good.future.result(5) == 1
    assert isinstance(bad.future.exception(5), ZeroDivisionError)


def test_a_job_that_nobody_waits_for_any_more_harms_no_other(queue: ComputeQueue) -> None:
    gate = threading.Event()
    running = queue.submit("edit", lambda _: gate.wait(5))
    left, also = queue.submit("edit", lambda _: 1), queue.submit("automatic", lambda _: 1)
    assert left.future.cancel()
    assert also.future.cancel()
    queue.cancel(also.id)
    gate.set()
    assert running.future.result(5)
    assert queue.submit("edit", lambda _: 2).future.result(5) == 2
    assert queue.view_of(left).state == queue.view_of(also).state == "cancelled"


def test_too_much_that_waits_is_refused(queue: ComputeQueue) -> None:
    gate = threading.Event()
    jobs = [queue.submit("edit", lambda _: gate.wait(5))]
    with pytest.raises(Refused) as refused:
        jobs += [queue.submit("edit", lambda _: None) for _ in range(30)]
    assert refused.value.status == 429
    gate.set()


def test_law_at_the_end_what_runs_is_finished_and_what_waits_refused() -> None:
    queue = ComputeQueue()
    began, gate = threading.Event(), threading.Event()

    def edit(_: Progress) -> str:
        began.set()
        gate.wait(5)
        return "whole"

    running, waiting = queue.submit("edit", edit), queue.submit("edit", lambda _: None)
    assert began.wait(5)
    queue.refuse_more()
    with pytest.raises(Refused) as refused:
        queue.submit("edit", lambda _: None)
    assert refused.value.status == 503
    assert isinstance(waiting.future.exception(5), Refused)
    gate.set()
    assert running.future.result(5) == "whole"
    assert queue.stop(5)


def test_a_pass_ends_at_its_next_window_when_the_server_ends() -> None:
    queue = ComputeQueue()
    began = threading.Event()
    job = queue.submit("automatic", lambda p: _until(p, began, threading.Event()))
    assert began.wait(5)
    assert queue.stop(5)
    assert isinstance(job.future.exception(0), Cancelled)


# leases and turns


def test_law_one_tab_at_a_time() -> None:
    lease = Lease(10.0)
    mine = lease.take(0.0)
    assert len(mine) >= 32
    assert lease.held(9.9)
    with pytest.raises(Refused, match="another tab"):
        lease.take(5.0)
    assert lease.take(5.0, token=mine) == mine
    theirs = lease.take(6.0, over=True)
    for token in (mine, "", theirs + "x", "ä"):
        with pytest.raises(Refused):
            lease.check(token)
        with pytest.raises(Refused):
            lease.renew(token, 6.0)
    lease.check(theirs)


def test_a_lease_that_ran_out_is_its_holders_until_somebody_takes_it() -> None:
    lease = Lease(10.0)
    mine = lease.take(0.0)
    assert not lease.held(11.0)
    lease.renew(mine, 11.0)
    assert lease.held(20.0)
    theirs = lease.take(22.0)
    with pytest.raises(Refused):
        lease.renew(mine, 22.0)
    lease.drop(theirs)
    assert not lease.held(22.0)


def test_readers_together_a_writer_alone() -> None:
    turns = Turns()
    inside: list[str] = []
    both = threading.Barrier(2, timeout=5)

    def read() -> None:
        with turns.reading():
            both.wait()
            inside.append("reader")

    def write() -> None:
        with turns.writing():
            inside.append("writer in")
            time.sleep(0.02)
            inside.append("writer out")

    readers = [threading.Thread(target=read) for _ in range(2)]
    with turns.writing():
        for thread in readers:
            thread.start()
        assert inside == []
    for thread in readers:
        thread.join(5)
    writers = [threading.Thread(target=write) for _ in range(3)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join(5)
    assert inside == ["reader"] * 2 + ["writer in", "writer out"] * 3
