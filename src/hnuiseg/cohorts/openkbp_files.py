"""The files of OpenKBP's patients: values, spacing and regions as stored.

Both layouts, the public CSVs and a packed one, hold 128³ voxels: i towards the back, j towards the
patient's left, k from head to feet. Stored values are HU + 1000, 0 outside the image.
"""

import lzma
import re
import warnings
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped

from hnuiseg.cohorts.listing import LeftOut
from hnuiseg.errors import InputRefused
from hnuiseg.volume import Grid

SIDE = 128
OFFSET_HU = 1000.0
_PATIENT = re.compile(r"pt_[0-9]+")
_HIGHEST_STORED = 65535.0
_MOST_CSV_BYTES = 64 << 20  # two million voxels of "1234567,1234.5"
_MOST_PACKED_BYTES = 32 << 20
_MASK_BYTES = SIDE**3 // 8
_MOST_REGIONS = 64
_UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,  # of zipfile: with a password, or packed in a way that it doesn't know
    MemoryError,  # of headers that claim to nest without end
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True, eq=False)
class StoredPatient:
    """A patient as stored, turned to standing axes: to the head, to the back, to the left."""

    values: Float[np.ndarray, "z y x"]  # HU + 1000
    grid: Grid
    masks: Mapping[str, Bool[np.ndarray, "z y x"]]  # of the regions that were asked for


@dataclass(frozen=True, slots=True, eq=False)
class PatientFiles:
    """Where a patient lies; `read(regions)` raises InputRefused where that can't be read right."""

    patient: str
    place: Path
    read: Callable[[Collection[str]], StoredPatient]


def stored_patients(folder: Path) -> tuple[tuple[PatientFiles, ...], tuple[LeftOut, ...]]:
    """Every patient pt_N below `folder`: folders with ct.csv, or files pt_N.npz. And what isn't.

    InputRefused where no patient is found.
    """
    found = defaultdict[str, list[tuple[Path, _Reader]]](list)
    without = set[str]()
    for place in sorted(folder.rglob("*.csv")):
        patient = place.parent.name
        if not _PATIENT.fullmatch(patient) or _aside(place, folder):
            continue
        if place.name == "ct.csv":
            found[patient].append((place.parent, _from_csv))
        else:
            without.add(patient)
    for packed in sorted(folder.rglob("pt_*.npz")):
        if _PATIENT.fullmatch(packed.stem) and not _aside(packed, folder):
            found[packed.stem].append((packed, _from_packed))
    if not found:
        raise InputRefused(
            f"{folder.name} holds no patient of OpenKBP",
            "folders pt_N with ct.csv, or files pt_N.npz",
            "name the folder that was unpacked",
        )
    listed = list[PatientFiles]()
    left_out = [LeftOut(patient, "no ct.csv") for patient in without - found.keys()]
    for patient, places in sorted(found.items()):
        if len(places) > 1:
            where = ", ".join(place.relative_to(folder).as_posix() for place, _ in places)
            text = f"it is there {len(places)} times ({where}): point at one copy alone"
            left_out.append(LeftOut(patient, text))
            continue
        ((place, reader),) = places
        listed.append(PatientFiles(patient, place, partial(_read, place, reader)))
    return tuple(listed), tuple(sorted(left_out, key=lambda one: one.name))


def _aside(path: Path, folder: Path) -> bool:
    """Hidden, or left by an archive."""
    parts = path.relative_to(folder).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """Axes i, j, k."""

    values: Float[np.ndarray, "i j k"]
    spacing: tuple[float, float, float]  # i, j, k; mm
    masks: Mapping[str, Bool[np.ndarray, "i j k"]]


_Reader = Callable[[Path, Collection[str]], _Stored]


def _read(place: Path, reader: _Reader, regions: Collection[str]) -> StoredPatient:
    try:
        found = reader(place, regions)
    except _UNREADABLE as fault:
        raise InputRefused(
            f"{place.name} can't be read ({type(fault).__name__}: {str(fault)[:80]})",
            "a patient of OpenKBP, whole",
            "copy it again",
        ) from fault
    back, left, feet = found.spacing
    return StoredPatient(
        _standing(found.values),
        Grid.axial((SIDE, SIDE, SIDE), (feet, back, left)),
        {name: _standing(mask) for name, mask in found.masks.items()},
    )


def _standing(stored: Shaped[np.ndarray, "i j k"]) -> Shaped[np.ndarray, "z y x"]:
    """From feet to head, to the back, to the left."""
    return np.ascontiguousarray(stored.transpose(2, 0, 1)[::-1])


def _from_csv(folder: Path, regions: Collection[str]) -> _Stored:
    spacing = _table(folder / "voxel_dimensions.csv", (0,))[:, 0]
    index, values = _sparse(folder / "ct.csv", (0, 1))
    stored = np.zeros(SIDE**3, dtype=np.float32)
    stored[index] = values
    masks = {}
    for name in regions:
        file = folder / f"{name}.csv"
        if file.exists():
            mask = np.zeros(SIDE**3, dtype=bool)
            mask[_sparse(file, (0,))[0]] = True
            masks[name] = mask.reshape(SIDE, SIDE, SIDE)
    return _Stored(_checked(stored.reshape(SIDE, SIDE, SIDE)), _spacing(spacing), masks)


