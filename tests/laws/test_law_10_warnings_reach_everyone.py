"""Law 10: a warning of any kind reaches the report, result.json and, under --strict, the status."""

import ast
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import hnuiseg
from hnuiseg.export import export
from hnuiseg.study import Notice
from made_case import CARD, CREATED, STARTED, ball_labels, made_case, made_prediction

Call = Callable[..., tuple[int, str, str]]
SOURCE = Path(hnuiseg.__file__).parent


def _kinds() -> list[str]:
    """The code of every Notice that the source makes."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Notice":
                if any(keyword.arg is None for keyword in node.keywords):
                    continue  # one that was made before, read from a cache
                code = node.args[0]
                assert isinstance(code, ast.Constant), f"{path.name}: a code must stand in place"
                found.add(str(code.value))
    return sorted(found)


KINDS = _kinds()
NOTICES = tuple(Notice(kind, f"Something <odd> of kind {kind}.") for kind in KINDS)


def test_law_10_every_kind_of_warning_is_in_report_and_json(tmp_path: Path) -> None:
    case = replace(made_case(), notices=NOTICES)
    made = made_prediction(ball_labels())
    export(
        case, made, CARD, tmp_path / "out", formats=("report",), started=STARTED, created=CREATED
    )
    described = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    shown = page[page.index('class="warnings"') :]
    said = {w["code"]: w["text"] for w in described["warnings"]}
    for notice in NOTICES:
        assert said[notice.code] == notice.text
        assert html.escape(notice.text) in shown


@pytest.mark.parametrize("notice", NOTICES, ids=KINDS)
def test_law_10_every_kind_of_warning_counts_under_strict(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notice: Notice
) -> None:
    ct = tmp_path / "ct.nii.gz"
    ct.touch()
    case = replace(made_case(with_pet=False), notices=(notice,))
    made = made_prediction(ball_labels())
    monkeypatch.setattr("hnuiseg.study.read_files", lambda *_: case)
    monkeypatch.setattr("hnuiseg.inference.predict", lambda *_: made)
    monkeypatch.setattr("hnuiseg.models.load_model", lambda *_: SimpleNamespace(card=CARD))
    out = ("--out", tmp_path / "out", "--formats", "nifti")
    status, _, err = call("segment", "--ct", ct, *out, "--strict")
    assert status == 4
    assert f"1 warning stands ({notice.code})" in err
    assert call("segment", "--ct", ct, *out)[0] == 0


def test_every_kind_of_warning_is_explained() -> None:
    page = (SOURCE.parents[1] / "docs" / "how-to" / "read-the-report.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| \S", page, re.MULTILINE)
    assert sorted(rows) == KINDS
