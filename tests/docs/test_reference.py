"""The reference says of every command what the code says."""

import json
from pathlib import Path

import click
import pytest

from hnuiseg.cli.reference import commands, renewed, schema

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
_COMMANDS = dict(commands())


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_help_and_a_section(name: str) -> None:
    command = _COMMANDS[name]
    assert command.help
    assert f"\n## {name}\n" in _PAGE
    assert f"<!-- options of {name} -->" in _PAGE
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help


def test_option_tables_are_those_of_the_code() -> None:
    """Otherwise: `.venv/bin/python -m hnuiseg.cli.reference`."""
    assert renewed(_PAGE) == _PAGE


def test_the_schema_of_edits_is_that_of_the_code() -> None:
    """Otherwise: `.venv/bin/python -m hnuiseg.cli.reference`."""
    path = _ROOT / "docs" / "reference" / "edits.schema.json"
    assert path.read_text(encoding="utf-8") == schema()


def test_every_edit_is_explained() -> None:
    page = (_ROOT / "docs" / "how-to" / "refine.md").read_text(encoding="utf-8")
    for kind in json.loads(schema())["properties"]["edits"]["items"]["oneOf"]:
        assert f"| `{kind['title']}` |" in page
        for name in kind["required"]:
            assert f"`{name}`" in page


def test_what_stands_for_both_classes_may_be_said_where_it_has_to_be() -> None:
    kinds = json.loads(schema())["properties"]["edits"]["items"]["oneOf"]
    allowed = {k["title"]: k["properties"].get("class", {}).get("enum", []) for k in kinds}
    assert [kind for kind, classes in allowed.items() if None in classes] == ["eraser"]


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 5, 6, 130])
def test_every_exit_status_is_documented(status: int) -> None:
    assert f"\n| {status} | " in _PAGE
