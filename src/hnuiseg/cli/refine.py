"""`hnuiseg refine`: edits from a file, done on one study without a screen."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnuiseg.cli.computing import (
    device_option,
    model_option,
    precision_option,
    samples_option,
    threads_option,
)
from hnuiseg.cli.edits_file import numbered, read_edits
from hnuiseg.cli.outputs import (
    edit_samples_option,
    formats_option,
    json_option,
    out_option,
    seed_option,
    strict_option,
    tell,
    wanted_formats,
)
from hnuiseg.cli.progress import Progress, progress
from hnuiseg.cli.source import Source, read_case, source_arguments
from hnuiseg.errors import HnuisegError, WrongCall

if TYPE_CHECKING:
    from hnuiseg.inference import PredictOptions
    from hnuiseg.interaction import Edit, InteractiveSession, Network, Report, Start
    from hnuiseg.models import ModelFile
    from hnuiseg.study import Case

_FOLDER = click.Path(path_type=Path)


@click.command()
@source_arguments
@click.option(
    "--edits",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="What to do, as JSON; see docs/how-to/refine.md.",
)
@out_option
@click.option(
    "--start",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Begin with this RTSTRUCT, SEG or label map instead of the automatic result.",
)
@click.option(
    "--roi-names",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Which regions of --start are GTVp and GTVn: a pattern file, as for `evaluate`.",
)
@click.option(
    "--session",
    "folder",
    type=_FOLDER,
    metavar="DIR",
    help="Keep the session in this folder, or go on with the one that is there.",
)
@click.option(
    "--cache",
    type=_FOLDER,
    metavar="DIR",
    help="Keep automatic results here, and take them from here.",
)
@model_option
@samples_option
@seed_option
@click.option(
    "--no-uncertainty", is_flag=True, help="The automatic result in one pass, without doubt."
)
@edit_samples_option
@click.option(
    "--only-confirmed",
    is_flag=True,
    help="At the end delete, in one more edit, every lesion that no edit confirmed.",
)
@formats_option
@device_option
@precision_option
@threads_option
@strict_option
@json_option
def refine(  # noqa: PLR0913 - one argument an option
    *,
    source: Source,
    edits: Path,
    out: Path,
    start: Path | None,
    roi_names: Path | None,
    folder: Path | None,
    cache: Path | None,
    model: str,
    samples: int,
    seed: int,
    no_uncertainty: bool,
    edit_samples: int,
    only_confirmed: bool,
    formats: str | None,
    device: str,
    precision: Any,
    threads: int | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Do the edits of a file on one STUDY, one after the other, and write every output.

    Each edit changes voxels in its own region and nowhere else. With --session they can be undone
    and gone on with later. An edit that is refused ends the command: its number is named, and
    outputs and session are as they were.
    """
    started = datetime.now(UTC)
    with progress() as shown:
        shown(None, "Reading the edits")
        from hnuiseg.export import check_output, export_session
        from hnuiseg.inference import PredictOptions
        from hnuiseg.interaction import CaseNetwork
        from hnuiseg.models import load_model

        listed = read_edits(edits)
        wanted = wanted_formats(formats)
        inputs = [*source.paths, edits, Path(model), *(p for p in (start, folder, cache) if p)]
        check_output(out, inputs)
        if start is not None and folder is not None and folder.exists():
            raise WrongCall(
                "--start with a --session that is there already",
                "a new session, or one to go on with",
                "leave --start out, or name another folder",
            )
        loaded = load_model(model)
        options = PredictOptions(
            samples, seed, not no_uncertainty, False, device, precision, threads
        )
        case = read_case(source, shown)
        network = CaseNetwork(case, loaded, options)

        def began() -> "Start":
            if start is not None:
                return _drawn(start, source, roi_names, case)
            return _automatic(case, loaded, options, cache, shown)

        with _session(folder, case, network, began) as session:
            reports = _done(session, listed, edit_samples, shown)
            if only_confirmed:
                _only_confirmed(session, len(reports))
            shown(None, "Writing the outputs")
            asked = session.start.origin == "automatic" or any(r.members for r in reports)
            result = export_session(
                session,
                out,
                loaded.card if asked else None,
                formats=wanted,
                started=started,
                created=datetime.now(UTC),
                progress=shown.within("Writing the outputs"),
            )
    if not as_json:
        for name, text in sorted(result.settings.items()):
            if name.startswith("edit "):
                click.echo(f"{name}: {text}")
    tell(result, as_json=as_json, strict=strict)


@contextmanager
def _session(
    folder: Path | None, case: "Case", network: "Network", began: "Callable[[], Start]"
) -> "Iterator[InteractiveSession]":
    """The session in the folder, a new one there, or one that leaves nothing behind."""
    from hnuiseg.interaction import InteractiveSession

    if folder is not None and folder.exists():
        with InteractiveSession.open_again(folder, case, network) as session:
            yield session
        return
    with tempfile.TemporaryDirectory(prefix="hnuiseg-") as nowhere:
        place = folder or Path(nowhere) / "session"
        with InteractiveSession.begin(place, case, began(), network) as session:
            yield session


def _done(
    session: "InteractiveSession", edits: "Sequence[Edit]", members: int, shown: Progress
) -> "list[Report]":
    """Every edit in turn; where one is refused or interrupted, those before it are taken back."""
    reports = []
    for number, edit in enumerate(edits, start=1):
        shown((number - 1) / len(edits), f"Edit {number} of {len(edits)}")
        try:
            reports.append(session.apply(edit, members))
        except BaseException as error:  # Ctrl-C too
            for _ in reports:
                session.undo()
            if isinstance(error, HnuisegError):
                raise numbered(error, number, len(edits)) from error
            raise
    return reports


def _only_confirmed(session: "InteractiveSession", edits: int) -> None:
    """Delete what nobody confirmed; where that fails, the edits before it are taken back too."""
    try:
        session.delete_unconfirmed()
    except BaseException:  # Ctrl-C too
        for _ in range(edits):
            session.undo()
        raise


def _drawn(path: Path, source: Source, roi_names: Path | None, case: "Case") -> "Start":
    from hnuiseg.interaction import Start
    from hnuiseg.study import on_grid, read_labels

    drawn = read_labels(path, ct=source.study or source.ct, roi_names=roi_names)
    return Start.of_labels(on_grid(drawn, case.ct.grid), path.name)


def _automatic(
    case: "Case",
    model: "ModelFile",
    options: "PredictOptions",
    cache: Path | None,
    shown: Progress,
) -> "Start":
    from hnuiseg.interaction import automatic_start

    return automatic_start(case, model, options, cache, shown.within("Segmenting"))
