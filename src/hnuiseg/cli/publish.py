"""`hnuiseg calibrate`, `publish`, `ensemble`: from a run to a model file to pass on."""

from collections.abc import Callable
from pathlib import Path

import click

from hnuiseg.cli.prepared import data_option
from hnuiseg.cli.progress import progress
from hnuiseg.errors import OutputFailed, WrongCall

_Command = Callable[..., None]
_RUN = click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
_STAGE = click.option(
    "--stage", type=click.IntRange(1, 3), help="Whose model; default: the last finished one."
)
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The model file, FILE.safetensors; none may be there yet.",
)


@click.command()
@_RUN
@data_option("The prepared data sets that the stage was trained on.")
@_STAGE
@click.option(
    "--samples", type=click.IntRange(1, 1000), default=10, show_default=True, help="Members."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where."
)
def calibrate(
    run: Path, data: tuple[Path, ...], stage: int | None, samples: int, seed: int, device: str
) -> None:
    """Fit one temperature to the model of RUN, on patients kept for that.

    Separately with PET and from the CT alone; measured before and after, and after clicks. The
    result lies beside the model, and `hnuiseg publish` takes it."""
    with progress() as shown:
        shown(None, "Starting")
        from hnuiseg.training import calibrate_run

        file, lines = calibrate_run(
            run,
            data,
            stage,
            members=samples,
            seed=seed,
            device=device,
            told=lambda done, of: shown(done / of, "Calibrating"),
        )
    for line in lines:
        click.echo(line)
    click.echo(str(file))


def _least(name: str, most: float, which: str) -> Callable[[_Command], _Command]:
    """An option with a limit for GTVp and one for GTVn."""
    return click.option(
        name,
        type=(click.FloatRange(0.0, most), click.FloatRange(0.0, most)),
        metavar="GTVP GTVN",
        help=f"Components of GTVp and of GTVn {which} are listed and not drawn; default: every "
        "one is drawn. Choose it on patients kept for calibration (`hnuiseg assess`).",
    )


@click.command()
@click.argument("source", metavar="RUN", type=click.Path(path_type=Path, exists=True))
@_OUT
@_STAGE
@click.option("--name", help="Of the model; default: recipe, scale and stage.")
@click.option("--half", is_flag=True, help="Store kernels with 16 bits: half the size.")
@_least("--least-ml", 5.0, "under so many ml")
@_least("--least-peak", 0.99, "whose probability nowhere reaches so much")
def publish(
    source: Path,
    out: Path,
    stage: int | None,
    name: str | None,
    half: bool,
    least_ml: tuple[float, float] | None,
    least_peak: tuple[float, float] | None,
) -> None:
    """Make the model file of RUN with its card: figures, licence of the data, temperatures.

    RUN may be a model file, too: the same weights and card, then, under another name, least
    volume or least peak. `hnuiseg segment --model FILE` takes what is made."""
    from hnuiseg.files import atomic_write
    from hnuiseg.models import read_model
    from hnuiseg.training import published, republished

    if source.is_dir():
        content = published(
            source, stage, name, half=half, least_ml=least_ml, least_peak=least_peak
        )
    elif stage is None:
        content = republished(
            read_model(source), name, half=half, least_ml=least_ml, least_peak=least_peak
        )
    else:
        raise WrongCall(
            f"--stage {stage} of {source.name}", "a stage of a run's folder", "leave --stage out"
        )
    _free(out)
    atomic_write(out, content)
    click.echo(str(out))


@click.command()
@click.argument(
    "models", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True
)
@_OUT
@click.option("--name", default="ensemble", show_default=True, help="Of the model.")
def ensemble(models: tuple[Path, ...], out: Path, name: str) -> None:
    """Put several MODELS, such as the folds of one recipe, into one file.

    Each member of a prediction asks the next of them, so that where they differ adds to the
    uncertainty."""
    from hnuiseg.files import atomic_write
    from hnuiseg.models import ensemble_bytes, read_model

    command = f"hnuiseg ensemble {' '.join(path.name for path in models)}"
    content = ensemble_bytes([read_model(path) for path in models], name, command)
    _free(out)
    atomic_write(out, content)
    click.echo(str(out))


def _free(out: Path) -> None:
    """OutputFailed where a file is there, or the name isn't a model file's."""
    if out.suffix != ".safetensors":
        raise OutputFailed(
            f"{out.name} isn't named as a model file", "a name with .safetensors", "add the ending"
        )
    if out.exists():
        raise OutputFailed(
            f"{out.name} is there already", "a name that is free", "name another --out"
        )
