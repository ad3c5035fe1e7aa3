"""Bad input: one line with came, allowed, what to do; the right status; nothing touched."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.files import read_image, write_nifti
from hnuiseg.volume import Volume

Call = Callable[..., tuple[int, str, str]]


def _one_line(err: str) -> None:
    """One line of error and nothing after it; before it, a slow machine tells its progress."""
    *before, last = err.splitlines()
    assert last.startswith("error: ")
    assert "; allowed: " in last
    assert "; what to do: " in last
    assert all(line.startswith(("Loading", "Reading", "Making", "Starting")) for line in before)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder that looks like an earlier output."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "result.json").write_text('{"software": "hnuiseg 0.0.1", "files": []}')
    return out


def _empty(folder: Path) -> None:
    folder.mkdir()


def _text(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("not an image")


def _zeros(folder: Path) -> None:
    folder.mkdir()
    (folder / "zeros.dcm").write_bytes(bytes(2000))


@pytest.mark.parametrize("make", [_empty, _text, _zeros])
def test_folders_without_a_study(
    make: Callable[[Path], None], call: Call, model_file: Path, earlier: Path, tmp_path: Path
) -> None:
    make(tmp_path / "study")
    before = (earlier / "result.json").read_bytes()
    status, out, err = call("segment", tmp_path / "study", "--out", earlier, "--model", model_file)
    assert (status, out) == (3, "")
    _one_line(err)
    assert [path.name for path in earlier.iterdir()] == ["result.json"]
    assert (earlier / "result.json").read_bytes() == before


def _not_an_image(_good: Path, bad: Path) -> None:
    bad.write_bytes(b"not an image at all")


def _truncated(good: Path, bad: Path) -> None:
    content = good.read_bytes()
    bad.write_bytes(content[: len(content) // 2])


def _with_nan(good: Path, bad: Path) -> None:
    volume = read_image(good, "HU")
    array = np.array(volume.array, dtype=np.float32)
    array[3, 4, 5] = np.nan
    write_nifti(Volume(array, volume.grid, "HU"), bad)


def _one_slice(good: Path, bad: Path) -> None:
    volume = read_image(good, "HU")
    _, y, x = volume.grid.shape
    grid = volume.grid.cropped((0, 0, 0), (1, y, x))
    write_nifti(Volume(volume.array[:1], grid, "HU"), bad)


@pytest.mark.parametrize("make", [_not_an_image, _truncated, _with_nan, _one_slice])
def test_files_that_are_no_ct(
    make: Callable[[Path, Path], None],
    call: Call,
    model_file: Path,
    ct_file: Path,
    tmp_path: Path,
) -> None:
    bad = tmp_path / "bad.nii.gz"
    make(ct_file, bad)
    before = set(tmp_path.iterdir())
    status, out, err = call(
        "segment", "--ct", bad, "--out", tmp_path / "out", "--model", model_file
    )
    assert (status, out) == (3, "")
    _one_line(err)
    assert "bad.nii.gz" in err
    assert str(tmp_path) not in err  # a path may name a patient
    assert set(tmp_path.iterdir()) == before


def test_inspect_answers_for_what_segment_refuses(call: Call, tmp_path: Path) -> None:
    _empty(tmp_path / "study")
    status, out, _ = call("inspect", tmp_path / "study", "--json")
    assert status == 0
    assert '"ready": false' in out
    status, _, err = call("inspect", tmp_path / "study", "--json", "--strict")
    assert status == 3
    _one_line(err)


@pytest.mark.parametrize("model", ["no-such-model", "absent.safetensors", "text.safetensors"])
def test_models_that_cannot_be_used(
    model: str, call: Call, ct_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.safetensors").write_text("not weights")
    status, out, err = call("segment", "--ct", ct_file, "--out", "out", "--model", model)
    assert (status, out) == (5, "")
    _one_line(err)
    assert not Path("out").exists()


def test_outputs_that_cannot_be_written(call: Call, ct_file: Path, tmp_path: Path) -> None:
    """Found before the model is loaded: the model named here doesn't exist."""
    file = tmp_path / "file"
    file.write_text("in the way")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("not ours")
    for out in (file, file / "below", foreign):
        status, stdout, err = call("segment", "--ct", ct_file, "--out", out, "--model", "none")
        assert (status, stdout) == (6, "")
        _one_line(err)
    assert file.read_text() == "in the way"
    assert (foreign / "letter.txt").read_text() == "not ours"


