"""Exports: what a session was at one revision, as files that can be fetched later by opaque ids."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from hnuiseg.errors import HnuisegError
from hnuiseg.export import check_formats, export_session
from hnuiseg.files import atomic_write
from hnuiseg.models import Card
from hnuiseg.server.open_session import OpenSession
from hnuiseg.server.refusals import unknown
from hnuiseg.server.work_folder import WorkFolder, is_id, new_id

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of an export."""

    id: str
    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, of what, and when."""

    id: str
    session: str
    revision: str
    created: str
    verdict: str
    files: tuple[ExportedFile, ...]
    not_written: tuple[tuple[str, str], ...]  # name and why
    notices: tuple[str, ...]


def export(
    work: WorkFolder, session: OpenSession, card: Card, formats: Sequence[str], began: datetime
) -> Exported:
    """Write a session's present state; on any fault nothing of it stays."""
    check_formats(tuple(formats))
    interactive = session.interactive
    reports = [report for _, _, report in interactive.edits]
    asked = interactive.start.origin == "automatic" or any(r.members for r in reports)
    export_id = new_id()
    folder = work.export(export_id)
    created = datetime.now(UTC)
    result = export_session(
        interactive,
        folder,
        card if asked else None,
        started=began,
        created=created,
        formats=tuple(formats),
    )
    try:
        files = tuple(_described(folder / name) for name in sorted({"result.json", *result.files}))
        made = Exported(
            export_id,
            session.about.id,
            session.revision,
            created.isoformat(timespec="milliseconds"),
            result.verdict(),
            files,
            tuple((left.name, left.reason) for left in result.not_written),
            tuple(notice.text for notice in result.notices),
        )
        atomic_write(work.manifest(export_id), json.dumps(asdict(made)).encode())
    except BaseException:
        discard(work, export_id)
        raise
    return made


def discard(work: WorkFolder, export_id: str) -> None:
    """Remove an export that must not stay, such as one that couldn't be recorded."""
    work.manifest(export_id).unlink(missing_ok=True)
    folder = work.export(export_id)
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def exports_of(work: WorkFolder, session_id: str) -> Iterator[Exported]:
    """Those of one session, oldest first."""
    found = [made for path in work.manifests() if (made := _read(path)) is not None]
    yield from sorted(
        (made for made in found if made.session == session_id), key=lambda made: made.created
    )


def file_of(work: WorkFolder, export_id: str, file_id: str) -> tuple[Path, ExportedFile]:
    """A file to send; Refused for ids that name none."""
    made = _read(work.manifest(export_id)) if is_id(export_id) else None
    if made is None:
        raise unknown("export")
    for file in made.files:
        # a manifest names files of its own folder, whatever somebody wrote into it
        if file.id == file_id and Path(file.name).name == file.name:
            path = work.export(export_id) / file.name
            if path.is_file() and not path.is_symlink():
                return path, file
    raise unknown("file")


def _described(path: Path) -> ExportedFile:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return ExportedFile(new_id(), path.name, path.stat().st_size, found.hexdigest())


def _read(path: Path) -> Exported | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(ExportedFile(**file) for file in told.pop("files"))
        left = tuple((str(name), str(why)) for name, why in told.pop("not_written"))
        notices = tuple(str(text) for text in told.pop("notices"))
        return Exported(**told, files=files, not_written=left, notices=notices)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, HnuisegError):
        return None
