"""The command line: its commands, and how every ending becomes one line and an exit status.

Only click and the error family are imported here, so that `hnuiseg --help` is immediate
(DESIGN law 12).
"""

import contextlib
import errno
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from hnuiseg.cli.assess import assess, assess_compare
from hnuiseg.cli.benchmark import benchmark
from hnuiseg.cli.evaluate import evaluate
from hnuiseg.cli.inspect import inspect
from hnuiseg.cli.models import models
from hnuiseg.cli.phantom import phantom
from hnuiseg.cli.prepare import prepare
from hnuiseg.cli.publish import calibrate, ensemble, publish
from hnuiseg.cli.refine import refine
from hnuiseg.cli.runs import runs
from hnuiseg.cli.segment import segment
from hnuiseg.cli.serve import serve
from hnuiseg.cli.synthesize import synthesize
from hnuiseg.cli.train import train
from hnuiseg.errors import HnuisegError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_EPILOG = (
    "Exit status: 0 done; 1 a fault of hnuiseg; 2 wrong call; 3 input refused; 4 done, with "
    "warnings under --strict; 5 model can't be used; 6 output can't be written; 130 interrupted."
)


@click.group(
    name="hnuiseg",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="hnuiseg", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks and what libraries say.")
def cli(debug: bool) -> None:
    """Contours of head and neck tumours (GTVp) and nodes (GTVn) on PET/CT or CT.

    With a map of how sure each voxel is. For research only: nothing here is a medical device.
    """


_COMMANDS = (
    segment,
    refine,
    serve,
    inspect,
    phantom,
    models,
    evaluate,
    prepare,
    synthesize,
    train,
    runs,
    calibrate,
    publish,
    ensemble,
    assess,
    assess_compare,
    benchmark,
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """Run the command in `sys.argv` and leave with its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # batch systems, closed terminals
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; never raises.

    What went wrong is one line on stderr. Tracebacks, and the warnings and logs of libraries,
    are for `--debug` or HNUISEG_DEBUG=1.
    """
    debug = arguments[:1] == ["--debug"] or os.environ.get("HNUISEG_DEBUG") == "1"
    with _libraries(debug):
        try:
            cli.main(list(arguments), prog_name="hnuiseg", standalone_mode=False)
            sys.stdout.flush()
        except Exception as error:
            return _ending(error, debug)
        except KeyboardInterrupt:
            return _interrupted()
        except SystemExit:  # click leaves so, and only so, when stdout is closed
            return _reader_gone()
    return 0


def _ending(error: Exception, debug: bool) -> int:
    if isinstance(error, click.Abort):
        return _interrupted()
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return _reader_gone()
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return error.exit_code
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    line, status = _told(error, debug)
    click.echo("error: " + " ".join(line.split()), err=True)
    return status


def _told(error: Exception, debug: bool) -> tuple[str, int]:
    """One line for a person, and the exit status."""
    if isinstance(error, HnuisegError):
        return str(error), error.exit_status
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "hnuiseg"
        line = f"{error.format_message().rstrip('.')}; what to do: see `{path} --help`"
        return line, error.exit_code
    fault = HnuisegError.exit_status
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "memory ran out; what to do: close other programs, or use --no-uncertainty", fault
    hint = "" if debug else "; what to do: run again with `hnuiseg --debug …` and report the output"
    return f"a fault of hnuiseg: {type(error).__name__}: {str(error)[:200]}{hint}", fault


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _interrupted() -> int:
    click.echo("interrupted: earlier outputs are as they were", err=True)
    return INTERRUPTED


def _reader_gone() -> int:
    """The reader of stdout has enough (`| head`): not an error, and no second one at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def _libraries(debug: bool) -> Iterator[None]:
    """What libraries say reaches stderr only when asked for; ours are notices on the case."""
    root = logging.getLogger()
    handler: logging.Handler = logging.StreamHandler() if debug else logging.NullHandler()
    root.addHandler(handler)  # without any handler, Python prints warnings by itself
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default" if debug else "ignore")
            yield
    finally:
        root.removeHandler(handler)
