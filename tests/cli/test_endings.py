"""Every ending is an exit status of DESIGN 5 and one line on stderr."""

import errno
import logging
import warnings
from collections.abc import Callable

import pytest

from hnuiseg.cli.main import cli, run
from hnuiseg.errors import (
    HnuisegError,
    InputRefused,
    ModelMismatch,
    OutputFailed,
    WarningsUnderStrict,
    WrongCall,
)

Call = Callable[..., tuple[int, str, str]]


def _ends_with(error: BaseException | type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_options: object) -> None:
        raise error

    monkeypatch.setattr(cli.commands["models"], "callback", fail)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (HnuisegError, 1),
        (WrongCall, 2),
        (InputRefused, 3),
        (WarningsUnderStrict, 4),
        (ModelMismatch, 5),
        (OutputFailed, 6),
    ],
)
def test_our_errors_are_one_line_with_their_status(
    kind: type[HnuisegError], status: int, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ends_with(kind("a thing\nwith a break", "another", "change it"), monkeypatch)
    expected = "error: a thing with a break; allowed: another; what to do: change it\n"
    assert call("models") == (status, "", expected)


def test_interruption_is_130_and_one_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_with(KeyboardInterrupt, monkeypatch)
    status, out, err = call("models")
    assert (status, out, err.strip()) == (130, "", "interrupted: earlier outputs are as they were")


def test_the_unexpected_is_one_line_with_a_hint(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ends_with(ZeroDivisionError("by\nnought"), monkeypatch)
    status, out, err = call("models")
    assert (status, out) == (1, "")
    assert err.startswith("error: a fault of hnuiseg: ZeroDivisionError: by nought")
    assert err.count("\n") == 1
    assert "--debug" in err


def test_debug_shows_where(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_with(ZeroDivisionError("by nought"), monkeypatch)
    assert "Traceback" in call("--debug", "models")[2]
    monkeypatch.setenv("HNUISEG_DEBUG", "1")
    assert "Traceback" in call("models")[2]


def test_memory_running_out_is_said_in_plain_words(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ends_with(MemoryError(), monkeypatch)
    status, _, err = call("models")
    assert status == 1
    assert err.startswith("error: memory ran out")


def test_a_reader_that_has_enough_is_no_error(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hnuiseg.cli.main.os.dup2", lambda *_: None)  # pytest needs its stdout
    _ends_with(BrokenPipeError(errno.EPIPE, ""), monkeypatch)
    assert call("models") == (0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["segment"],
        ["segment", "--ct", "a.nii", "--out", "b", "--samples", "0"],
        ["segment", "--ct", "a.nii", "--out", "b", "--samples", "many"],
        ["segment", "--ct", "a.nii", "--out", "b", "--no-such-option"],
        ["phantom", "--out", "b", "--patients", "0"],
    ],
)
def test_usage_errors_are_one_line_and_2(arguments: list[str], call: Call) -> None:
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "--help" in err


def test_libraries_are_quiet_unless_asked(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def noisy(**_options: object) -> None:
        warnings.warn("odd value in (0010,1010)", UserWarning, stacklevel=1)
        logging.getLogger("pydicom").warning("odd length")

    monkeypatch.setattr(cli.commands["models"], "callback", noisy)
    assert call("models") == (0, "", "")
    with pytest.warns(UserWarning, match="odd value"):
        assert "odd length" in call("--debug", "models")[2]


def test_run_leaves_logging_as_it_was() -> None:
    before = list(logging.getLogger().handlers)
    run(["nonsense"])
    assert logging.getLogger().handlers == before