def test_an_input_among_earlier_outputs_is_not_lost(
    call: Call, ct_file: Path, earlier: Path
) -> None:
    (earlier / "result.json").write_text('{"software": "hnuiseg 0", "files": ["ct.nii.gz"]}')
    ours = earlier / "ct.nii.gz"
    ours.write_bytes(ct_file.read_bytes())
    status, stdout, err = call("segment", "--ct", ours, "--out", earlier, "--model", "none")
    assert (status, stdout) == (6, "")
    _one_line(err)
    assert ours.read_bytes() == ct_file.read_bytes()


def test_phantoms_that_cannot_be_written_fail_before_the_first_is_made(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hnuiseg.cohorts.write_phantom_patient", lambda *_: pytest.fail("made"))
    (tmp_path / "file").touch()
    status, stdout, err = call("phantom", "--out", tmp_path / "file" / "below")
    assert (status, stdout) == (6, "")
    _one_line(err)


def test_a_run_gets_a_new_folder_or_one_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claimed(folder: Path, *_: object, **__: object) -> Path:
        (folder / "run.json").write_text("{}")
        return folder / "model.safetensors"

    monkeypatch.setattr("hnuiseg.training.make_phantom_model", claimed)
    status, _, err = call("train", "phantom", "--out", tmp_path / "runs" / "new")
    assert status == 0, err
    (tmp_path / "file").touch()
    status, stdout, err = call("train", "phantom", "--out", tmp_path / "file" / "below")
    assert (status, stdout) == (6, "")
    _one_line(err)


def test_a_name_too_long_for_the_system_does_not_exist(call: Call) -> None:
    status, _, err = call("inspect", "x" * 300)
    assert status == 2
    _one_line(err)


@pytest.mark.parametrize("weight", ["0", "-5", "nan", "inf"])
def test_weights_that_no_patient_has(weight: str, call: Call, tmp_path: Path) -> None:
    status, _, err = call("inspect", tmp_path, "--weight-kg", weight)
    assert status == 2
    _one_line(err)
    assert "a weight from 20 to 400 kg" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_no_permission_to_write(call: Call, ct_file: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    status, _, err = call("segment", "--ct", ct_file, "--out", locked / "out", "--model", "none")
    assert status == 6
    _one_line(err)


def test_formats_that_do_not_exist(call: Call, ct_file: Path, tmp_path: Path) -> None:
    for formats in ("nifti,stl", ","):
        status, _, err = call(
            "segment", "--ct", ct_file, "--out", tmp_path / "out", "--formats", formats
        )
        assert status == 2
        _one_line(err)


def test_label_maps_on_different_grids_are_not_compared(
    call: Call, ct_file: Path, tmp_path: Path
) -> None:
    grid = read_image(ct_file, "HU").grid
    coarse = grid.resized((6.0, 4.0, 5.0))
    for name, place in (("a.nii.gz", grid), ("b.nii.gz", coarse)):
        labels = np.zeros(place.shape, dtype=np.uint8)
        labels[2:5, 10:20, 10:20] = 1
        write_nifti(Volume(labels, place, "label"), tmp_path / name)
    status, out, err = call("evaluate", tmp_path / "a.nii.gz", tmp_path / "b.nii.gz")
    assert (status, out) == (3, "")
    _one_line(err)
    status, _, _ = call("evaluate", tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", "--resample")
    assert status == 0
