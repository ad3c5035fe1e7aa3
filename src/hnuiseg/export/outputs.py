"""The formats, and `export`, which writes them all in one transaction.

A new format is one function that says which files it will write, and one line in `FORMATS`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from hnuiseg.dicom import Structure, rtstruct, rtstruct_bytes
from hnuiseg.errors import HnuisegError, InputRefused, OutputFailed, WrongCall
from hnuiseg.export.colours import COLOURS
from hnuiseg.export.measure import measure, totals
from hnuiseg.export.notices import answer_notices
from hnuiseg.export.report import report_html
from hnuiseg.export.result import NotWritten, Result, Voting
from hnuiseg.export.transaction import RESULT_NAME, output_directory
from hnuiseg.export.uptake import uptake_outside
from hnuiseg.files import atomic_write, write_nifti
from hnuiseg.inference import CLASSES, Prediction
from hnuiseg.models import Card
from hnuiseg.study.case import Case, Notice
from hnuiseg.volume import Unit, Volume


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What every format may draw from."""

    case: Case
    prediction: Prediction
    card: Card
    created: datetime
    uid_entropy: str
    software: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that will be written, and how."""

    name: str
    write: Callable[[Path, Result], None]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A file that has no sense for this case. With `notice`, the user must be warned."""

    name: str
    reason: str
    notice: Notice | None = None


Format = Callable[[Material], Iterator[Planned | Withheld]]


def nifti_files(material: Material) -> Iterator[Planned | Withheld]:
    """Label map, probabilities and uncertainty on the CT's grid."""
    prediction = material.prediction
    yield _nifti("labels", prediction.labels, "label", prediction)
    for value, name in enumerate(CLASSES[1:], start=1):
        yield _nifti(
            f"{name.lower()}_probability", prediction.probabilities[value], "1", prediction
        )
    yield _nifti("entropy", prediction.entropy, "nat", prediction)
    if prediction.mutual_information is None:
        reason = "one deterministic pass was made: no members to disagree"
        yield Withheld("mutual_information.nii.gz", reason)
    else:
        yield _nifti("mutual_information", prediction.mutual_information, "nat", prediction)
    if prediction.votes is not None:  # fewer than two: not sampled, whatever the entropy says
        yield _nifti("votes", prediction.votes.astype(np.float32), "1", prediction)
    if prediction.variance is not None:
        for value, name in enumerate(CLASSES[1:], start=1):
            yield _nifti(f"variance_{name.lower()}", prediction.variance[value], "1", prediction)


def rtstruct_file(material: Material) -> Iterator[Planned | Withheld]:
    """Contours on the original slices; one structure for each class that was found."""
    name = "rtstruct.dcm"
    prediction, reference = material.prediction, material.case.dicom
    if reference is None:
        yield Withheld(name, "plain files have no DICOM series")
        return
    structures = [
        Structure(class_name, value, prediction.labels == value, COLOURS[class_name])
        for value, class_name in enumerate(CLASSES[1:], start=1)
        if (prediction.labels == value).any()
    ]
    if not structures:
        yield Withheld(name, "no tumour found")
        return
    try:
        dataset = rtstruct(
            structures,
            prediction.grid,
            reference,
            label="hnuiseg",
            description="Research use only, unapproved",
            created=material.created,
            uid_entropy=material.uid_entropy,
            software=material.software,
        )
    except (InputRefused, OutputFailed) as error:  # e.g. not an axial grid
        text = f"No RTSTRUCT was written: {error.came}."
        yield Withheld(name, str(error), Notice("rtstruct-refused", text))
        return

    def write(path: Path, _result: Result) -> None:
        atomic_write(path, rtstruct_bytes(dataset))

    yield Planned(name, write)


def report_file(material: Material) -> Iterator[Planned | Withheld]:
    """One HTML page with its figures inside."""

    def write(path: Path, result: Result) -> None:
        page = report_html(material.case, material.prediction, result)
        atomic_write(path, page.encode("utf-8"))

    yield Planned("report.html", write)


FORMATS: dict[str, Format] = {
    "nifti": nifti_files,
    "rtstruct": rtstruct_file,
    "report": report_file,
}
DEFAULT_FORMATS = tuple(FORMATS)


def check_formats(formats: Sequence[str]) -> None:
    """Nothing where all names are known; WrongCall otherwise. Call it before any computing."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise WrongCall(
            f"no output format is called {unknown[0]!r}",
            ", ".join(FORMATS),
            "leave the formats out to get all of them",
        )


def export(
    case: Case,
    prediction: Prediction,
    card: Card,
    out: Path,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    started: datetime,
    created: datetime,
    uid_entropy: str = "",
) -> Result:
    """Write the formats and result.json into `out`, all or nothing, and say what was written.

    `started` is when reading began and `created` the time written into the outputs; both with
    zone, or both local. The same arguments give the same bytes. Raises WrongCall for an
    unknown format and OutputFailed where `out` can't be written; then it is as it was.
    """
    check_formats(formats)
    if not prediction.grid.same_place(case.ct.grid):
        raise HnuisegError(
            "a prediction on another grid than the CT's",
            "the CT's grid (law 1)",
            "report this as a fault of hnuiseg",
        )
    with output_directory(out) as folder:
        material = Material(case, prediction, card, created, uid_entropy, _software())
        files = [f for name in dict.fromkeys(formats) for f in FORMATS[name](material)]
        result = _result(material, files, started)
        for file in files:
            if isinstance(file, Planned):
                file.write(folder / file.name, result)
        atomic_write(folder / RESULT_NAME, result.to_json().encode("utf-8"))
    return result


def _result(material: Material, files: Sequence[Planned | Withheld], started: datetime) -> Result:
    case, prediction = material.case, material.prediction
    withheld = [f for f in files if isinstance(f, Withheld)]
    lesions, outside = measure(case, prediction), uptake_outside(case)
    withheld_notices = tuple(f.notice for f in withheld if f.notice is not None)
    return Result(
        software=material.software,
        created=material.created,
        elapsed_s=(material.created - started).total_seconds(),
        provenance=case.provenance,
        notices=case.notices + answer_notices(lesions, outside) + withheld_notices,
        suv=None if case.pet is None else case.pet.suv,
        card=material.card,
        settings=prediction.settings,
        members=prediction.members,
        seed=prediction.seed,
        voting=_voting(prediction),
        lesions=lesions,
        totals=totals(lesions),
        files=(*(f.name for f in files if isinstance(f, Planned)), RESULT_NAME),
        not_written=tuple(NotWritten(f.name, f.reason) for f in withheld),
        uptake_outside=outside,
    )


def _voting(prediction: Prediction) -> Voting | None:
    votes = prediction.votes
    if votes is None:
        return None
    few = int((votes < 2).sum())
    return Voting(int(votes.min()), int(votes.max()), few, few / votes.size)


def _nifti(
    name: str, array: Shaped[np.ndarray, "z y x"], unit: Unit, prediction: Prediction
) -> Planned:
    def write(path: Path, _result: Result) -> None:
        write_nifti(Volume(array, prediction.grid, unit), path)

    return Planned(f"{name}.nii.gz", write)


def _software() -> str:
    return f"hnuiseg {metadata.version('hnuiseg')}"
