"""`hnuiseg phantom`: made-up patients with known tumours."""

from pathlib import Path

import click

from hnuiseg.cli.progress import progress
from hnuiseg.errors import OutputFailed


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder that gets a folder patient-NNN for each; none may be there yet.",
)
@click.option("--patients", type=click.IntRange(1), default=1, show_default=True, help="How many.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same patients."
)
def phantom(out: Path, patients: int, seed: int) -> None:
    """Make head-and-neck phantoms with known tumours.

    PET/CT as DICOM and as NIfTI, with the truth beside them."""
    with progress() as shown:
        shown(0.0, "Making phantoms")
        from hnuiseg.cohorts import write_phantom_patient
        from hnuiseg.export import check_output

        for index in range(patients):  # before the first is made, not after an hour
            if (out / f"patient-{index:03d}").exists():
                raise OutputFailed(
                    f"patient-{index:03d} is already in {out.name!r}",
                    "a folder without phantoms",
                    "choose another --out, or remove it",
                )
        check_output(out / "patient-000")
        for index in range(patients):

            def told(part: float, done: int = index) -> None:
                shown((done + part) / patients, f"Making phantom {done + 1} of {patients}")

            told(0.0)
            click.echo(str(write_phantom_patient(out, seed, index, told=told)))
