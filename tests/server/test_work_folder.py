"""The folder that outlives a server: what counts, what is swept, what ids can be."""

import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults import Fault
from hnuiseg.errors import InputRefused
from hnuiseg.server import exports
from hnuiseg.server.limits import Limits
from hnuiseg.server.work_folder import WorkFolder, is_id, new_id
from served import brush, serving


@given(text=st.text(max_size=80))
def test_law_an_id_leaves_no_folder(text: str) -> None:
    assert not is_id(text) or (Path("a") / text).parts == ("a", text)
    assert not is_id(f"{text}/")
    assert not is_id(f"..{text}")


def test_ids_are_ids() -> None:
    made = {new_id() for _ in range(500)}
    assert len(made) == 500
    assert all(is_id(found) and not found.startswith("-") for found in made)


def test_law_08_what_was_begun_and_never_told_is_swept_and_nothing_else(tmp_path: Path) -> None:
    work = tmp_path / "w"
    with serving(work) as served:
        tab = served.begun()
        tab.edit(brush())
        made = tab.change("POST", "/exports", {"formats": ["nifti"]}).json()
    kept = sorted(p.relative_to(work) for p in work.rglob("*") if "cache" not in p.parts)
    begun, exported = new_id(), new_id()
    for litter in (f"sessions/{begun}/session", f"exports/{exported}",
                   f"exports/.{exported}.partial-0a1b"):  # fmt: skip
        (work / litter).mkdir(parents=True)
        (work / litter / "file").touch()
    foreign = work / "sessions" / "notes of mine"
    foreign.mkdir()
    WorkFolder(work).let_go()
    foreign.rmdir()
    assert kept == sorted(p.relative_to(work) for p in work.rglob("*") if "cache" not in p.parts)
    assert exports.file_of(WorkFolder(work), made["id"], made["files"][0]["id"])[0].is_file()


@pytest.mark.parametrize("name", ["fsync", "replace", "rename", "mkdir"])
def test_law_08_a_session_begins_whole_or_not_at_all(name: str, tmp_path: Path) -> None:
    """A disk that fails at any one call; what is acknowledged is there, what isn't left nothing."""
    there = 0
    with serving(tmp_path / "w", limits=Limits(sessions=64)) as served:
        served.ready()
        for step in range(20):
            fault = Fault(getattr(os, name), step, OSError(28, "No space left on device"))
            with mock.patch.object(os, name, fault):
                answer = served.http.post("/api/sessions", json={"study": served.study})
            there += answer.status_code == 201
            # a folder's own flush may fail in silence: some file systems have none
            assert answer.status_code == 201 or (fault.raised and answer.status_code == 507)
            assert len(served.shown(f"/api/studies/{served.study}")["sessions"]) == there
            assert len(list((tmp_path / "w" / "sessions").iterdir())) == there
            if not fault.raised:
                break
        assert not fault.raised


def test_a_key_of_another_length_is_refused(tmp_path: Path) -> None:
    WorkFolder(tmp_path / "w").let_go()
    (tmp_path / "w" / "key").write_bytes(b"short")
    with pytest.raises(InputRefused, match="has 5 bytes"):
        WorkFolder(tmp_path / "w")
