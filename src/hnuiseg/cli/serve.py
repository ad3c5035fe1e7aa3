"""`hnuiseg serve`: sessions over HTTP, for a page on this machine."""

from pathlib import Path
from typing import Any

import click

from hnuiseg.cli.computing import (
    device_option,
    model_option,
    precision_option,
    samples_option,
    threads_option,
)
from hnuiseg.cli.outputs import edit_samples_option, seed_option
from hnuiseg.errors import InputRefused, WrongCall

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("studies", metavar="[STUDY]...", nargs=-1, type=_FILE)
@click.option(
    "--work",
    type=_FILE,
    metavar="DIR",
    help="Sessions, automatic results, exports and the audit file are kept in this folder.",
)
@click.option(
    "--start",
    "starts",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="An RTSTRUCT, SEG or label map that a session may begin with; may be given several times.",
)
@click.option(
    "--roi-names",
    type=_FILE,
    metavar="FILE",
    help="Which regions of --start are GTVp and GTVn: a pattern file, as for `evaluate`.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8321,
    show_default=True,
    help="Port to listen on; 0: any that is free.",
)
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate, PEM; with --tls-key.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its key, PEM.")
@click.option(
    "--behind-proxy",
    metavar="ORIGIN",
    help="A proxy shows this server at this origin, such as https://viewer.example.org.",
)
@click.option(
    "--ahead", is_flag=True, help="Begin the automatic pass of every study at once, in turn."
)
@click.option(
    "--max-sessions",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Sessions that may be open at once: each holds its images in memory.",
)
@click.option(
    "--idle-minutes",
    type=click.FloatRange(0, 10_080, min_open=True),
    default=30,
    show_default=True,
    help="A session that nobody uses for so long is closed; no edit is lost.",
)
@click.option(
    "--weight-kg",
    type=float,
    help="The patient's weight where the headers lack it, with one STUDY. There is no default.",
)
@click.option("--ct-only", is_flag=True, help="Leave PETs out, even where there are any.")
@model_option
@samples_option
@seed_option
@click.option(
    "--no-uncertainty", is_flag=True, help="Automatic results in one pass, without doubt."
)
@edit_samples_option
@device_option
@precision_option
@threads_option
@click.option(
    "--verify-audit",
    type=_FILE,
    metavar="FILE",
    help="Check an audit file and leave: status 3 where it isn't as it was written.",
)
def serve(  # noqa: PLR0913 - one argument an option
    *,
    studies: tuple[Path, ...],
    work: Path | None,
    starts: tuple[Path, ...],
    roi_names: Path | None,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: str | None,
    ahead: bool,
    max_sessions: int,
    idle_minutes: float,
    weight_kg: float | None,
    ct_only: bool,
    model: str,
    samples: int,
    seed: int,
    no_uncertainty: bool,
    edit_samples: int,
    device: str,
    precision: Any,
    threads: int | None,
    verify_audit: Path | None,
) -> None:
    """Serve sessions of STUDYs to a browser on this machine; the URL to open is printed.

    STUDY is a folder of DICOM files, or a CT as NIfTI, NRRD or MHA. The URL has a token: who has it
    may see and edit everything that is served. Other machines reach the server only with TLS or
    through a declared proxy. Ctrl-C or SIGTERM end it; no acknowledged edit is lost, however it
    ends.
    """
    if verify_audit is not None:
        _verified(verify_audit)
        return
    if work is None:
        raise WrongCall("serve without --work", "a folder to keep sessions in", "add --work DIR")
    if weight_kg is not None and len(studies) != 1:
        raise WrongCall(
            f"--weight-kg with {len(studies)} studies", "one STUDY", "serve that patient alone"
        )
    from hnuiseg.inference import PredictOptions
    from hnuiseg.models import load_model
    from hnuiseg.server import (
        Binding,
        Limits,
        Served,
        WorkFolder,
        answering,
        drawing,
        labels_of,
        study_source,
    )
    from hnuiseg.server import serve as serve_until_told
    from hnuiseg.study import Stated

    binding = Binding(host, port, tls_cert, tls_key, behind_proxy)
    limits = Limits(sessions=max_sessions, idle_s=60.0 * idle_minutes, members=edit_samples)
    stated = Stated(weight_kg=weight_kg, ct_only=ct_only)
    sources = [
        study_source(path, stated, label)
        for path, label in zip(studies, labels_of(studies), strict=True)
    ]
    drawings = [
        drawing(path, roi_names, label)
        for path, label in zip(starts, labels_of(starts), strict=True)
    ]
    options = PredictOptions(samples, seed, not no_uncertainty, False, device, precision, threads)
    loaded = load_model(model)
    folder = WorkFolder(work)
    served = Served(
        folder, sources, drawings, answering(loaded, options, folder.cache), limits, ahead
    )
    serve_until_told(served, binding, click.echo)


def _verified(path: Path) -> None:
    from hnuiseg.server import verify

    found = verify(path)
    if found.broken is not None:
        raise InputRefused(
            f"line {found.broken} of {path.name} isn't as it was written",
            "lines that each hold the hash of the one before",
            f"trust the {len(found.records)} lines before it, and find out who changed it",
        )
    if found.torn:
        raise InputRefused(
            f"{path.name} ends in {len(found.torn)} bytes of a line that was never finished",
            "whole lines",
            "start the server on its folder: it keeps the torn line aside and says so",
        )
    click.echo(f"{len(found.records)} lines, all as written; the last one's hash is {found.last}")
