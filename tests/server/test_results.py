"""Approval, exports and their records."""

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from faults import Fault
from hnuiseg.errors import OutputFailed
from hnuiseg.files import read_image
from hnuiseg.server.audit import verify
from hnuiseg.server.exports import file_of
from hnuiseg.server.refusals import Refused
from hnuiseg.server.work_folder import WorkFolder
from served import Served, brush, click, serving


def records(served: Served) -> list[dict[str, object]]:
    found = verify(served.desk.work.audit)
    assert found.intact
    return list(found.records)


def test_an_export_is_what_was_shown_and_every_byte_is_recorded(tmp_path: Path) -> None:
    with serving(tmp_path / "w") as served:
        tab = served.begun()
        tab.edit(brush())
        tab.edit(click())
        shown, header = tab.array("/maps/labels", box="0,0,0,16,40,48")
        answer = tab.change("POST", "/exports", {"formats": ["nifti"]})
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert made["revision"] == tab.revision
        recorded = records(served)[-1]
        assert recorded["what"] == "exported"
        assert recorded["files"] == {file["name"]: file["sha256"] for file in made["files"]}
        for file in made["files"]:
            at = f"/api/exports/{made['id']}/{file['id']}"
            got = served.get(at, headers={"Range": "bytes=99999999-"})  # all, whatever was asked
            assert got.headers["content-disposition"].startswith("attachment")
            assert got.headers["content-type"] == "application/octet-stream"
            assert hashlib.sha256(got.content).hexdigest() == file["sha256"]
            if file["name"] == "labels.nii.gz":
                (tmp_path / "labels.nii.gz").write_bytes(got.content)
        labels = read_image(tmp_path / "labels.nii.gz", "label")
        np.testing.assert_array_equal(labels.array, shown)
        assert header["start"] == [0, 0, 0]
        assert served.shown(f"{tab.at}/exports")["exports"] == [made]
        assert tab.change("POST", "/exports", {"formats": ["exe"]}).status_code == 400


@pytest.mark.parametrize("ids", [("..", "key"), ("x" * 22, "y"), ("../..", "x"), ("a/b", "c")])
def test_nothing_but_exported_files_is_sent(ids: tuple[str, str], tmp_path: Path) -> None:
    with serving(tmp_path / "w") as served:
        with pytest.raises(Refused):
            file_of(served.desk.work, *ids)
        assert served.get(f"/api/exports/{ids[0]}/{ids[1]}").status_code in (404, 422)


def test_a_manifest_that_names_another_file_sends_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "w") as served:
        tab = served.begun()
        made = tab.change("POST", "/exports", {"formats": ["nifti"]}).json()
        manifest = served.desk.work.manifest(made["id"])
        manifest.write_text(manifest.read_text().replace("labels.nii.gz", "../../key"))
        (wanted,) = [f for f in made["files"] if f["name"] == "labels.nii.gz"]
        assert served.get(f"/api/exports/{made['id']}/{wanted['id']}").status_code == 404


def test_an_approval_is_kept_shown_and_falls_with_the_next_edit(tmp_path: Path) -> None:
    with serving(tmp_path / "w") as served:
        tab = served.begun()
        answer = tab.change("POST", "/approval", {"name": " Dr Ä. Öz "})
        assert answer.status_code == 201
        assert answer.json()["name"] == "Dr Ä. Öz"
        assert tab.seen()["approval"]["stands"]
        tab.edit(brush())
        assert not tab.seen()["approval"]["stands"]
        tab.change("POST", "/undo")
        assert tab.change("POST", "/approval", {"name": "\n"}).status_code == 400
        what = [record["what"] for record in records(served)]
        assert what == ["server-started", "session-begun", "approved", "edit", "undo"]
    with serving(tmp_path / "w") as served:
        (row,) = served.shown(f"/api/studies/{served.study}")["sessions"]
        assert row["approval"]["name"] == "Dr Ä. Öz"


def test_law_the_audit_names_no_patient_no_place_and_no_position(tmp_path: Path) -> None:
    with serving(tmp_path / "w") as served:
        tab = served.begun()
        tab.edit(brush((1.8125, 2.5, 121.0)))  # no time has so many decimals
        tab.change("POST", "/exports", {"formats": ["nifti"]})
    told = (tmp_path / "w" / "audit.jsonl").read_text()
    for secret in ("Nobody", "4711", "secret/path", "1.8125", "121.0", "_mm", served.door.token):
        assert secret not in told
    assert [r["what"] for r in verify(tmp_path / "w" / "audit.jsonl").records] == [
        "server-started", "session-begun", "edit", "exported", "session-closed", "server-stopped",
    ]  # fmt: skip


def test_an_end_that_cannot_be_recorded_is_said_and_lets_everything_go(tmp_path: Path) -> None:
    server = ExitStack()
    served = server.enter_context(serving(tmp_path / "w"))
    tabs = [served.begun(), served.begun()]
    with served.desk.work.audit.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(OutputFailed, match="somebody else"):
        server.close()
    for tab in tabs:
        with pytest.raises(Refused, match="isn't open"):
            served.desk.session(tab.id)
    WorkFolder(tmp_path / "w").let_go()  # nobody holds it


def test_what_cannot_be_recorded_is_not_acknowledged(tmp_path: Path) -> None:
    """A full disk under the audit file: no approval, no export; an edit says what became of it."""
    with serving(tmp_path / "w") as served:
        tab = served.begun()
        history = served.desk.history
        full = Fault(os.write, 0, OSError(28, "No space left on device"))
        with mock.patch("hnuiseg.server.audit.os.write", full):
            assert tab.change("POST", "/approval", {"name": "A"}).status_code == 507
        assert tab.seen()["approval"] is None
        refused = Fault(history.record, 0, OSError(28, "No space left on device"))
        with mock.patch.object(history, "record", refused):
            assert tab.change("POST", "/exports", {"formats": ["nifti"]}).status_code == 500
        assert served.shown(f"{tab.at}/exports")["exports"] == []
        assert list((tmp_path / "w" / "exports").iterdir()) == []
        assert tab.change("POST", "/approval", {"name": "A"}).is_success
        assert served.shown(f"/api/studies/{served.study}")["state"] == "approved"
        full = Fault(os.write, 0, OSError(28, "No space left on device"))
        with mock.patch("hnuiseg.server.audit.os.write", full):
            answer = tab.change("POST", "/edits", {"edit": brush()})
        assert answer.status_code == 507
        assert "the change is kept" in answer.json()["error"]["came"]
        assert served.shown(f"/api/studies/{served.study}")["state"] == "in-session"
        assert len(tab.seen()["edits"]) == 1
        tab.edit(click())
        gone_on = records(served)[-1]  # names a revision that no line has: the gap shows
        assert gone_on["before"] not in [r.get("revision") for r in records(served)]
