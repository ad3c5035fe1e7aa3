"""`hnuiseg evaluate`: how well a label map matches another."""

import json
from pathlib import Path

import click

from hnuiseg.cli.progress import progress
from hnuiseg.errors import WrongCall


@click.command()
@click.argument("prediction", metavar="PRED", type=click.Path(path_type=Path))
@click.argument("truth", metavar="TRUTH", type=click.Path(path_type=Path))
@click.option(
    "--resample", is_flag=True, help="Bring PRED onto TRUTH's grid (nearest neighbour) first."
)
@click.option("--json", "as_json", is_flag=True, help="Print the measures as JSON on stdout.")
def evaluate(prediction: Path, truth: Path, resample: bool, as_json: bool) -> None:
    """Measure how well the label map PRED matches TRUTH.

    For GTVp (1) and GTVn (2) apart: Dice, surface agreement within 2 mm (NSD), Hausdorff
    distances and volumes. Both maps are NIfTI, NRRD or MHA on the same grid.
    """
    for path in (prediction, truth):
        if not path.exists():
            raise WrongCall(f"{path.name!r} doesn't exist", "two label maps", "check the path")
    with progress() as shown:
        shown(None, "Comparing")
        from hnuiseg.evaluation import evaluate as compare
        from hnuiseg.files import read_image

        found = compare(
            read_image(prediction, "label"),
            read_image(truth, "label"),
            resample_prediction=resample,
        )
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.summary())
