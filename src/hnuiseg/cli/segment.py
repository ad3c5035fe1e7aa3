"""`hnuiseg segment`: one study in, every output out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnuiseg.cli.computing import (
    device_option,
    model_option,
    precision_option,
    samples_option,
    threads_option,
)
from hnuiseg.cli.progress import Progress, progress
from hnuiseg.cli.source import Source, source_arguments
from hnuiseg.cli.strict import fail_on_warnings
from hnuiseg.errors import WrongCall

if TYPE_CHECKING:
    from hnuiseg.study import Case


@click.command()
@source_arguments
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for the outputs: new, empty, or with earlier outputs, which it replaces.",
)
@model_option
@samples_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@click.option(
    "--no-uncertainty", is_flag=True, help="One pass without chance: faster, and no doubt shown."
)
@click.option(
    "--exact",
    is_flag=True,
    help="Every approximation off: the model's own windows, half overlapping, in float32. For "
    "figures that are published.",
)
@click.option("--variance", is_flag=True, help="Write the variance over members per class too.")
@click.option(
    "--formats",
    metavar="A,B",
    help="Which of nifti, rtstruct, seg, report, seg-fractional, parametric-map; default: first 4.",
)
@click.option(
    "--rois",
    type=click.Choice(["class", "lesion"]),
    default="class",
    show_default=True,
    help="Regions of the RTSTRUCT: GTVp and GTVn, or one for each lesion (GTVn1, GTVn2, …).",
)
@click.option(
    "--smooth-mm",
    type=click.FloatRange(0.0),
    default=0.0,
    show_default=True,
    help="How far contours of the RTSTRUCT may leave the voxel faces; read back, the mask is the "
    "same.",
)
@device_option
@precision_option
@threads_option
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
    exact: bool,
    variance: bool,
    formats: str | None,
    rois: Any,
    smooth_mm: float,
    device: str,
    precision: Any,
    threads: int | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Find GTVp and GTVn in one STUDY and write every output to --out.

    STUDY is a folder of DICOM files in any order and of any names. With a PET both images are
    used, without one the CT alone, and the output says which. The outputs appear all at once
    or not at all. Finding no tumour is a result.
    """
    started = datetime.now(UTC)
    with progress() as shown:
        shown(None, "Loading")
        from hnuiseg.export import DEFAULT_FORMATS, Contours, check_formats, check_output, export
        from hnuiseg.inference import Hardware, PredictOptions, predict
        from hnuiseg.models import load_model

        wanted = DEFAULT_FORMATS if formats is None else format_names(formats)
        check_formats(wanted)
        # what must fail fails before an hour of computing
        check_output(out, [*source.paths, Path(model)])
        loaded = load_model(model)
        options = PredictOptions(
            samples,
            seed,
            not no_uncertainty,
            variance,
            device,
            precision,
            threads,
            exact=exact,
        )
        hardware = Hardware.chosen(options)

        case = read_case(source, shown)
        prediction = predict(case, loaded, options, shown.within(f"Segmenting on {hardware}"))
        shown(None, "Writing the outputs")
        result = export(
            case,
            prediction,
            loaded.card,
            out,
            formats=wanted,
            started=started,
            created=datetime.now(UTC),
            contours=Contours(rois, smooth_mm),
            progress=shown.within("Writing the outputs"),
        )
    if as_json:
        for notice in result.notices:
            click.echo(f"warning: {notice.text}", err=True)
    click.echo(result.to_json().rstrip() if as_json else result.summary())
    if strict:
        fail_on_warnings(result.notices, "read the warnings; every output is written")


def read_case(source: Source, shown: Progress) -> "Case":
    """The case that the arguments name."""
    from hnuiseg.study import read_files, read_study

    shown(None, "Reading the study")
    if source.study is not None:
        return read_study(source.study, source.stated, shown.named_first)
    assert source.ct is not None  # Source holds one of the two
    return read_files(source.ct, source.pet, source.stated, shown.named_first)


def format_names(listed: str) -> tuple[str, ...]:
    """Names with commas between; WrongCall where there are none."""
    names = tuple(name.strip() for name in listed.split(",") if name.strip())
    if not names:
        raise WrongCall("--formats names none", "names with commas between", "leave it out for all")
    return names
