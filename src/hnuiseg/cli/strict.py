"""`--strict`: the status of a command whose warnings stand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hnuiseg.errors import WarningsUnderStrict

if TYPE_CHECKING:
    from hnuiseg.study import Notice


def fail_on_warnings(notices: "Sequence[Notice]", remedy: str) -> None:
    """WarningsUnderStrict, by their codes, where there are warnings."""
    if not notices:
        return
    count = "1 warning stands" if len(notices) == 1 else f"{len(notices)} warnings stand"
    codes = ", ".join(dict.fromkeys(notice.code for notice in notices))
    raise WarningsUnderStrict(f"{count} ({codes})", "no warning under --strict", remedy)
