"""`hnuiseg runs`: how a training goes."""

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--tensorboard",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the curves for TensorBoard there too; it must be installed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout.")
def runs(run: Path, tensorboard: Path | None, as_json: bool) -> None:
    """Show how the training in RUN goes, while it runs or afterwards.

    Losses, learning rate, validation Dice and pictures, in RUN/run.html."""
    from hnuiseg.training import read_run, write_page, write_tensorboard

    logs = read_run(run)
    if tensorboard is not None:
        write_tensorboard(logs, tensorboard)
    if as_json:
        shown = [{**asdict(log), "folder": log.folder.name} for log in logs]
        click.echo(json.dumps(shown, indent=1))
        return
    for log in logs:
        click.echo(log.summary())
    click.echo(str(write_page(run, logs)))
