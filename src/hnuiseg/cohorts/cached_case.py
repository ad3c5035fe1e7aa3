"""An annotated case in a folder: blosc2 arrays beside a description; the same voxels come back.

`case.json` is written last: a folder without it was not finished. Arrays are compressed without
loss and can be read in parts.
"""

import hashlib
import json
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
from hnuiseg.study import Case, Notice, PetImage, Provenance
from hnuiseg.volume import Grid, Unit, Volume, covered, resample

if TYPE_CHECKING:
    from types import ModuleType

FORMAT = 1
DESCRIPTION = "case.json"
ENDING = ".b2nd"
# voxels a side; a patch of training is read in half the time that larger blocks or ZSTD take
_CHUNK, _BLOCK = 64, 16


def write_cached(annotated: AnnotatedCase, folder: Path) -> str:
    """Write into an empty folder; the SHA-256 of what was written: voxels, grids and truth.

    OutputFailed where the disk refuses.
    """
    case = annotated.case
    volumes = {"ct": case.ct, "truth": annotated.truth}
    if case.pet is not None:
        volumes["pet"] = case.pet.native
    hashed = hashlib.sha256()
    for name, volume in sorted(volumes.items()):
        write_array(volume.array, folder / f"{name}{ENDING}")
        hashed.update(json.dumps([name, volume.unit, asdict(volume.grid)]).encode())
        hashed.update(str(volume.array.dtype).encode())
        hashed.update(np.ascontiguousarray(volume.array).data)
    described = {
        "format": FORMAT,
        "sha256": hashed.hexdigest(),
        "volumes": {
            name: {"unit": volume.unit, "grid": asdict(volume.grid)}
            for name, volume in volumes.items()
        },
        "suv": None if case.pet is None else asdict(case.pet.suv),
        "notices": [asdict(notice) for notice in case.notices],
        "provenance": asdict(case.provenance),
        "field": None if case.field is None else [[s.start, s.stop] for s in case.field],
        "notes": list(annotated.notes),
    }
    atomic_write(folder / DESCRIPTION, json.dumps(described, indent=1).encode())
    return hashed.hexdigest()


def read_cached(folder: Path) -> AnnotatedCase:
    """The case in a folder that `write_cached` filled; InputRefused where it is damaged."""
    try:
        described = json.loads((folder / DESCRIPTION).read_text())
        if described["format"] != FORMAT:
            raise ValueError(f"format {described['format']!r}")
        volumes = {
            name: Volume(
                read_array(folder / f"{name}{ENDING}"),
                _grid(said["grid"]),
                cast(Unit, said["unit"]),
            )
            for name, said in described["volumes"].items()
        }
        field = described["field"]
        return AnnotatedCase(
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
    except (OSError, ValueError, LookupError, TypeError) as error:
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


def read_array(path: Path) -> Shaped[np.ndarray, "*space"]:
    """A whole array. OSError, ValueError where it isn't there or is damaged."""
    array = open_array(path)
    try:
        return np.asarray(array[...])
    except RuntimeError as error:
        raise ValueError(f"{path.name} is damaged") from error


def _pet(native: Volume, ct: Grid, suv: Mapping[str, Any]) -> PetImage:
    """On the CT's grid it is made anew, as when the study was read: a tenth of the space."""
    on_ct = resample(native, ct)
    return PetImage(on_ct, covered(native.grid, ct), native, SuvFactor(**_tuples(suv)))


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
