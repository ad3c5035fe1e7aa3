"""`hnuiseg segment`: one study in, every output out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hnuiseg.cli.computing import (
    device_option,
    model_option,
    precision_option,
    samples_option,
    threads_option,
)
from hnuiseg.cli.outputs import (
    formats_option,
    json_option,
    out_option,
    seed_option,
    strict_option,
    tell,
    wanted_formats,
)
from hnuiseg.cli.progress import progress
from hnuiseg.cli.source import Source, read_case, source_arguments


@click.command()
@source_arguments
@out_option
@model_option
@samples_option
@seed_option
@click.option(
    "--no-uncertainty", is_flag=True, help="One pass without chance: faster, and no doubt shown."
)
@click.option(
    "--exact",
    is_flag=True,
    help="Every approximation off: the model's own windows, half overlapping, in float32. For "
    "figures that are published.",
)
@click.option(
    "--every-component",
    is_flag=True,
    help="Draw components that reach too little for the model, which are only listed otherwise.",
)
@click.option("--variance", is_flag=True, help="Write the variance over members per class too.")
@formats_option
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
@strict_option
@json_option
def segment(  # noqa: PLR0913 - one argument an option
    *,
    source: Source,
    out: Path,
    model: str,
    samples: int,
    seed: int,
    no_uncertainty: bool,
    exact: bool,
    every_component: bool,
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
        from hnuiseg.export import Contours, check_output, export
        from hnuiseg.inference import Hardware, PredictOptions, predict
        from hnuiseg.models import load_model

        wanted = wanted_formats(formats)
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
            every_component=every_component,
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
    tell(result, as_json=as_json, strict=strict)
