"""`hnuiseg inspect`: what a study holds and whether it can be segmented."""

import json

import click

from hnuiseg.cli.progress import progress
from hnuiseg.cli.source import Source, source_arguments
from hnuiseg.cli.strict import fail_on_warnings
from hnuiseg.errors import InputRefused


@click.command()
@source_arguments
@click.option(
    "--strict", is_flag=True, help="Status 3 if the study isn't ready, 4 if a warning stands."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON on stdout.")
def inspect(source: Source, strict: bool, as_json: bool) -> None:
    """Say what STUDY holds and whether it can be segmented.

    Series, geometry, the SUV factor and its time reference, warnings, refusals: the same
    gates as `segment`. A study that `segment` would refuse gets its answer too, with the
    reasons; the status is then still 0, unless --strict is given.
    """
    with progress() as shown:
        shown(None, "Reading the study")
        from hnuiseg.study import inspect_files, inspect_study

        if source.study is not None:
            found = inspect_study(source.study, source.stated, shown.named_first)
        else:
            assert source.ct is not None  # Source holds one of the two
            found = inspect_files(source.ct, source.pet, source.stated)
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.summary())
    if strict and not found.ready:
        raise InputRefused(
            "the study is not ready", "a study that passes every gate", "see the reasons above"
        )
    if strict:
        fail_on_warnings(found.notices, "see them above")
