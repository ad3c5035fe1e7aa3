"""`hnuiseg train`: recipes that make a model file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnuiseg.cli.prepared import ANY, data_option
from hnuiseg.cli.progress import progress
from hnuiseg.errors import OutputFailed, WrongCall

if TYPE_CHECKING:
    from hnuiseg.training import Recipe

_PRECISION = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Of the network's layers; auto is bfloat16 on processors that have it built in.",
)
_SEED = click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of everything."
)


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
@_SEED
@click.option(
    "--steps", type=click.IntRange(1), help="Batches to learn from; default: the recipe's."
)
@_PRECISION
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


_STAGED = (
    data_option(ANY),
    click.option(
        "--local",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        multiple=True,
        metavar="DIR",
        help="With --all-stages: the data of stages 2 and 3, where it isn't --data's.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        required=True,
        metavar="RUN",
        help="Folder of the run, with a folder for each stage.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["full", "mini"]),
        required=True,
        help="full: the paper's sizes, for GPUs; mini: a smaller network, for two cores.",
    ),
    click.option(
        "--stage", type=click.IntRange(1, 3), help="1 pre-training, 2 automatic, 3 clicks."
    ),
    click.option("--all-stages", is_flag=True, help="All three, one after the other."),
    click.option(
        "--fold",
        type=click.Choice(["0", "1", "2", "3", "4", "all"]),
        default="0",
        show_default=True,
        help="Who validates; 0 is the 80/20 split, all trains on everyone.",
    ),
    click.option("--resume", is_flag=True, help="Go on with a run that was stopped."),
    click.option(
        "--from",
        "begin",
        metavar="MODEL",
        help="Start the first stage from this model, not from fresh weights or the stage before.",
    ),
    _SEED,
    click.option(
        "--epochs", type=click.IntRange(1), help="Of each stage; default: the recipe's 300."
    ),
    _PRECISION,
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="auto takes a GPU where there is one. Several: start by torchrun --nproc-per-node N.",
    ),
)


def _staged(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every recipe with stages."""
    for option in reversed(_STAGED):
        command = option(command)
    return command


@train.command()
@_staged
def paper(**options: Any) -> None:
    """Train the paper's three stages on prepared data sets.

    Prints each stage's model file. `hnuiseg runs RUN` shows how it goes."""
    _train("paper", **options)


@train.command()
@_staged
def plus(**options: Any) -> None:
    """Train on corrections of the network's own answers, with a PET that may be missing or off.

    The stages of `paper`, with channels for where there is a PET and for the answer before. Prints
    each stage's model file."""
    _train("plus", **options)


def _stages(stage: int | None, all_stages: bool, local: tuple[Path, ...]) -> tuple[int, ...]:
    if all_stages == (stage is not None):
        raise WrongCall(
            "both --stage and --all-stages" if all_stages else "neither --stage nor --all-stages",
            "one of the two",
            "say which stage, or all of them",
        )
    if local and not all_stages:
        raise WrongCall("--local with one stage", "--local with --all-stages", "give it as --data")
    return (1, 2, 3) if stage is None else (stage,)


def _train(  # noqa: PLR0913 - one argument an option
    recipe_name: str,
    *,
    data: tuple[Path, ...],
    local: tuple[Path, ...],
    out: Path,
    scale: str,
    stage: int | None,
    all_stages: bool,
    fold: str,
    resume: bool,
    begin: str | None,
    seed: int,
    epochs: int | None,
    precision: str,
    device: str,
) -> None:
    stages = _stages(stage, all_stages, local)
    with progress() as shown:
        shown(None, "Starting")
        from hnuiseg.models import load_model
        from hnuiseg.training import (
            Stage,
            check_crew,
            learnt_by,
            model_before,
            parts_of,
            recipe_named,
            run_stage,
            scale_named,
            sized,
            training_precision,
            workers,
        )

        recipe = _with_epochs(recipe_named(recipe_name), epochs)
        size, crew = sized(recipe, scale_named(scale)), workers(device)
        check_crew(size, crew)
        files = []
        for number in stages:
            first = number == stages[0]
            started = load_model(begin) if begin and first else model_before(out, number)
            made = Stage(
                number,
                recipe,
                size,
                parts_of(data if number == 1 else local or data, fold),
                fold,
                seed,
                training_precision(precision, crew.device),
                started,
                learnt_by(Path(begin)) if begin and first else frozenset(),
            )
            files.append(run_stage(made, out, crew, resume=resume, told=shown))
    if crew.rank == 0:
        for file in files:
            click.echo(str(file))


def _with_epochs(recipe: "Recipe", epochs: int | None) -> "Recipe":
    """Fewer epochs have a shorter warm-up, in proportion."""
    from dataclasses import replace

    if epochs is None:
        return recipe
    warm_up = min(recipe.warm_up_epochs, max(1, epochs * recipe.warm_up_epochs // recipe.epochs))
    every = min(recipe.validate_every, max(1, epochs // 4))
    return replace(recipe, epochs=epochs, warm_up_epochs=warm_up, validate_every=every)
