"""Where the images come from: the arguments that commands on one study share."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hnuiseg.errors import WrongCall

if TYPE_CHECKING:
    from hnuiseg.cli.progress import Progress
    from hnuiseg.study import Case, Stated

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of DICOM files, or a CT file and perhaps a PET file; and what the user states."""

    study: Path | None
    ct: Path | None
    pet: Path | None
    weight_kg: float | None
    ct_only: bool
    pet_units: str | None
    registration: Path | None = None
    accept_sex_mean: bool = False

    def __post_init__(self) -> None:
        if self.study is not None and (self.ct is not None or self.pet is not None):
            raise _wrong("both a STUDY folder and --ct or --pet", "give one of the two")
        if self.study is None and self.ct is None:
            came = "--pet without --ct" if self.pet is not None else "neither STUDY nor --ct"
            raise _wrong(came, "name a folder, or a CT file with --ct")
        if self.ct is not None and self.pet is None and self.pet_units is not None:
            raise _wrong("--pet-units without --pet", "name the PET with --pet, or leave it out")
        for path in (*self.paths, *([self.registration] if self.registration else [])):
            if not os.path.exists(path):  # Path.exists fails on overlong names
                raise _wrong(f"{path.name!r} doesn't exist", "check the path")
        if self.study is not None and not self.study.is_dir():
            raise _wrong(f"STUDY {self.study.name!r} is not a folder", "name one file with --ct")

    @property
    def paths(self) -> tuple[Path, ...]:
        """What is read, one to two of the three."""
        return tuple(p for p in (self.study, self.ct, self.pet) if p is not None)

    @property
    def stated(self) -> "Stated":
        """What the user says of the patient and the images, to be recorded as stated."""
        from hnuiseg.study import Stated

        units: Any = self.pet_units
        return Stated(
            weight_kg=self.weight_kg,
            ct_only=self.ct_only,
            pet_units=units,
            registration=self.registration,
            accept_sex_mean=self.accept_sex_mean,
        )


def _wrong(came: str, remedy: str) -> WrongCall:
    return WrongCall(came, "a STUDY folder, or --ct FILE and perhaps --pet FILE", remedy)


def source_arguments(command: _Command) -> _Command:
    """Give a command STUDY, --ct, --pet, … and hand them over as one `source`."""

    @click.argument("study", required=False, type=_PATH)
    @click.option("--ct", type=_PATH, metavar="FILE", help="CT as NIfTI, NRRD or MHA, in HU.")
    @click.option(
        "--pet",
        type=_PATH,
        metavar="FILE",
        help="PET beside --ct. Giving both states that they are registered.",
    )
    @click.option(
        "--pet-units",
        type=click.Choice(["suv", "bqml"]),
        help="What the values of --pet are: SUVbw in g/ml, or Bq/ml. A plain file doesn't say.",
    )
    @click.option(
        "--weight-kg",
        type=float,
        help="The patient's weight where the headers lack it. There is no default weight.",
    )
    @click.option(
        "--registration",
        type=_PATH,
        metavar="FILE",
        help="What joins CT and PET of two frames of reference: a DICOM Spatial Registration, or "
        "an ITK transform (.tfm, .txt) from points of the CT to the PET. Rigid only.",
    )
    @click.option(
        "--accept-sex-mean",
        is_flag=True,
        help="For sex O and a PET scaled to lean or ideal mass, accept the mean of both formulas.",
    )
    @click.option("--ct-only", is_flag=True, help="Leave the PET out, even if there is one.")
    @functools.wraps(command)
    def with_source(
        study: Path | None,
        ct: Path | None,
        pet: Path | None,
        pet_units: str | None,
        weight_kg: float | None,
        registration: Path | None,
        accept_sex_mean: bool,
        ct_only: bool,
        **rest: Any,
    ) -> Any:
        source = Source(
            study, ct, pet, weight_kg, ct_only, pet_units, registration, accept_sex_mean
        )
        return command(source=source, **rest)

    return with_source  # type: ignore[return-value]  # same command, other signature


def read_case(source: Source, shown: "Progress") -> "Case":
    """The case that the arguments name."""
    from hnuiseg.study import read_files, read_study

    shown(None, "Reading the study")
    if source.study is not None:
        return read_study(source.study, source.stated, shown.named_first)
    assert source.ct is not None  # Source holds one of the two
    return read_files(source.ct, source.pet, source.stated, shown.named_first)
