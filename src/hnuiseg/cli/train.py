"""`hnuiseg train`: recipes that make a model file."""

from pathlib import Path

import click

from hnuiseg.cli.progress import progress


@click.group()
def train() -> None:
    """Train a model; each recipe is a command of its own."""


@train.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The model file to write, ending in .safetensors.",
)
@click.option(
    "--run",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("runs/phantom"),
    show_default=True,
    metavar="DIR",
    help="Checkpoint and losses. A run that was stopped goes on from here.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=1500,
    show_default=True,
    help="Patches to learn from.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of every draw.")
def phantom(out: Path, folder: Path, steps: int, seed: int) -> None:
    """Train the compact model on phantoms alone; under an hour on two cores."""
    with progress() as shown:
        shown(None, "Loading")
        from hnuiseg.files import atomic_write
        from hnuiseg.models import Card, model_bytes
        from hnuiseg.training.phantom_recipe import SETTINGS, PhantomRecipe
        from hnuiseg.training.phantom_run import train_on_phantoms

        def told(step: int, of: int, loss: float) -> None:
            shown(step / of, f"Training, loss {loss:.3f}")

        weights = train_on_phantoms(folder, PhantomRecipe(steps=steps), seed, told)
        card = Card(
            name=out.stem,
            recipe="phantom",
            scale="compact",
            summary="Residual-encoder U-Net trained on synthetic patients only.",
            training_data="phantoms made by hnuiseg; no patient",
            licence_of_training_data="Apache-2.0",
            command=f"hnuiseg train phantom --steps {steps} --seed {seed} --out {out.name}",
            seed=seed,
            figures={},
            limits="Has never seen a patient: its contours on patients mean nothing.",
        )
        atomic_write(out, model_bytes(card, SETTINGS, weights))
    click.echo(str(out))
