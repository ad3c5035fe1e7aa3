"""The formats, and `export`, which writes them all in one transaction.

A new format is one function that says which files it will write, and one line in `FORMATS`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from scipy.special import xlogy

from hnuiseg.dicom import (
    ENTROPY,
    DicomReference,
    Made,
    Rois,
    binary_seg,
    dicom_bytes,
    fractional_seg,
    label_structures,
    parametric_map,
    rtstruct,
    rtstruct_bytes,
)
from hnuiseg.errors import HnuisegError, InputRefused, OutputFailed, WrongCall
from hnuiseg.evaluation import tempered
from hnuiseg.export.colours import COLOURS
from hnuiseg.export.measure import measure, totals
from hnuiseg.export.notices import answer_notices, model_notices
from hnuiseg.export.report import report_html
from hnuiseg.export.result import NotWritten, Result, Voting
from hnuiseg.export.transaction import RESULT_NAME, output_directory
from hnuiseg.export.uptake import uptake_outside
from hnuiseg.files import atomic_write, write_nifti
from hnuiseg.inference import CLASSES, LEAST_VOTES, Prediction
from hnuiseg.models import Card
from hnuiseg.study.case import Case, Notice
from hnuiseg.volume import Unit, Volume

_LEAST_FRACTION = 1 / 510  # half a step of a FRACTIONAL segmentation
_REGIONS = {value: (name, COLOURS[name]) for value, name in enumerate(CLASSES[1:], start=1)}
_PREPARING, _MEASURED = 0.2, 0.3  # shares of the time, about


@dataclass(frozen=True, slots=True)
class Contours:
    """How an RTSTRUCT is drawn: see `label_structures` and `rtstruct`."""

    rois: Rois = "class"
    smoothing_mm: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What every format may draw from."""

    case: Case
    prediction: Prediction
    card: Card
    created: datetime
    uid_entropy: str
    software: str
    contours: Contours

    @property
    def made(self) -> Made:
        """What DICOM objects say of how they came to be."""
        return Made(self.created, self.uid_entropy, self.software, self.card.name)


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


Progress = Callable[[float, str], None]
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
    yield from _calibrated(prediction)
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


def _calibrated(prediction: Prediction) -> Iterator[Planned | Withheld]:
    """Calibrated maps of their own name (law 4); the labels are those of the others."""
    names = [f"{name.lower()}_probability_calibrated" for name in CLASSES[1:]]
    if prediction.temperature is None:
        return
    honest = np.empty_like(prediction.probabilities)
    doubt = np.empty_like(prediction.entropy)
    for z in range(honest.shape[1]):  # a slice at a time: in between are float64s
        p = tempered(np.moveaxis(prediction.probabilities[:, z], 0, -1), prediction.temperature)
        honest[:, z] = np.moveaxis(p, -1, 0)
        doubt[z] = -xlogy(p, p).sum(axis=-1)
    for value, name in enumerate(names, start=1):
        yield _nifti(name, honest[value], "1", prediction)
    yield _nifti("entropy_calibrated", doubt, "nat", prediction)


def rtstruct_file(material: Material) -> Iterator[Planned | Withheld]:
    """Contours on the original slices; a region for each class, or each lesion, that was found."""
    wanted, labels = material.contours, material.prediction.labels

    def contours(reference: DicomReference) -> bytes:
        dataset = rtstruct(
            label_structures(labels, _REGIONS, wanted.rois),
            material.prediction.grid,
            reference,
            label="hnuiseg",
            description="Research use only, unapproved",
            created=material.created,
            uid_entropy=material.uid_entropy,
            software=material.software,
            smoothing_mm=wanted.smoothing_mm,
        )
        return rtstruct_bytes(dataset)

    yield _dicom("rtstruct.dcm", "RTSTRUCT", material, contours, of_tumour=True)


def seg_file(material: Material) -> Iterator[Planned | Withheld]:
    """A BINARY segmentation on the original slices; one segment for each class found."""

    def masks(reference: DicomReference) -> bytes:
        prediction = material.prediction
        structures = label_structures(prediction.labels, _REGIONS)
        return dicom_bytes(binary_seg(structures, prediction.grid, reference, material.made))

    yield _dicom("seg.dcm", "SEG", material, masks, of_tumour=True)


def seg_fractional_file(material: Material) -> Iterator[Planned | Withheld]:
    """Probabilities of both classes as a FRACTIONAL segmentation, in steps of 1/255."""
    name, prediction = "seg_fractional.dcm", material.prediction
    maps = {c: prediction.probabilities[k] for k, c in enumerate(CLASSES[1:], start=1)}
    if max(float(p.max()) for p in maps.values()) < _LEAST_FRACTION:
        yield Withheld(name, "no tumour found: every probability is below 1/510")
        return

    def fractions(reference: DicomReference) -> bytes:
        grid = prediction.grid
        return dicom_bytes(fractional_seg(maps, COLOURS, grid, reference, material.made))

    yield _dicom(name, "FRACTIONAL SEG", material, fractions)


def parametric_map_file(material: Material) -> Iterator[Planned | Withheld]:
    """The entropy in nats as a float32 map; -1 where a voxel isn't sampled."""

    def entropy(reference: DicomReference) -> bytes:
        prediction = material.prediction
        values = prediction.entropy
        if prediction.votes is not None:  # law 4: never shown as certain
            values = np.where(prediction.votes < LEAST_VOTES, np.float32(np.nan), values)
        return dicom_bytes(
            parametric_map(values, ENTROPY, prediction.grid, reference, material.made)
        )

    yield _dicom("entropy_map.dcm", "parametric map", material, entropy)


