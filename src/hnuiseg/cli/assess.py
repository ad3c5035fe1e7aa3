"""`hnuiseg assess`, `assess-compare`: a model measured on patients that a split keeps apart."""

import json
from pathlib import Path

import click

from hnuiseg.cli.prepared import ANY, data_option
from hnuiseg.cli.progress import progress

_USUAL = ("automatic", "each-lesion", "ten-clicks", "corrective")
_USERS = (
    *_USUAL,
    *("unsteady", "suggested", "predicted-places", "each-lesion-alone", "deleting"),
)
_SCANS = {"both": ("PET/CT", "CT"), "pet-ct": ("PET/CT",), "ct": ("CT",)}


@click.command()
@click.argument("model")
@data_option(ANY)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="For results.md, results.json and each patient's measures: new or empty.",
)
@click.option(
    "--part",
    type=click.Choice(["testing", "validation", "calibration"]),
    default="testing",
    show_default=True,
    help="Which of the patients that the split names.",
)
@click.option(
    "--fold",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Whose validation or calibration part.",
)
@click.option(
    "--user",
    "users",
    type=click.Choice(_USERS),
    multiple=True,
    help="Who clicks; may be given several times. Default: the first four.",
)
@click.option(
    "--within-region",
    is_flag=True,
    help="Each click changes only its own region, as in a session; default: the whole image anew.",
)
@click.option(
    "--every-component",
    is_flag=True,
    help="Components that reach too little for the model, and no click confirmed, count as drawn.",
)
@click.option(
    "--scan",
    type=click.Choice(list(_SCANS)),
    default="both",
    show_default=True,
    help="With the PET, or from the CT alone: a PET that is there is then hidden.",
)
@click.option(
    "--members",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    help="Members whose mean gives the labels; 0: one pass without dropout.",
)
@click.option(
    "--uncertainty-members",
    type=click.IntRange(0, 1000),
    default=5,
    show_default=True,
    help="Members behind calibration and ranking of errors; 0 leaves both out.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where; auto takes a GPU where there is one.",
)
@click.option("--resume", is_flag=True, help="Go on with an assessment that was stopped.")
def assess(  # noqa: PLR0913 - one argument an option
    *,
    model: str,
    data: tuple[Path, ...],
    out: Path,
    part: str,
    fold: int,
    users: tuple[str, ...],
    within_region: bool,
    every_component: bool,
    scan: str,
    members: int,
    uncertainty_members: int,
    seed: int,
    device: str,
    resume: bool,
) -> None:
    """Measure MODEL on the patients of data sets that the split keeps for testing.

    Automatic and with simulated users, with PET and from the CT alone, on each CT's own grid: Dice,
    surfaces, lesions, calibration, and whether uncertainty points at errors, with intervals over
    patients. MODEL is a name from `hnuiseg models` or a .safetensors file. Prints results.md's
    place."""
    with progress() as shown:
        shown(None, "Starting")
        from hnuiseg.models import load_model
        from hnuiseg.training import AssessOptions, assess_model, learnt_by

        options = AssessOptions(
            part=part,  # type: ignore[arg-type]
            fold=fold,
            users=tuple(user for user in _USERS if user in (users or _USUAL)),
            scans=_SCANS[scan],
            within_region=within_region,
            every_component=every_component,
            members=members,
            uncertainty_members=uncertainty_members,
            seed=seed,
            device=device,
        )
        page = assess_model(
            load_model(model),
            data,
            out,
            options,
            called=Path(model).name,
            learnt=learnt_by(Path(model)),
            resume=resume,
            told=shown,
        )
    click.echo(str(page))


@click.command("assess-compare")
@click.argument("first", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("second", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON on stdout.")
def assess_compare(first: Path, second: Path, as_json: bool) -> None:
    """Compare the results.json of two assessments of the same patients: SECOND less FIRST.

    Each measure's paired difference with a 95 % interval, Wilcoxon's p, and Holm's over all."""
    from hnuiseg.training import compare, comparison_text, read_results

    rows = compare(read_results(first), read_results(second))
    click.echo(json.dumps(rows, indent=1) if as_json else comparison_text(rows))
