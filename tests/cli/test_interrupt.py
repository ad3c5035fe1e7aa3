"""A real process, a real Ctrl-C: nothing half-written, and one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_MAIN = [sys.executable, "-c", "from hnuiseg.cli.main import main; main()"]


def test_law_08_ctrl_c_leaves_earlier_outputs_as_they_were(
    ct_file: Path, model_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plain = ["segment", "--ct", str(ct_file), "--model", str(model_file), "--out", str(out)]
    plain += ["--formats", "nifti"]
    done = subprocess.run(
        [*_MAIN, *plain, "--no-uncertainty", "--json"], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["members"] == 1
    assert "\x1b" not in done.stderr
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    running = subprocess.Popen(
        [*_MAIN, *plain, "--samples", "1000"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert running.stderr is not None
    for line in running.stderr:  # progress appears after two seconds
        if line.startswith("Segmenting"):
            break
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "interrupted: earlier outputs are as they were"
    assert "Traceback" not in said
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_law_08_being_ended_leaves_nothing_half_written(
    number: signal.Signals, tmp_path: Path
) -> None:
    """What a batch system or a closing terminal sends, in the middle of writing a phantom."""
    running = subprocess.Popen(
        [*_MAIN, "phantom", "--out", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        # a test run in the background inherits ignored signals
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    )
    partial = tmp_path / ".patient-000.partial"
    while running.poll() is None and not partial.exists():
        time.sleep(0.05)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "interrupted: earlier outputs are as they were"
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_ends_at_once_and_its_second_process_with_it(
    tmp_path: Path,
) -> None:
    """The patients in the queue are not made first: that would take minutes."""
    run = tmp_path / "run"
    running = subprocess.Popen(
        [*_MAIN, "train", "phantom", "--out", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while running.poll() is None and not (run / "run.json").exists():
        time.sleep(0.05)
    time.sleep(5.0)  # the second process is at work, on the first of ten patients or more
    running.send_signal(signal.SIGINT)
    # the pipes close only when the second process is gone too
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "interrupted: earlier outputs are as they were"


def test_a_closed_pipe_is_no_error() -> None:
    """`hnuiseg --help | true`: the reader is gone before anything is written."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    running = subprocess.Popen(
        [*_MAIN, "--help"], stdout=write_end, stderr=subprocess.PIPE, text=True
    )
    os.close(write_end)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said) == (0, "")
