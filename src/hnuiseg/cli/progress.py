"""Progress on stderr with the time left, for what takes longer than two seconds.

On a terminal a bar that vanishes at the end; elsewhere plain lines, a few seconds apart.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

QUIET_S = 2.0
_LINE_EVERY_S = 10.0


@contextmanager
def progress(stream: TextIO | None = None, quiet_s: float = QUIET_S) -> Iterator["Progress"]:
    """A `Progress` to report to, taken off the screen at the end, however that comes."""
    shown = Progress(stream or sys.stderr, quiet_s)
    try:
        yield shown
    finally:
        shown.close()


class Progress:
    """What is being done, how far it is, and how long it will take."""

    def __init__(self, stream: TextIO, quiet_s: float = QUIET_S) -> None:
        self._stream = stream
        self._what = "Starting"
        self._fraction: float | None = None
        self._began = time.monotonic()
        self._last_line = 0.0
        self._visible = False
        self._closed = False
        self._bar: Bar | None = None
        self._lock = threading.RLock()  # the timer shows what the main thread reports
        self._timer = threading.Timer(quiet_s, self._show)
        self._timer.daemon = True
        self._timer.start()

    def __call__(self, fraction: float | None, what: str) -> None:
        """Report how far `what` is (0 to 1; None where it can't be said)."""
        with self._lock:
            if fraction is None or fraction < (self._fraction or 0.0):  # another step begins
                self._began, self._last_line = time.monotonic(), 0.0
            self._what = what
            self._fraction = None if fraction is None else min(1.0, max(0.0, fraction))
            if self._visible and not self._closed:
                self._draw()

    @property
    def named_first(self) -> Callable[[str, float], None]:
        """The same, for callers that say what before how far."""
        return lambda what, fraction: self(fraction, what)

    def within(self, step: str) -> Callable[[float, str], None]:
        """The same, for a callee that names its parts only."""
        return lambda fraction, part: self(fraction, f"{step}, {part}")

    def close(self) -> None:
        """Take the bar away; nothing is drawn afterwards."""
        with self._lock:
            self._timer.cancel()
            self._closed = True
            if self._bar is not None:
                self._bar.stop()

    def seconds_left(self) -> float | None:
        """From the pace of this step so far; None before there is any."""
        if not self._fraction:
            return None
        return (time.monotonic() - self._began) * (1.0 - self._fraction) / self._fraction

    def _show(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._visible = True
            if self._stream.isatty():
                self._bar = _terminal_bar(self._stream)
                self._bar.add_task(self._what, total=None, left="")
                self._bar.start()
            self._draw()

    def _draw(self) -> None:
        left = self.seconds_left()
        said = "" if left is None else f"{clock(left)} left"
        if self._bar is not None:
            total = None if self._fraction is None else 1.0
            task = self._bar.task_ids[0]
            self._bar.update(
                task,
                description=self._what,
                total=total,
                completed=self._fraction or 0.0,
                left=said,
            )
            return
        now = time.monotonic()
        if self._last_line and now - self._last_line < _LINE_EVERY_S:
            return
        self._last_line = now
        done = "" if self._fraction is None else f" {100 * self._fraction:.0f} %"
        print(f"{self._what}{done}{', ' if said else ''}{said}", file=self._stream, flush=True)


def _terminal_bar(stream: TextIO) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=Console(file=stream),
        transient=True,
    )


def clock(seconds: float) -> str:
    """A span of time for people."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
