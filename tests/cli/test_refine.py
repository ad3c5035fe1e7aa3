"""`refine` end to end on a small plain file: edits, sessions, starts, and what is refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnuiseg.files import read_image, write_nifti
from hnuiseg.volume import Volume

Call = Callable[..., tuple[int, str, str]]
INSIDE = [-40.0, -20.0, 34.0]
BRUSH = {"edit": "brush", "class": "GTVp", "positions_mm": [INSIDE], "brush_mm": 12.0}
LOCK = {"edit": "lock", "class": "GTVp"}
CLICK = {"edit": "click", "class": "GTVn", "position_mm": [-60.0, -40.0, 22.0]}


@pytest.fixture
def refine(call: Call, ct_file: Path, blind_model_file: Path, tmp_path: Path) -> Call:
    def called(edits: Sequence[Any], *more: object) -> tuple[int, str, str]:
        path = tmp_path / "edits.json"
        path.write_text(json.dumps({"format": 1, "edits": list(edits)}))
        return call(
            "refine",
            *("--ct", ct_file, "--model", blind_model_file, "--samples", 2, "--edits", path),
            *("--out", tmp_path / "out", "--formats", "nifti", "--threads", 1, *more),
        )

    return called


def labels(tmp_path: Path) -> np.ndarray:
    return read_image(tmp_path / "out" / "labels.nii.gz", "label").array


def test_edits_are_done_and_told(refine: Call, tmp_path: Path) -> None:
    status, out, err = refine([BRUSH, LOCK, CLICK])
    assert status == 0, err
    assert "edit 001: brush GTVp: " in out
    assert "edit 003: click GTVn at (-60.0, -40.0, 22.0) mm: " in out
    assert "forced" in out, "the model sees nothing"
    assert set(np.unique(labels(tmp_path))) == {0, 1, 2}
    assert not list(tmp_path.glob("*session*"))


def test_only_what_an_edit_confirmed_is_kept(refine: Call, ct_file: Path, tmp_path: Path) -> None:
    ct = read_image(ct_file, "HU")
    drawn = np.zeros(ct.array.shape, dtype=np.uint8)
    drawn[5:9, 10:14, 10:14], drawn[1:3, 3:5, 3:5] = 2, 1
    write_nifti(Volume(drawn, ct.grid, "label"), tmp_path / "drawn.nii.gz")
    at = [float(v) for v in ct.grid.to_world(np.array([[6, 11, 11]]))[0]]
    accept = {"edit": "accept", "class": "GTVn", "position_mm": at}
    status, out, err = refine([accept], "--start", tmp_path / "drawn.nii.gz", "--only-confirmed")
    assert status == 0, err
    assert "edit 002: delete-several" in out
    assert (labels(tmp_path) == np.where(drawn == 2, 2, 0)).all()
    assert refine([accept], "--start", tmp_path / "drawn.nii.gz")[0] == 0
    assert (labels(tmp_path) == drawn).all()


def test_a_session_is_gone_on_with(refine: Call, tmp_path: Path) -> None:
    session = tmp_path / "s"
    status, _, err = refine([BRUSH], "--session", session)
    assert status == 0, err
    first = labels(tmp_path)
    status, out, err = refine([LOCK, CLICK], "--session", session)
    assert status == 0, err
    assert "edit 001: brush" in out
    assert (labels(tmp_path)[first == 1] == 1).all()
    before = {p: p.read_bytes() for p in session.rglob("*") if p.is_file()}
    status, _, err = refine([], "--session", session)
    assert status == 0, err
    assert {p: p.read_bytes() for p in session.rglob("*") if p.is_file()} == before


def test_a_drawing_is_begun_with(refine: Call, ct_file: Path, tmp_path: Path) -> None:
    ct = read_image(ct_file, "HU")
    drawn = np.zeros(ct.array.shape, dtype=np.uint8)
    drawn[5:9, 10:14, 10:14] = 2
    write_nifti(Volume(drawn, ct.grid, "label"), tmp_path / "drawn.nii.gz")
    at = [float(v) for v in ct.grid.to_world(np.array([[6, 11, 11]]))[0]]
    relabel = {"edit": "relabel", "class": "GTVn", "to": "GTVp", "position_mm": at}
    status, out, err = refine([relabel], "--start", tmp_path / "drawn.nii.gz", "--json")
    assert status == 0, err
    assert json.loads(out)["model"]["name"] == "by hand"
    assert (labels(tmp_path) == np.where(drawn == 2, 1, 0)).all()


def test_an_automatic_result_is_kept(refine: Call, tmp_path: Path) -> None:
    assert refine([BRUSH], "--cache", tmp_path / "cache")[0] == 0
    (folder,) = (tmp_path / "cache").iterdir()
    stamp = (folder / "labels.npy").stat().st_mtime_ns
    assert refine([BRUSH], "--cache", tmp_path / "cache")[0] == 0
    assert (folder / "labels.npy").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([BRUSH, {"edit": "draw"}], "edit 2 of 2: an edit called 'draw'"),
        ([BRUSH, LOCK, {**CLICK, "class": "GTVx"}], "edit 3 of 3: class 'GTVx'"),
        ([BRUSH, {**CLICK, "position_mm": [999, 0, 0]}], "edit 2 of 2: a position outside"),
        ([CLICK, {**CLICK, "positive": False}], "edit 2 of 2: contradictory clicks"),
        ([BRUSH, LOCK, {**CLICK, "position_mm": INSIDE}], "edit 3 of 3: a click on a locked"),
        ([{"edit": "delete", "class": "GTVn"}], "edit 1 of 1: no voxel of GTVn"),
    ],
)
def test_a_bad_edit_is_named_and_leaves_everything_as_it_was(
    refine: Call, tmp_path: Path, edits: list[Any], message: str
) -> None:
    session = tmp_path / "s"
    assert refine([BRUSH], "--session", session)[0] == 0
    before = labels(tmp_path)
    status, out, err = refine([BRUSH, *edits][1:], "--session", session)
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert (labels(tmp_path) == before).all()
    assert refine([], "--session", session)[0] == 0
    assert (labels(tmp_path) == before).all(), "the session is as it was"


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"edits": []}', '{"format": 2, "edits": []}', '{"format": 1}', "\x00"],
)
def test_a_file_that_holds_no_edits_is_refused(
    call: Call, ct_file: Path, model_file: Path, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "edits.json"
    path.write_text(content)
    status, _, err = call(
        "refine",
        *("--ct", ct_file, "--model", model_file, "--edits", path, "--out", tmp_path / "out"),
    )
    assert status == 2
    assert "edits.json" in err
    assert not (tmp_path / "out").exists()


def test_another_study_s_session_and_a_start_for_a_session_that_is_there(
    refine: Call, call: Call, ct_file: Path, blind_model_file: Path, tmp_path: Path
) -> None:
    session = tmp_path / "s"
    assert refine([BRUSH], "--session", session)[0] == 0
    status, _, err = refine([], "--session", session, "--start", ct_file)
    assert status == 2
    assert "--start with a --session" in err
    ct = read_image(ct_file, "HU")
    write_nifti(Volume(ct.array + 1, ct.grid, "HU"), tmp_path / "other.nii.gz")
    status, _, err = call(
        "refine",
        *("--ct", tmp_path / "other.nii.gz", "--model", blind_model_file),
        *("--edits", tmp_path / "edits.json", "--session", session, "--out", tmp_path / "new"),
    )
    assert status == 3
    assert "session of another study" in err
