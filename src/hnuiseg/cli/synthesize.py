"""`hnuiseg synthesize`: disease planted in real CTs, as a data set to train and measure on."""

from pathlib import Path

import click

from hnuiseg.cli.prepare import writing_options
from hnuiseg.cli.progress import progress


@click.command()
@click.option(
    "--ct-from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="DIR",
    help="OpenKBP's planning CTs with targets and organs, in the public CSV layout or packed.",
)
@writing_options("Of the disease and of the split.")
@click.option(
    "--pictures",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    help="Patients that are shown beside their real CT (beside.html).",
)
def synthesize(
    source: Path, out: Path, resume: bool, seed: int, splits: Path | None, pictures: int
) -> None:
    """Plant tumours and nodes in real CTs of heads and necks.

    Each patient becomes a staging PET/CT and a planning CT in another position, with their truth on
    a CT of 1.5 mm or finer in-plane. Soft tissue in the real patient's radiotherapy targets is
    labelled 255, unknown: real disease must not be taught as background. OUT is a data set like
    those of `hnuiseg prepare`; the patients keep the names that they have there, so that splits
    drawn for one hold for both. CTs that cover too little are left out and counted."""
    with progress() as shown:
        shown(None, "Looking through the files")
        from hnuiseg.cohorts import prepare as make
        from hnuiseg.cohorts import summary, synthetic
        from hnuiseg.cohorts.openkbp_files import stored_patients
        from hnuiseg.cohorts.synthetic import write_beside

        patients, _ = stored_patients(source)
        cohort = synthetic(source, seed)
        manifest = make(cohort, out, seed=seed, splits=splits, resume=resume, told=shown)
        beside = write_beside(patients, seed, out, pictures, shown) if pictures else None
    click.echo(summary(manifest))
    click.echo(f"{len(manifest.patients)} of {len(patients)} patients remain")
    click.echo(f"pictures to look through: {out / 'sheet.html'}")
    if beside is not None:
        click.echo(f"semi-synthetic beside real: {beside}")
