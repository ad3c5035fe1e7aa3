"""The edits that `hnuiseg refine` does, from a JSON file; every error names the edit's number."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hnuiseg.errors import HnuisegError, WrongCall

if TYPE_CHECKING:
    from hnuiseg.interaction import Edit

FORMAT = 1
_MOST_BYTES = 1 << 24
_ALLOWED = f'{{"format": {FORMAT}, "edits": [{{"edit": "click", …}}, …]}}'


def read_edits(path: Path) -> "tuple[Edit, ...]":
    """The edits in their order; WrongCall for a file that holds anything else."""
    from hnuiseg.interaction import edit_from_json

    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError("longer than 16 MiB")
        described = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise WrongCall(
            f"{path.name} can't be read as JSON ({str(error)[:80]})", _ALLOWED, "mend the file"
        ) from error
    listed = described.get("edits") if isinstance(described, dict) else None
    if not isinstance(listed, list) or described.get("format") != FORMAT:
        raise WrongCall(
            f"{path.name} is no list of edits of format {FORMAT}",
            _ALLOWED,
            "see docs/how-to/refine.md and docs/reference/edits.schema.json",
        )
    edits = []
    for number, one in enumerate(listed, start=1):
        try:
            edits.append(edit_from_json(one))
        except WrongCall as error:
            raise numbered(error, number, len(listed)) from error
    return tuple(edits)


def numbered(error: HnuisegError, number: int, count: int) -> HnuisegError:
    """The same error, of one edit among many."""
    came, allowed, remedy = error.args
    return type(error)(f"edit {number} of {count}: {came}", allowed, remedy)
