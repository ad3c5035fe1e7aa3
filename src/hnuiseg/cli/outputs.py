"""What commands that answer a study share: their common options, and how they end."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hnuiseg.cli.strict import fail_on_warnings
from hnuiseg.errors import WrongCall

if TYPE_CHECKING:
    from hnuiseg.export import Result

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for the outputs: new, empty, or with earlier outputs, which it replaces.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws."
)
edit_samples_option = click.option(
    "--edit-samples",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="Stochastic members behind each answer to a click; 0: one pass, its voxels not sampled.",
)
formats_option = click.option(
    "--formats",
    metavar="A,B",
    help="Which of nifti, rtstruct, seg, report, seg-fractional, parametric-map; default: first 4.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Leave with status 4 if a warning stands."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print result.json on stdout.")


def wanted_formats(listed: str | None) -> tuple[str, ...]:
    """Names with commas between, or the usual ones; WrongCall for none and for unknown ones."""
    from hnuiseg.export import DEFAULT_FORMATS, check_formats

    if listed is None:
        return DEFAULT_FORMATS
    names = tuple(name.strip() for name in listed.split(",") if name.strip())
    if not names:
        raise WrongCall("--formats names none", "names with commas between", "leave it out for all")
    check_formats(names)
    return names


def tell(result: "Result", *, as_json: bool, strict: bool) -> None:
    """The result on stdout; WarningsUnderStrict where warnings stand and nobody wants them."""
    if as_json:
        for notice in result.notices:
            click.echo(f"warning: {notice.text}", err=True)
    click.echo(result.to_json().rstrip() if as_json else result.summary())
    if strict:
        fail_on_warnings(result.notices, "read the warnings; every output is written")
