"""What a server is given at its start: studies, drawings to begin with, and who answers clicks.

Each is a label for people, a key that only the server sees, and a function; so a test serves a made
case as easily as the command line serves a folder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hnuiseg.errors import WrongCall
from hnuiseg.inference import PredictOptions
from hnuiseg.interaction import CaseNetwork, Network, Start, automatic_start
from hnuiseg.models import Card, ModelFile
from hnuiseg.server.queue import Progress
from hnuiseg.study import Case, Stated, on_grid, read_files, read_labels, read_study


@dataclass(frozen=True, slots=True)
class Source:
    """A study that was named at the start; nothing is read of it before somebody asks."""

    label: str  # what lists show: the folder's own name, with its parents' where others share it
    key: str = field(repr=False)  # what its id is made from; never sent
    read: Callable[[Progress], Case]
    place: Path | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """An RTSTRUCT, SEG or label map that a session may begin with."""

    label: str
    key: str = field(repr=False)
    begin: Callable[[Case, Source], Start]


@dataclass(frozen=True, slots=True)
class Answering:
    """A model, as the server needs it."""

    card: Card
    network: Callable[[Case], Network]
    start: Callable[[Case, Progress], Start]  # the automatic result, from the cache where it is
    prepare: Callable[[Network], None]  # so that the first click waits for less


def labels_of(paths: Sequence[Path]) -> list[str]:
    """The names of files or folders, with as many parents as tell each from the others.

    Two patients' folders may both be called "study": nobody could tell which one is opened.
    """
    whole = [path.resolve() for path in paths]
    return [_label(path, [other for other in whole if other != path]) for path in whole]


def _label(path: Path, others: Sequence[Path]) -> str:
    for depth in range(1, len(path.parts)):
        own = path.parts[-depth:]
        if all(other.parts[-depth:] != own for other in others):
            return "/".join(own)
    return str(path)


def study_source(path: Path, stated: Stated, label: str | None = None) -> Source:
    """A folder of DICOM files, or a CT as one NIfTI, NRRD or MHA file."""
    if not path.exists():
        raise WrongCall(
            f"STUDY {path.name!r:.80} doesn't exist", "folders, or CT files", "check the path"
        )

    def read(progress: Progress) -> Case:
        def told(what: str, fraction: float) -> None:
            progress(0.0, what)  # reading is short beside the pass; its share isn't known

        if path.is_dir():
            return read_study(path, stated, told)
        return read_files(path, None, stated, told)

    return Source(label or path.resolve().name, f"study {path.resolve()}", read, path)


def drawing(path: Path, roi_names: Path | None = None, label: str | None = None) -> Drawing:
    """A file to begin with. It is read, and held to the study's CT, when a session begins."""
    if not path.is_file():
        raise WrongCall(
            f"--start {path.name!r:.80} is no file",
            "an RTSTRUCT, a SEG or a label map",
            "check the path",
        )

    def begin(case: Case, source: Source) -> Start:
        drawn = read_labels(path, ct=source.place, roi_names=roi_names)
        return Start.of_labels(on_grid(drawn, case.ct.grid), path.name)

    return Drawing(label or path.name, f"start {path.resolve()}", begin)


def answering(model: ModelFile, options: PredictOptions, cache: Path) -> Answering:
    """A model file with its options."""

    def prepare(network: Network) -> None:
        assert isinstance(network, CaseNetwork)  # as made below
        network.prepare()

    return Answering(
        model.card,
        lambda case: CaseNetwork(case, model, options),
        lambda case, progress: automatic_start(case, model, options, cache, progress),
        prepare,
    )
