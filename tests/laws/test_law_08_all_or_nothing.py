"""Law 8: failure, interruption or a full disk at any moment leaves earlier outputs as they were."""

import errno
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from faults import Fault
from hnuiseg.errors import OutputFailed
from hnuiseg.export import export
from hnuiseg.inference import Prediction
from hnuiseg.models import Card
from hnuiseg.study.case import Case, Provenance
from hnuiseg.volume import Grid, Volume

GRID = Grid.axial((4, 6, 8), (3.0, 2.0, 2.0), frame_of_reference="1.2.3")
CARD = Card("law", "phantom", "compact", "", "", "", "", 0, {}, "")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def write(out: Path, value: int) -> None:
    """Outputs whose every file depends on `value`."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[1:3, 1 + value, 2:5] = 1
    p = np.full((3, *GRID.shape), 1 / 3, dtype=np.float32)
    maps = np.full(GRID.shape, 0.1 * value, dtype=np.float32)
    case = Case(
        ct=Volume(np.full(GRID.shape, 40.0 * value, dtype=np.float32), GRID, "HU"),
        pet=None,
        notices=(),
        provenance=Provenance("files", "ct.nii.gz", None),
        dicom=None,
    )
    votes = np.full(GRID.shape, 10 - value, dtype=np.int16)
    prediction = Prediction(labels, p * value / 3, maps, maps, None, votes, GRID, 10, value, {})
    export(case, prediction, CARD, out, started=NOW, created=NOW)


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# every call by which a file or folder is made, written, flushed or moved
STEPS = ("open", "fsync", "replace", "rename", "mkdir")
MOST = 60


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a second each, and no file of their own; nor is the disk itself on trial."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr("hnuiseg.export.outputs.report_html", lambda case, p, r: f"seed {p.seed}")


@pytest.mark.parametrize("swap", ["exchange", "two renames"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", STEPS)
def test_law_08_a_fault_at_any_step_leaves_earlier_outputs_as_they_were(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: BaseException,
    swap: str,
) -> None:
    if swap == "two renames":
        monkeypatch.setattr("hnuiseg.export.transaction._exchange", lambda a, b: False)
    out = tmp_path / "place" / "out"
    write(out, 2)
    after = content(out)
    write(out, 1)
    before = content(out)
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
    refused = 0
    for n in range(MOST):
        fault = Fault(getattr(os, step), n, error)
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fault)
            try:
                write(out, 2)
            except OutputFailed:
                refused += 1
                assert content(out) == before, f"{step} number {n}"
                assert [p.name for p in out.parent.iterdir()] == ["out"], f"{step} number {n}"
            except KeyboardInterrupt:
                refused += 1
                # interrupted while the earlier outputs were being removed: the new ones stand
                assert content(out) in (before, after), f"{step} number {n}"
            else:
                assert content(out) == after
        write(out, 1)
        assert [p.name for p in out.parent.iterdir()] == ["out"], f"{step} number {n}"
        if not fault.raised:
            break  # every call of this step has failed once
    else:
        pytest.fail("MOST is too small")
    never = swap == "exchange" and step == "rename"
    assert (refused == 0) == never, "which steps the faults reached"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), ValueError("a fault")])
@pytest.mark.parametrize("place", ["report_html", "write_nifti", "measure", "atomic_write"])
def test_law_08_a_fault_while_computing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(f"hnuiseg.export.outputs.{place}", fail)
    with pytest.raises(type(error)):
        write(tmp_path / "out", 1)
    assert list(tmp_path.iterdir()) == []


def test_law_08_first_outputs_appear_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(MOST):
        with monkeypatch.context() as patch:
            fault = Fault(os.open, n, OSError(errno.EACCES, "Permission denied"))
            patch.setattr(os, "open", fault)
            try:
                write(tmp_path / "new" / "out", 1)
            except OutputFailed:
                assert list(tmp_path.iterdir()) == []
                continue
        if not fault.raised:
            return
        shutil.rmtree(tmp_path / "new")
    pytest.fail("MOST is too small")