def _sparse(
    file: Path, columns: tuple[int, ...]
) -> tuple[Int64[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Flat C-order indices within 128³, each once, and what stands in the last column."""
    rows = _table(file, columns, heading=",data")
    if not (np.isfinite(rows).all() and (rows[:, 0] == np.round(rows[:, 0])).all()):
        raise ValueError(f"{file.name} holds what is no voxel or no value")
    low, high = (rows[:, 0].min(), rows[:, 0].max()) if len(rows) else (0, 0)
    if not (low >= 0 and high < SIDE**3):
        raise ValueError(f"{file.name} names voxel {low:.0f} or {high:.0f}")
    index = rows[:, 0].astype(np.int64)
    if len(index) and np.bincount(index).max() > 1:
        raise ValueError(f"{file.name} names a voxel twice")
    return index, rows[:, -1].astype(np.float32)


def _table(file: Path, columns: tuple[int, ...], heading: str = "") -> Float[np.ndarray, "n c"]:
    """The columns of a CSV, which may be empty; ValueError where its end is missing."""
    if file.stat().st_size > _MOST_CSV_BYTES:
        raise ValueError(f"{file.name} of more than {_MOST_CSV_BYTES} bytes")
    text = file.read_text(encoding="utf-8-sig")
    if text and not text.endswith("\n"):
        raise ValueError(f"{file.name} is cut short")  # "12,10" may have been "12,1035"
    lines = text.splitlines()
    if heading and (not lines or lines.pop(0).strip() != heading):
        raise ValueError(f"{file.name} doesn't begin with {heading}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty table
        found = np.loadtxt(lines, delimiter=",", usecols=columns, ndmin=2)
    return found.reshape(-1, len(columns))


def _from_packed(file: Path, regions: Collection[str]) -> _Stored:
    arrays = _arrays(file)
    names = arrays["names"].tolist()
    if len(names) > _MOST_REGIONS or len(set(names)) < len(names):
        raise ValueError(f"{len(names)} regions, {len(set(names))} of them different")
    high, low = np.split(_unpacked(arrays["ct_xz"], 2 * SIDE**3), 2)
    bits = _unpacked(arrays["masks_xz"], len(names) * _MASK_BYTES).reshape(-1, _MASK_BYTES)
    q = high.astype(np.int32) * 256 + low
    steps = np.where(q % 2 == 0, q // 2, -(q + 1) // 2).reshape(SIDE, SIDE, SIDE)
    values = np.cumsum(steps, axis=-1).astype(np.float32)
    masks = {
        name: np.unpackbits(bits[names.index(name)]).reshape(SIDE, SIDE, SIDE).astype(bool)
        for name in regions
        if name in names
    }
    return _Stored(_checked(values), _spacing(arrays["spacing"]), masks)


def _arrays(file: Path) -> dict[str, Shaped[np.ndarray, " n"]]:
    """The arrays of an .npz, flat. What it claims to hold is measured before memory is spent on it.

    Not numpy.load: it makes room for any shape that a header names.
    """
    if file.stat().st_size > _MOST_PACKED_BYTES:
        raise ValueError(f"more than {_MOST_PACKED_BYTES} bytes")
    found = {}
    with zipfile.ZipFile(file) as archive:
        for name, kind in (("names", "U"), ("spacing", "f"), ("ct_xz", "u"), ("masks_xz", "u")):
            with archive.open(f"{name}.npy") as member:
                content = BytesIO(member.read(_MOST_PACKED_BYTES + 1))
            if content.getbuffer().nbytes > _MOST_PACKED_BYTES:
                raise ValueError("it grows beyond all measure when unpacked")
            version = np.lib.format.read_magic(content)
            header = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                header = np.lib.format.read_array_header_2_0
            shape, _, dtype = header(content)
            if len(shape) != 1 or dtype.kind != kind:
                raise ValueError(f"{name} of shape {shape} and kind {dtype.kind}")
            if not 0 <= shape[0] * dtype.itemsize == len(content.getbuffer()) - content.tell():
                raise ValueError(f"{name} isn't as long as it says")
            found[name] = np.frombuffer(content.read(), dtype=dtype)
    return found


def _unpacked(packed: Shaped[np.ndarray, " n"], length: int) -> Shaped[np.ndarray, " m"]:
    """Exactly so many bytes out of an xz stream, which can't grow beyond that."""
    stream = lzma.LZMADecompressor(memlimit=256 << 20)
    out = stream.decompress(packed.tobytes(), length + 1)
    if len(out) != length or not stream.eof:
        raise ValueError(f"{len(out)} bytes or more for {length}")
    return np.frombuffer(out, dtype=np.uint8)


def _spacing(values: Shaped[np.ndarray, "..."]) -> tuple[float, float, float]:
    found = [float(v) for v in np.ravel(values)]
    if len(found) != 3 or not all(0.1 <= v <= 20.0 for v in found):
        raise ValueError(f"voxels of {found[:4]} mm")
    return found[0], found[1], found[2]


def _checked(stored: Float[np.ndarray, "i j k"]) -> Float[np.ndarray, "i j k"]:
    """The same values; ValueError where no scanner stores such."""
    if not (stored.min() >= 0.0 and stored.max() <= _HIGHEST_STORED):
        raise ValueError(f"values from {stored.min():g} to {stored.max():g}")
    return stored
