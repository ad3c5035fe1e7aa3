"""`hnuiseg prepare`: a cohort on disk to a data set to train on."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnuiseg.cli.progress import progress
from hnuiseg.errors import WrongCall

if TYPE_CHECKING:
    from hnuiseg.cohorts import Cohort

SHIPPED = "shipped"  # with --roi-names: our own patterns, looked at and found right

_SOURCE = click.argument(
    "source", metavar="SRC", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
_ROI_NAMES = click.option(
    "--roi-names",
    metavar="FILE",
    help="Patterns that say which regions are GTVp and GTVn, after you have looked at the table "
    f"that is shown without it; {SHIPPED}: those of hnuiseg are right.",
)


def writing_options(seed: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of whatever writes a data set; `seed` says what follows from it."""

    def added(command: Callable[..., None]) -> Callable[..., None]:
        options = (
            click.option(
                "--out",
                type=click.Path(path_type=Path, file_okay=False),
                required=True,
                metavar="DIR",
                help="Folder of the data set: new or empty.",
            ),
            click.option("--resume", is_flag=True, help="Go on in a DIR that was begun before."),
            click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help=seed),
            click.option(
                "--splits",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                metavar="FILE",
                help="Folds that were drawn before; patients that it doesn't name join them.",
            ),
        )
        for option in reversed(options):
            command = option(command)
        return command

    return added


_writing = writing_options("Of the split.")


@click.group()
def prepare() -> None:
    """Make a data set to train on from a cohort's files.

    Every case passes the same gates as in `hnuiseg segment`. DIR gets the cases, compressed, a
    manifest that says what was left out and why, a sheet of pictures (sheet.html) and a split by
    patient (splits.json). A broken case is reported, and the others go on."""


@prepare.command()
@_SOURCE
@_writing
@click.option(
    "--suv-factors",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="CSV",
    help="Factors to SUVbw for patients whose PET was given out in Bq/ml, such as the organisers' "
    "suv_conversion_tags.csv.",
)
def hecktor(source: Path, suv_factors: Path | None, **writing: Any) -> None:
    """HECKTOR 2022, 2025 or 2026, as its organisers deliver it."""
    from hnuiseg.cohorts import hecktor as read

    _prepare(lambda: read(source, suv_factors=suv_factors), **writing)


@prepare.command()
@_SOURCE
@_writing
@_ROI_NAMES
def hn1(source: Path, roi_names: str | None, **writing: Any) -> None:
    """HEAD-NECK-RADIOMICS-HN1 as TCIA delivers it: CT alone, for research only (CC BY-NC)."""
    from hnuiseg.cohorts import hn1 as read

    _prepare(lambda: _confirmed(read, source, roi_names), **writing)


@prepare.command()
@_SOURCE
@_writing
@_ROI_NAMES
def clinic(source: Path, roi_names: str | None, **writing: Any) -> None:
    """A clinic's own patients: SRC/PATIENT/PRI (PET/CT) and SRC/PATIENT/PLAN (planning CT)."""
    from hnuiseg.cohorts import clinic as read

    _prepare(lambda: _confirmed(read, source, roi_names), **writing)


@prepare.command()
@_SOURCE
@_writing
@click.option(
    "--targets/--no-targets",
    default=True,
    show_default=True,
    help="PTV70 as class 1, PTV63 and PTV56 as class 2; without, the truth is unknown everywhere.",
)
def openkbp(source: Path, targets: bool, **writing: Any) -> None:
    """OpenKBP's planning CTs: the public CSV layout, or the packed one."""
    from hnuiseg.cohorts import openkbp as read

    _prepare(lambda: read(source, targets=targets), **writing)


@prepare.command()
@_SOURCE
@_writing
@click.option("--ct", required=True, metavar="PATTERN", help="Such as {id}/ct.nii.gz.")
@click.option("--labels", required=True, metavar="PATTERN", help="1 GTVp, 2 GTVn, on the CT.")
@click.option("--pet", metavar="PATTERN", help="In SUVbw and registered with the CT, as you state.")
@click.option(
    "--licence", default="not stated", show_default=True, help="Of the images, for the card."
)
@click.option("--commercial", is_flag=True, help="It lets weights be used commercially.")
def folder(
    source: Path,
    ct: str,
    labels: str,
    pet: str | None,
    licence: str,
    commercial: bool,
    **writing: Any,
) -> None:
    """NIfTI, NRRD or MHA files whose names follow a pattern below SRC; {id} is the case."""
    from hnuiseg.cohorts import folder as read

    _prepare(
        lambda: read(source, ct=ct, labels=labels, pet=pet, licence=licence, commercial=commercial),
        **writing,
    )


@prepare.command()
@writing_options("Of the phantoms and of the split.")
@click.option("--patients", type=click.IntRange(1), default=40, show_default=True, help="How many.")
def phantom(patients: int, seed: int, **writing: Any) -> None:
    """Procedural phantoms, which need no data."""
    from hnuiseg.cohorts import phantoms as made

    _prepare(lambda: made(seed, patients), seed=seed, **writing)


@prepare.command()
def names() -> None:
    """Print the shipped patterns for --roi-names, to edit a copy of them."""
    from importlib import resources

    text = resources.files("hnuiseg.dicom").joinpath("roi_names.toml").read_text("utf-8")
    click.echo(text, nl=False)


def _confirmed(
    read: "Callable[[Path, Path | None], Cohort]", source: Path, roi_names: str | None
) -> "Cohort":
    """The cohort by patterns that a person has confirmed; else the table to look at."""
    from hnuiseg.cohorts import described, region_names

    if roi_names is not None:
        return read(source, None if roi_names == SHIPPED else Path(roi_names))
    click.echo(described(region_names(read(source, None))))
    raise WrongCall(
        "nobody has confirmed what the regions' names mean",
        f"--roi-names {SHIPPED}, if the table above is right, or --roi-names FILE",
        "otherwise edit a copy: hnuiseg prepare names > FILE",
    )


def _prepare(
    read: "Callable[[], Cohort]", out: Path, resume: bool, seed: int, splits: Path | None
) -> None:
    with progress() as shown:
        shown(None, "Looking through the files")
        from hnuiseg.cohorts import prepare as make
        from hnuiseg.cohorts import summary

        manifest = make(read(), out, seed=seed, splits=splits, resume=resume, told=shown)
    click.echo(summary(manifest))
    click.echo(f"pictures to look through: {out / 'sheet.html'}")
