"""Progress is quiet at first, says how long, and is plain where nobody looks."""

import io
import time

from hnuiseg.cli.progress import Progress, progress


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def _after(stream: io.StringIO, quiet_s: float = 0.0) -> Progress:
    shown = Progress(stream, quiet_s)
    time.sleep(0.05)  # the timer's thread comes first
    return shown


def test_what_is_over_at_once_shows_nothing() -> None:
    stream = io.StringIO()
    with progress(stream, quiet_s=60.0) as shown:
        shown(0.5, "Reading")
    assert stream.getvalue() == ""


def test_plain_lines_say_what_how_far_and_how_long() -> None:
    stream = io.StringIO()
    shown = _after(stream)
    shown(None, "Reading")
    shown._began -= 30.0  # as if half had taken thirty seconds
    shown._last_line -= 30.0
    shown(0.5, "Segmenting")
    shown.close()
    assert stream.getvalue().splitlines()[-1] == "Segmenting 50 %, 30 s left"
    assert "\x1b" not in stream.getvalue()


def test_plain_lines_are_seconds_apart() -> None:
    stream = io.StringIO()
    shown = _after(stream)
    for step in range(1000):
        shown(step / 1000, "Segmenting")
    shown.close()
    assert len(stream.getvalue().splitlines()) <= 3


def test_each_step_has_its_own_pace() -> None:
    shown = Progress(io.StringIO(), quiet_s=60.0)
    shown(0.9, "Reading")
    shown._began -= 900.0
    shown(0.1, "Segmenting")
    left = shown.seconds_left()
    shown.close()
    assert left is not None
    assert left < 1.0


def test_a_terminal_gets_a_bar_and_is_left_clean() -> None:
    stream = _Screen()
    shown = _after(stream)
    shown(0.25, "Segmenting")
    shown.close()
    said = stream.getvalue()
    assert "Segmenting" in said
    assert said.endswith("\x1b[2K") or "\x1b[1A" in said  # the bar's line is erased


def test_nothing_is_drawn_after_the_end() -> None:
    stream = io.StringIO()
    shown = _after(stream)
    shown.close()
    before = stream.getvalue()
    shown(0.5, "late")
    assert stream.getvalue() == before


def test_both_orders_of_arguments() -> None:
    shown = Progress(io.StringIO(), quiet_s=60.0)
    shown.named_first("Reading", 0.5)
    assert shown._what == "Reading"
    shown.within("Segmenting")(0.7, "member 1 of 2")
    assert shown._what == "Segmenting, member 1 of 2"
    shown.close()
