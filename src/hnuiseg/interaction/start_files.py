"""A start as files, written once and never again: arrays as .npy, and what they are.

Arrays lie there uncompressed, so that opening a case maps them into memory instead of reading them.
Of a label map only the labels are stored: the rest follows from them. The description is returned
for the index of whoever keeps the files (a session, a cache), with the hash of each.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hnuiseg.errors import InputRefused
from hnuiseg.inference import CLASSES, NotDrawn
from hnuiseg.interaction.start import Start
from hnuiseg.volume import Grid

_CHUNK = 1 << 22
_OF_LABELS = ("labels",)
_ARRAYS = ("labels", "probabilities", "entropy", "mutual_information", "votes")
_TYPES = {
    "labels": "|u1",
    "probabilities": "<f4",
    "entropy": "<f4",
    "mutual_information": "<f4",
    "votes": "<i2",
}


def write_start(start: Start, folder: Path) -> dict[str, Any]:
    """Write the arrays into an existing folder, flushed to disk, and describe them.

    Arrays that are files already are linked where the system can, so a session begun from a cached
    start takes no room of its own.
    """
    names = _OF_LABELS if start.origin == "labels" else _ARRAYS
    files: dict[str, Any] = {}
    for name in names:
        array = getattr(start, name)
        if array is None:
            continue
        path = folder / f"{name}.npy"
        if not _linked(array, path):
            _write(np.asarray(array, dtype=_TYPES[name]), path)
    paths = sorted(folder.glob("*.npy"))
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run
        for path, found in zip(paths, pool.map(_hash, paths), strict=True):
            files[path.stem] = {"sha256": found, "bytes": path.stat().st_size}
    grid = start.grid
    return {
        "origin": start.origin,
        "files": files,
        "grid": {
            "shape": list(grid.shape),
            "spacing": list(grid.spacing),
            "origin": list(grid.origin),
            "direction": [list(step) for step in grid.direction],
            "frame_of_reference": grid.frame_of_reference,
        },
        "members": start.members,
        "seed": start.seed,
        "temperature": start.temperature,
        "settings": dict(start.settings),
        "notes": list(start.notes),
        "not_drawn": [asdict(one) for one in start.not_drawn],
    }


def read_start(folder: Path, described: Mapping[str, Any], *, verify: bool = True) -> Start:
    """The start as it was written; InputRefused where a file isn't what its description says.

    Without `verify` only lengths are looked at: for what this process wrote a moment ago.
    """
    try:
        grid = _grid(described["grid"])
        arrays = _checked(folder, described["files"], grid, verify)
        settings = {str(k): str(v) for k, v in described["settings"].items()}
        notes = tuple(str(note) for note in described["notes"])
        if described["origin"] == "labels":
            return Start.from_array(arrays["labels"], grid, settings, notes)
        temperature = described["temperature"]
        return Start(
            "automatic",
            arrays["labels"],
            arrays["probabilities"],
            arrays["entropy"],
            arrays.get("mutual_information"),
            arrays.get("votes"),
            grid,
            int(described["members"]),
            int(described["seed"]),
            None if temperature is None else float(temperature),
            settings,
            notes,
            tuple(_not_drawn(one) for one in described.get("not_drawn", ())),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged(f"the start in {folder.name}") from error


def damaged(what: str) -> InputRefused:
    """The one error for files of a session that aren't as they were written."""
    return InputRefused(
        f"{what} is damaged or cut short",
        "the files of a session as they were written",
        "bring the folder back from a copy; nothing in it was changed",
    )


def _checked(
    folder: Path, files: Mapping[str, Any], grid: Grid, verify: bool
) -> dict[str, np.ndarray]:
    names = [name for name in _ARRAYS if name in files]
    paths = [folder / f"{name}.npy" for name in names]
    for name, path in zip(names, paths, strict=True):
        if path.stat().st_size != files[name]["bytes"]:
            raise ValueError(name)
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(_hash, paths) if verify else (files[n]["sha256"] for n in names)
        for name, found in zip(names, hashes, strict=True):
            if found != files[name]["sha256"]:
                raise ValueError(name)
    arrays = {}
    for name, path in zip(names, paths, strict=True):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        shape = (3, *grid.shape) if name == "probabilities" else grid.shape
        if array.shape != shape or array.dtype.str != _TYPES[name]:
            raise ValueError(name)
        arrays[name] = array
    return arrays


def _not_drawn(described: Mapping[str, Any]) -> NotDrawn:
    x, y, z = (float(v) for v in described["inside_mm"])
    volume, peak = float(described["volume_ml"]), float(described["peak_probability"])
    if described["class_name"] not in CLASSES[1:]:
        raise ValueError(described["class_name"])
    return NotDrawn(described["class_name"], volume, peak, (x, y, z))


def _grid(described: Mapping[str, Any]) -> Grid:
    a, b, c = (int(n) for n in described["shape"])
    sz, sy, sx = (float(v) for v in described["spacing"])
    x, y, z = (float(v) for v in described["origin"])
    first, second, third = ((float(i), float(j), float(k)) for i, j, k in described["direction"])
    frame = str(described["frame_of_reference"])
    return Grid((a, b, c), (sz, sy, sx), (x, y, z), (first, second, third), frame)


def _write(array: Shaped[np.ndarray, "..."], path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file,
            {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape},
        )
        for plane in array:  # never a second copy of the whole
            file.write(np.ascontiguousarray(plane).data)
        file.flush()
        os.fsync(file.fileno())


def _linked(array: Shaped[np.ndarray, "..."], path: Path) -> bool:
    """The array's own file under another name, where it is one and the disk allows it."""
    if not isinstance(array, np.memmap) or array.filename is None or array.mode != "r":
        return False
    source = Path(array.filename)
    if source.name != path.name:
        return False
    with suppress(OSError):
        os.link(source, path)
        return True
    shutil.copyfile(source, path)
    return True


def _hash(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def description_bytes(described: Mapping[str, Any]) -> bytes:
    """JSON in one line, and its hash in the next: damage anywhere shows."""
    line = json.dumps(described, sort_keys=True, ensure_ascii=True, allow_nan=False).encode()
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def description_from(content: bytes) -> dict[str, Any]:
    """What `description_bytes` wrote; ValueError for anything else."""
    line, _, rest = content.partition(b"\n")
    if rest != hashlib.sha256(line).hexdigest().encode() + b"\n":
        raise ValueError("not as it was written")
    described = json.loads(line)
    if not isinstance(described, dict):
        raise ValueError("not an object")
    return described
