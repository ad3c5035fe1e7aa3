"""An annotated case in a folder: blosc2 arrays beside a description; the same voxels come back.

`case.json` is written last: a folder without it was not finished. Arrays are compressed without
loss and can be read in parts.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Shaped

from hnuiseg.cohorts.listing import AnnotatedCase
from hnuiseg.dicom import SuvFactor
from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.files import atomic_write
from hnuiseg.limits import check_grid
from hnuiseg.study import TRUTH_VALUES, Case, Notice, PetImage, Provenance
from hnuiseg.volume import Grid, Unit, Volume, covered, resample

if TYPE_CHECKING:
    from types import ModuleType

FORMAT = 1
DESCRIPTION = "case.json"
ENDING = ".b2nd"
_VOLUMES = ("ct", "truth", "pet")
_TYPES = ("int16", "uint8", "int32", "float32", "float64", "uint16")
# voxels a side: a patch of training unpacks little that it doesn't use
_CHUNK, _BLOCK = 64, 16


def write_cached(annotated: AnnotatedCase, folder: Path) -> str:
    """Write into an empty folder; the SHA-256 of what a training sees of it.

    OutputFailed where the disk refuses.
    """
    case = annotated.case
    volumes = {"ct": case.ct, "truth": annotated.truth}
    if case.pet is not None:
        volumes["pet"] = case.pet.native
    for name, volume in volumes.items():
        write_array(volume.array, folder / f"{name}{ENDING}")
    sha256 = _hash(annotated)
    described = {
        "format": FORMAT,
        "sha256": sha256,
        "volumes": {
            name: {
                "unit": volume.unit,
                "type": str(volume.array.dtype),
                "grid": asdict(volume.grid),
            }
            for name, volume in volumes.items()
        },
        "suv": None if case.pet is None else asdict(case.pet.suv),
        "notices": [asdict(notice) for notice in case.notices],
        "provenance": asdict(case.provenance),
        "field": _ends(case),
        "notes": list(annotated.notes),
    }
    atomic_write(folder / DESCRIPTION, json.dumps(described, indent=1).encode())
    return sha256


def read_cached(folder: Path, expected: str | None = None) -> AnnotatedCase:
    """The case in a folder that `write_cached` filled; InputRefused where it is damaged.

    So it is where its hash isn't the `expected` one of a manifest.

    What is read is compared with the hash of what was written: compression has no check of its
    own, and a voxel that has changed must not be learnt from (law 10).
    """
    try:
        described = json.loads((folder / DESCRIPTION).read_text())
        if described["format"] != FORMAT:
            raise ValueError(f"format {described['format']!r}")
        volumes = {
            name: _volume(folder / f"{name}{ENDING}", described["volumes"][name])
            for name in _VOLUMES
            if name in described["volumes"]
        }
        field = described["field"]
        found = AnnotatedCase(
            Case(
                volumes["ct"],
                _pet(volumes["pet"], volumes["ct"].grid, described["suv"])
                if "pet" in volumes
                else None,
                tuple(Notice(**notice) for notice in described["notices"]),
                Provenance(**_tuples(described["provenance"])),
                None,
                None if field is None else cast(Any, tuple(slice(*ends) for ends in field)),
            ),
            volumes["truth"],
            tuple(described["notes"]),
        )
        if _hash(found) != (described["sha256"] if expected is None else expected):
            raise ValueError("its voxels aren't those that were written, or the manifest's")
        return found
    except (OSError, ValueError, LookupError, TypeError, InputRefused) as error:
        raise InputRefused(
            f"the prepared case {folder.name} can't be read ({type(error).__name__}: "
            f"{str(error)[:80]})",
            "a data set of `hnuiseg prepare`, whole",
            "delete this case's folder and call `hnuiseg prepare … --resume`",
        ) from error


def write_array(array: Shaped[np.ndarray, "*space"], path: Path) -> None:
    """One array, compressed without loss in chunks that can be read alone.

    OutputFailed where the disk refuses; then nothing is left of it.
    """
    blosc2 = _blosc2()
    parts = [*([1] * (array.ndim - 3)), *array.shape[-3:]]  # one channel a chunk
    try:
        blosc2.asarray(
            np.ascontiguousarray(array),
            urlpath=str(path),
            mode="w",
            chunks=tuple(min(n, _CHUNK) for n in parts),
            blocks=tuple(min(n, _BLOCK) for n in parts),
            cparams={"codec": blosc2.Codec.LZ4HC, "clevel": 5},
        )
        with path.open("rb") as written:  # a power cut must not leave half of it
            os.fsync(written.fileno())
    except (OSError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise OutputFailed(
            f"{path.name} can't be written ({error})",
            "a folder that can be written to, on a disk with room",
            "free some space, then go on with --resume",
        ) from error


def open_array(path: Path) -> Any:
    """A blosc2 array, of which slices can be read."""
    try:
        return _blosc2().open(str(path), mode="r")
    except RuntimeError as error:  # blosc2's word for a file that isn't one
        raise ValueError(f"{path.name} is damaged") from error


def read_array(
    path: Path, shape: tuple[int, ...], kind: str = "uint8"
) -> Shaped[np.ndarray, "*space"]:
    """A whole array of that shape and type; memory is spent on no other.

    OSError, ValueError where it isn't there, is another or is damaged.
    """
    array = open_array(path)
    if tuple(array.shape) != tuple(shape) or str(array.dtype) != kind:
        raise ValueError(f"{path.name} holds {array.dtype} of shape {tuple(array.shape)[:4]}")
    try:
        return np.asarray(array[...])
    except RuntimeError as error:
        raise ValueError(f"{path.name} is damaged") from error


def _pet(native: Volume, ct: Grid, suv: Mapping[str, Any]) -> PetImage:
    """On the CT's grid it is made anew, as when the study was read: a tenth of the space."""
    on_ct = resample(native, ct)
    return PetImage(on_ct, covered(native.grid, ct), native, SuvFactor(**_tuples(suv)))


