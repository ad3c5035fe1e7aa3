"""`hnuiseg segment`: one study in, every output out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnuiseg.cli.progress import Progress, progress
from hnuiseg.cli.source import Source, source_arguments
from hnuiseg.errors import WarningsUnderStrict, WrongCall

if TYPE_CHECKING:
    from hnuiseg.study import Case, Notice


@click.command()
@source_arguments
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for the outputs. It appears whole or not at all.",
)
@click.option(
    "--model",
    default="default",
    show_default=True,
    help="A name from `hnuiseg models`, or a .safetensors file.",
)
@click.option(
    "--samples",
    type=click.IntRange(2, 1000),
    default=10,
    show_default=True,
    help="Stochastic members behind probability and uncertainty.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@click.option(
    "--no-uncertainty", is_flag=True, help="One pass without chance: faster, and no doubt shown."
)
@click.option("--variance", is_flag=True, help="Write the variance over members per class too.")
@click.option(
    "--formats",
    metavar="A,B",
    help="Only these outputs. Default: all that the study allows.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Of the network's arithmetic.",
)
@click.option("--strict", is_flag=True, help="Leave with status 4 if a warning stands.")
@click.option("--json", "as_json", is_flag=True, help="Print result.json on stdout.")
def segment(  # noqa: PLR0913 - one argument an option
    *,
    source: Source,
    out: Path,
    model: str,
    samples: int,
    seed: int,
    no_uncertainty: bool,
    variance: bool,
    formats: str | None,
    device: str,
    precision: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Find GTVp and GTVn in one STUDY and write every output to --out.

    STUDY is a folder of DICOM files in any order and of any names. With a PET both images are
    used, without one the CT alone, and the output says which. Finding no tumour is a result.
    """
    started = datetime.now(UTC)
    chosen: Any = precision
    with progress() as shown:
        shown(None, "Loading")
        from hnuiseg.export import DEFAULT_FORMATS, check_output, export
        from hnuiseg.inference import PredictOptions, predict
        from hnuiseg.models import load_model

        wanted = DEFAULT_FORMATS if formats is None else _formats(formats)
        check_output(out)  # what must fail fails before an hour of computing
        loaded = load_model(model)
        options = PredictOptions(samples, seed, not no_uncertainty, variance, device, chosen)

        case = read(source, shown)
        prediction = predict(case, loaded, options, progress=shown)
        shown(None, "Writing the outputs")
        result = export(
            case,
            prediction,
            loaded.card,
            out,
            formats=wanted,
            started=started,
            created=datetime.now(UTC),
            uid_entropy=None,
        )
    for notice in case.notices:
        click.echo(f"warning: {notice.text}", err=True)
    click.echo(result.to_json() if as_json else result.summary())
    if strict:
        refuse_warnings(case.notices)


def read(source: Source, shown: Progress) -> "Case":
    """The case that the arguments name."""
    from hnuiseg.study import read_files, read_study

    shown(None, "Reading the study")
    if source.study is not None:
        return read_study(source.study, source.stated, progress=shown.named_first)
    assert source.ct is not None  # Source holds one of the two
    return read_files(source.ct, source.pet, source.stated, progress=shown.named_first)


def refuse_warnings(notices: "tuple[Notice, ...]") -> None:
    """Under --strict: status 4 where warnings stand."""
    if notices:
        raise WarningsUnderStrict(
            f"{len(notices)} warning(s): {', '.join(notice.code for notice in notices)}",
            "no warning under --strict",
            "look at the warnings above; the outputs are written",
        )


def _formats(listed: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not names:
        raise WrongCall("--formats names none", "names with commas between", "leave it out for all")
    return names