def report_file(material: Material) -> Iterator[Planned | Withheld]:
    """One HTML page with its figures inside."""

    def write(path: Path, result: Result) -> None:
        page = report_html(material.case, material.prediction, result)
        atomic_write(path, page.encode("utf-8"))

    yield Planned("report.html", write)


FORMATS: dict[str, Format] = {
    "nifti": nifti_files,
    "rtstruct": rtstruct_file,
    "seg": seg_file,
    "report": report_file,
    "seg-fractional": seg_fractional_file,
    "parametric-map": parametric_map_file,
}
DEFAULT_FORMATS = ("nifti", "rtstruct", "seg", "report")  # the others are large


def check_formats(formats: Sequence[str]) -> None:
    """Nothing where all names are known; WrongCall otherwise. Call it before any computing."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise WrongCall(
            f"no output format is called {unknown[0]!r}",
            ", ".join(FORMATS),
            f"leave the formats out to get {', '.join(DEFAULT_FORMATS)}",
        )


def export(  # noqa: PLR0913 - one argument a choice of the user
    case: Case,
    prediction: Prediction,
    card: Card,
    out: Path,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    started: datetime,
    created: datetime,
    uid_entropy: str = "",
    contours: Contours | None = None,
    progress: Progress | None = None,
) -> Result:
    """Write the formats and result.json into `out`, all or nothing, and say what was written.

    `started` is when reading began and `created` the time written into the outputs; both with
    zone, or both local. `contours` is of the RTSTRUCT alone. The same arguments give the same
    bytes. `progress` is called with how far the work is (0 to 1) and what is next. Raises
    WrongCall for an unknown format and OutputFailed where `out` can't be written; then it is as
    it was.
    """
    check_formats(formats)
    if not prediction.grid.same_place(case.ct.grid):
        raise HnuisegError(
            "a prediction on another grid than the CT's",
            "the CT's grid (law 1)",
            "report this as a fault of hnuiseg",
        )
    with output_directory(out) as folder:
        drawn = contours or Contours()
        material = Material(case, prediction, card, created, uid_entropy, _software(), drawn)
        tell = progress or (lambda fraction, what: None)
        wanted = tuple(dict.fromkeys(formats))
        files: list[Planned | Withheld] = []
        for done, name in enumerate(wanted):
            tell(_PREPARING * done / len(wanted), name)
            files += FORMATS[name](material)
        tell(_PREPARING, "measuring")
        result = _result(material, files, started)
        planned = [f for f in files if isinstance(f, Planned)]
        with ThreadPoolExecutor() as pool:  # compression leaves a core to the report
            writing = [pool.submit(file.write, folder / file.name, result) for file in planned]
            for done, (file, written) in enumerate(zip(planned, writing, strict=True)):
                tell(_MEASURED + (1 - _MEASURED) * done / len(planned), file.name)
                written.result()
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
        notices=(
            *model_notices(material.card),
            *case.notices,
            *answer_notices(lesions, outside),
            *withheld_notices,
        ),
        suv=None if case.pet is None else case.pet.suv,
        card=material.card,
        settings=prediction.settings,
        members=prediction.members,
        seed=prediction.seed,
        voting=_voting(prediction),
        lesions=lesions,
        totals=totals(lesions),
        not_drawn=prediction.not_drawn,
        files=(*(f.name for f in files if isinstance(f, Planned)), RESULT_NAME),
        not_written=tuple(NotWritten(f.name, f.reason) for f in withheld),
        uptake_outside=outside,
    )


def _voting(prediction: Prediction) -> Voting | None:
    votes = prediction.votes
    if votes is None:
        return None
    few = int((votes < LEAST_VOTES).sum())
    return Voting(int(votes.min()), int(votes.max()), few, few / votes.size)


def _dicom(
    name: str,
    what: str,
    material: Material,
    content: Callable[[DicomReference], bytes],
    *,
    of_tumour: bool = False,
) -> Planned | Withheld:
    """A derived object on the CT's slices, or why there is none; a refusal is a warning."""
    reference = material.case.dicom
    if reference is None:
        return Withheld(name, "plain files have no DICOM series")
    if material.card.classes:  # a planning system would take it for a tumour
        return Withheld(name, f"what the model draws is no tumour ({material.card.classes})")
    if of_tumour and not material.prediction.labels.any():
        return Withheld(name, "no tumour found")
    try:
        written = content(reference)
    except (InputRefused, OutputFailed) as error:  # e.g. no frame of reference
        text = f"No {what} was written: {error.came}."
        return Withheld(name, str(error), Notice("object-refused", text))
    return Planned(name, lambda path, _result: atomic_write(path, written))


def _nifti(
    name: str, array: Shaped[np.ndarray, "z y x"], unit: Unit, prediction: Prediction
) -> Planned:
    def write(path: Path, _result: Result) -> None:
        write_nifti(Volume(array, prediction.grid, unit), path)

    return Planned(f"{name}.nii.gz", write)


def _software() -> str:
    return f"hnuiseg {metadata.version('hnuiseg')}"