def _volume(path: Path, said: Mapping[str, Any]) -> Volume:
    grid = _grid(said["grid"])
    check_grid(grid, path.name)
    if said["type"] not in _TYPES:
        raise ValueError(f"voxels of type {said['type']!r:.20}")
    array = read_array(path, grid.shape, said["type"])
    if path.stem == "truth" and not np.isin(array, TRUTH_VALUES).all():
        raise ValueError("a truth of other values than 0, 1, 2 and 255")
    return Volume(array, grid, cast(Unit, said["unit"]))


def _hash(annotated: AnnotatedCase) -> str:
    """SHA-256 of all that a training sees: voxels, grids, truth, SUV and what is searched."""
    case = annotated.case
    volumes = {"ct": case.ct, "truth": annotated.truth}
    if case.pet is not None:
        volumes["pet"] = case.pet.native
    suv = None if case.pet is None else asdict(case.pet.suv)
    hashed = hashlib.sha256(json.dumps([suv, _ends(case)]).encode())
    for name, volume in sorted(volumes.items()):
        hashed.update(json.dumps([name, volume.unit, asdict(volume.grid)]).encode())
        hashed.update(str(volume.array.dtype).encode())
        hashed.update(np.ascontiguousarray(volume.array).data)
    return hashed.hexdigest()


def _ends(case: Case) -> list[list[int]] | None:
    return None if case.field is None else [[s.start, s.stop] for s in case.field]


def _grid(said: Mapping[str, Any]) -> Grid:
    return Grid(**_tuples(said))


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; our values hold tuples."""
    return {name: _tupled(value) for name, value in said.items()}


def _tupled(value: object) -> object:
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value


def _blosc2() -> "ModuleType":
    try:
        import blosc2
    except ImportError as error:
        raise OutputFailed(
            "prepared data sets need the package blosc2, which isn't installed",
            "hnuiseg with its training extra",
            "pip install 'hnuiseg[train]'",
        ) from error
    return blosc2
