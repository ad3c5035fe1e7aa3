"""What docs/reference/ has from the code: `python -m hnuiseg.cli.reference`.

Option tables of commands.md, and the schema of edits.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from hnuiseg.cli.main import cli

PAGE = Path("docs/reference/commands.md")
_TABLE = re.compile(r"<!-- options of (.+?) -->\n.*?<!-- end -->", re.DOTALL)


def commands(
    group: click.Group = cli, path: str = "hnuiseg"
) -> Iterator[tuple[str, click.Command]]:
    """Every command by the words that call it, such as "hnuiseg train phantom"."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def table(command: click.Command) -> str:
    """What a command takes, as a Markdown table."""
    rows = ["| option | meaning | default |", "|---|---|---|"]
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            given = "" if parameter.is_flag else f" {parameter.make_metavar(context)}"
            name = f"`{', '.join(parameter.opts)}{given}`".replace("|", r"\|")
            default = parameter.default if parameter.show_default else ""
            default = "required" if parameter.required else default
            rows.append(f"| {name} | {parameter.help} | {default} |")
        else:
            rows.append(f"| `{parameter.make_metavar(context)}` | argument | |")
    return "\n".join(rows)


def renewed(page: str) -> str:
    """The page with every option table as the code has it."""
    by_name = dict(commands())

    def fresh(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"<!-- options of {name} -->\n{table(by_name[name])}\n<!-- end -->"

    return _TABLE.sub(fresh, page)


def schema() -> str:
    """The JSON Schema of what `refine` reads, as a file."""
    from hnuiseg.interaction import edits_schema

    return json.dumps(edits_schema(), indent=1) + "\n"


if __name__ == "__main__":
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
    page.with_name("edits.schema.json").write_text(schema(), encoding="utf-8")
