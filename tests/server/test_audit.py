"""The audit file: a chain that shows every changed byte, and torn ends that are said."""

import json
import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults import Fault
from hnuiseg.errors import InputRefused, OutputFailed, WrongCall
from hnuiseg.server.audit import FIRST, Audit, line_of, verdict_of, verify
from hnuiseg.server.history import History, checked_name

values = st.text(max_size=8) | st.integers(-5, 5) | st.lists(st.text(max_size=3), max_size=2)
records = st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=6)


def chain(told: list[dict[str, object]]) -> bytes:
    content, last = b"", FIRST
    for number, record in enumerate(told, start=1):
        line = line_of({"n": number, **record}, last)
        content += line + b"\n"
        last = verdict_of(content).last
    return content


@given(told=records)
def test_law_what_is_written_is_sound(told: list[dict[str, object]]) -> None:
    found = verdict_of(chain(told))
    assert found.intact
    assert [{k: r[k] for k in t} for r, t in zip(found.records, told, strict=True)] == told


@given(told=records.filter(bool), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_law_no_flipped_bit_goes_unseen(
    told: list[dict[str, object]], where: float, bit: int
) -> None:
    content = bytearray(chain(told))
    content[int(where * len(content))] ^= 1 << bit
    assert not verdict_of(bytes(content)).intact


@given(told=records.filter(lambda r: len(r) > 1), data=st.data())
def test_law_no_line_is_taken_out_added_or_moved(
    told: list[dict[str, object]], data: st.DataObject
) -> None:
    lines = chain(told).splitlines(keepends=True)
    k = data.draw(st.integers(0, len(lines) - 2))
    without = [*lines[:k], *lines[k + 1 :]]
    doubled = [*lines[: k + 1], *lines[k:]]
    moved = [*lines[:k], lines[k + 1], lines[k], *lines[k + 2 :]]
    for changed in (without, doubled, moved):
        assert not verdict_of(b"".join(changed)).intact


def test_an_audit_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first = Audit(path)
    first.append("one", session="s", revision="r")
    last = first.last
    second = Audit(path)
    assert second.last == last
    record = second.append("two")
    assert record["n"] == 2
    assert record["time"].endswith("+00:00")
    assert verify(path).intact
    assert path.stat().st_mode & 0o077 == 0


@given(cut=st.integers(1, 400))
def test_law_a_torn_line_is_kept_aside_and_said(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("torn") / "audit.jsonl"
    audit = Audit(path)
    for k in range(3):
        audit.append("edit", number=k)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    kept = min(cut, len(lines[-1]) - 1)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
    assert not verify(path).intact

    Audit(path).append("after")
    found = verify(path)
    assert found.intact
    said = [r for r in found.records if r["what"] == "torn-line-kept-aside"]
    assert [r["bytes"] for r in said] == [kept]
    assert path.with_name(said[0]["file"]).read_bytes() == lines[-1][:kept]
    assert found.records[-1]["what"] == "after"


def test_a_changed_file_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    for k in range(3):
        audit.append("edit", number=k)
    changed = path.read_bytes().replace(b'"number":1', b'"number":7')
    path.write_bytes(changed)
    with pytest.raises(InputRefused, match="line 2 of audit"):
        Audit(path)
    assert path.read_bytes() == changed


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_full_disk_leaves_the_chain_as_it_was(call: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    audit.append("one")
    before = path.read_bytes()
    fault = Fault(getattr(os, call), 0, OSError(28, "No space left on device"))
    with mock.patch.object(os, call, fault), pytest.raises(OutputFailed, match="No space left"):
        audit.append("two")
    assert path.read_bytes() == before
    audit.append("three")
    assert [r["what"] for r in verify(path).records] == ["one", "three"]


def test_half_a_write_does_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    real = os.write
    calls = iter([7])

    def short(handle: int, content: memoryview) -> int:
        for n in calls:
            return real(handle, content[:n])
        raise OSError(28, "No space left on device")

    with mock.patch.object(os, "write", short), pytest.raises(OutputFailed):
        audit.append("one")
    assert path.read_bytes() == b""


def test_somebody_elses_line_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    audit.append("one")
    with path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(OutputFailed, match="somebody else"):
        audit.append("two")


def test_what_was_approved_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    history = History(path)
    history.record("approved", session="s", revision="1", name="Dr Ä")
    assert history.stands("s")
    history.record("edit", session="s", revision="2")
    again = History(path)
    approval = again.approval("s")
    assert approval is not None
    assert (approval.name, approval.revision) == ("Dr Ä", "1")
    assert not again.stands("s")
    assert again.revision("s") == "2"
    assert json.loads(path.read_bytes().splitlines()[0])["name"] == "Dr Ä"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[0m", "x" * 101, "\u202eabc", "..."])
def test_a_name_that_cannot_be_shown_is_none(name: str) -> None:
    with pytest.raises(WrongCall):
        checked_name(name)
    assert checked_name("  Müller, A. ") == "Müller, A."
