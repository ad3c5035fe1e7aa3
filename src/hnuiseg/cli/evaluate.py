"""`hnuiseg evaluate`: how well one drawing matches another."""

import json
from dataclasses import replace
from pathlib import Path

import click

from hnuiseg.cli.progress import progress
from hnuiseg.errors import WrongCall

_READ = 0.1  # share of the time that reading one of the two takes, about
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("prediction", metavar="PRED", type=_PATH)
@click.argument("truth", metavar="TRUTH", type=_PATH)
@click.option(
    "--ct",
    metavar="FOLDER",
    type=_PATH,
    help="The series that an RTSTRUCT was drawn on: contours have no voxels of their own.",
)
@click.option(
    "--roi-names",
    metavar="FILE",
    type=_PATH,
    help="Patterns that say which regions and segments are GTVp and GTVn.",
)
@click.option(
    "--resample", is_flag=True, help="Bring PRED onto TRUTH's grid (nearest neighbour) first."
)
@click.option("--json", "as_json", is_flag=True, help="Print the measures as JSON on stdout.")
def evaluate(
    prediction: Path,
    truth: Path,
    ct: Path | None,
    roi_names: Path | None,
    resample: bool,
    as_json: bool,
) -> None:
    """Measure how well PRED matches TRUTH.

    For GTVp and GTVn apart: Dice, surface agreement within 2 mm (NSD), Hausdorff distances and
    volumes. Each is a label map (NIfTI, NRRD, MHA; 1 GTVp, 2 GTVn), a DICOM SEG, or an RTSTRUCT
    with --ct. Nothing is resampled unless --resample asks for it.
    """
    for path in (prediction, truth, ct, roi_names):
        if path is not None and not path.exists():
            raise WrongCall(f"{path.name!r} doesn't exist", "files that do", "check the path")
    with progress() as shown:
        shown(None, "Loading")
        from hnuiseg.evaluation import evaluate as compare
        from hnuiseg.study import read_labels, side_by_side, widened

        shown(0.0, f"Reading {prediction.name}")
        first = read_labels(prediction, ct=ct, roi_names=roi_names)
        shown(_READ, f"Reading {truth.name}")
        second = read_labels(truth, ct=ct, roi_names=roi_names)
        pair = side_by_side(first, second)
        if pair is not None:
            first, second = pair
        elif resample:
            second = widened(second, first)
        found = compare(
            first.volume,
            second.volume,
            resample_prediction=resample,
            progress=lambda fraction, what: shown(2 * _READ + (1 - 2 * _READ) * fraction, what),
        )
        notes = [f"PRED: {n}" for n in first.notes] + [f"TRUTH: {n}" for n in second.notes]
        found = replace(found, notes=(*notes, *found.notes))
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.summary())
