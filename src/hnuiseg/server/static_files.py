"""The page and what it loads, from the package alone."""

import mimetypes
from pathlib import Path

from fastapi.responses import FileResponse

from hnuiseg.server.refusals import by_status

STATIC = Path(__file__).parent / "static"
_LONGEST = 255  # bytes of a name: file systems answer longer ones with an error, not with "no"
_TYPES = {  # not from the system's table, which may call a script text/plain
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".png": "image/png",
}


def static_file(folder: Path, asked: str) -> FileResponse:
    """A file of the folder; what would lead out of it isn't there.

    Names of files only: no dots at the beginning of a part, no backslashes, no drives, no links
    that lead elsewhere.
    """
    parts = asked.split("/") if asked else ["index.html"]
    if parts[0] == "api" or any(not _plain(part) for part in parts):
        raise by_status(404)
    root = folder.resolve()
    path = root.joinpath(*parts).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise by_status(404)
    kind = _TYPES.get(path.suffix.lower()) or mimetypes.types_map.get(path.suffix.lower())
    return FileResponse(path, media_type=kind or "application/octet-stream")


def _plain(part: str) -> bool:
    if not part or part.startswith(".") or set(part) & set('\\:\0*?"<>|'):
        return False
    return len(part.encode("utf-8", "replace")) <= _LONGEST
