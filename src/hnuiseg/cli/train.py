"""`hnuiseg train`: recipes that make a model file."""

from pathlib import Path

import click

from hnuiseg.cli.progress import progress
from hnuiseg.errors import OutputFailed


@click.group()
def train() -> None:
    """Train a model; each recipe is a command of its own."""


@train.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="RUN",
    help="Folder of the run; an interrupted run in it goes on.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of everything.")
@click.option(
    "--steps", type=click.IntRange(1), help="Batches to learn from; default: the recipe's."
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Of the network's layers; auto is bfloat16 on processors that have it built in.",
)
@click.option(
    "--patients",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Fresh phantoms to measure on at the end.",
)
def phantom(out: Path, seed: int, steps: int | None, precision: str, patients: int) -> None:
    """Train the compact first model on phantoms: about an hour on two cores.

    Prints the model file, which `hnuiseg segment --model` takes."""
    with progress() as shown:
        shown(None, "Starting")
        from dataclasses import replace

        import torch

        from hnuiseg.networks import chosen_precision
        from hnuiseg.training import PhantomRecipe, make_phantom_model

        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFailed(
                f"{out.name} can't be made ({error.strerror})",
                "a folder in a place that you can write to",
                "choose another --out",
            ) from error
        recipe = PhantomRecipe(precision=chosen_precision(precision, torch.device("cpu")))
        if steps is not None:
            recipe = replace(recipe, steps=steps)
        file = make_phantom_model(
            out,
            recipe,
            seed=seed,
            patients=patients,
            told=lambda step, of, loss: shown(step / of, f"Training, loss {loss:.2f}"),
            measured=lambda done, of: shown(done / of, "Measuring on fresh phantoms"),
        )
    click.echo(str(file))
