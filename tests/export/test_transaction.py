"""Where outputs may go, and how they get there. Law 8 stands in tests/laws."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hnuiseg.errors import OutputFailed
from hnuiseg.export import check_output, output_directory
from hnuiseg.export import transaction as room


def write_ours(out: Path, name: str = "labels.nii.gz") -> None:
    with output_directory(out) as folder:
        (folder / name).write_bytes(b"1")
        described = {"software": "hnuiseg 0", "files": [name, "result.json"]}
        (folder / "result.json").write_text(json.dumps(described))


def test_parents_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_ours(tmp_path / "a" / "b" / "out")
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["out"]


def test_a_full_disk_is_one_line_with_its_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputFailed, match="No space left") as caught,
        output_directory(tmp_path / "out"),
    ):
        raise OSError(28, os.strerror(28))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 6


def test_parents_made_for_a_failure_go_with_it(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed), output_directory(tmp_path / "a" / "b" / "out"):
        raise OSError(28, os.strerror(28))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exchange", [True, False])
def test_earlier_outputs_are_replaced_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr(room, "_exchange", lambda a, b: False)
    out = tmp_path / "out"
    write_ours(out, "old.nii.gz")
    write_ours(out, "new.nii.gz")
    assert sorted(p.name for p in out.iterdir()) == ["new.nii.gz", "result.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_ours(tmp_path / "out")
    assert (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize("name", ["thesis.docx", ".hidden", "result.json"])
def test_foreign_content_is_refused_and_kept(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"mine": 1}')
    with pytest.raises(OutputFailed, match=name):
        check_output(out)
    with pytest.raises(OutputFailed), output_directory(out):
        pytest.fail("the block must not run")
    assert (out / name).read_text() == '{"mine": 1}'


def test_notes_beside_our_own_outputs_are_foreign(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_ours(out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputFailed, match=r"notes\.txt"):
        check_output(out)


def test_what_file_browsers_leave_is_not_foreign(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_ours(out)
    (out / ".DS_Store").write_bytes(b"")
    check_output(out)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(OutputFailed, match="is a file"):
            check_output(out)


def test_the_current_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputFailed, match="current folder"):
        check_output(Path("."))


def test_a_place_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "mkdir", refused)  # root may write anywhere
    with pytest.raises(OutputFailed, match="Permission denied"):
        check_output(tmp_path / "out")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_a_place_where_even_root_cannot_write_is_refused_before_computing() -> None:
    """`os.access` tells root that /proc may be written to."""
    with pytest.raises(OutputFailed, match="nothing can be written beside out"):
        check_output(Path("/proc/out"))


@pytest.mark.parametrize("name", ["labels.nii.gz", "a/b", "."])
def test_a_folder_that_holds_an_input_is_refused(name: str, tmp_path: Path) -> None:
    """Earlier outputs are replaced whole: an input among them would be lost."""
    out = tmp_path / "out"
    with pytest.raises(OutputFailed, match="lies in out, which is replaced as a whole"):
        check_output(out, [tmp_path / "elsewhere", out / name])
    check_output(out, [tmp_path, tmp_path / "outside"])


def test_the_trial_leaves_nothing(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, runpy, signal, sys
from pathlib import Path
room = runpy.run_path(sys.argv[2])  # the file alone: its package imports torch
with room["output_directory"](Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_ours(out)
    subprocess.run([sys.executable, "-c", KILLED, str(out), room.__file__], check=False)
    left = [p for p in tmp_path.iterdir() if p.name.startswith(".out.partial-")]
    assert len(left) == 1
    assert (out / "labels.nii.gz").exists()
    write_ours(out)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_folder_of_a_living_run_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with output_directory(out) as first:
        (first / "result.json").write_text('{"software": "hnuiseg 0", "files": []}')
        write_ours(out)
        assert first.exists()


def test_outputs_moved_away_by_a_killed_process_come_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_ours(out)
    out.rename(tmp_path / ".out.replaced-0")  # killed between the two renames
    with pytest.raises(KeyboardInterrupt), output_directory(out):
        raise KeyboardInterrupt
    assert (out / "labels.nii.gz").exists()
