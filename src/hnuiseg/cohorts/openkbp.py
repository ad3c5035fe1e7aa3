"""OpenKBP's planning CTs of heads and necks, in the public CSV layout and in a packed one.

Both hold 128³ voxels: i towards the back, j towards the patient's left, k from head to feet. Stored
values are HU + 1000, 0 outside the image; above 4095 they are clipped, as 12-bit scanners have it.
Targets of the plan stand for classes and are no tumours: PTV70 is 1, PTV63 and PTV56 outside it are
2.
"""

import lzma
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Shaped

from hnuiseg.cohorts.listing import AnnotatedCase, Cohort, LeftOut, ListedCase
from hnuiseg.errors import InputRefused
from hnuiseg.study import Notice, Provenance, case_of_ct
from hnuiseg.volume import Grid, Volume

SIDE = 128
CLASSES = ("PTV70, a planning target", "PTV63 and PTV56, planning targets")
_PATIENT = re.compile(r"pt_\d+")
_OFFSET_HU = 1000.0
_HIGHEST = 4095
_MOST_CSV_BYTES = 64 << 20  # two million voxels of "1234567,1234.5"
_MOST_PACKED_BYTES = 32 << 20
_MASK_BYTES = SIDE**3 // 8
_MOST_REGIONS = 64
_UNSAID = 255
_UNREADABLE = (OSError, ValueError, LookupError, EOFError, lzma.LZMAError, zipfile.BadZipFile)

Masks = Mapping[str, Bool[np.ndarray, "i j k"]]


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """A patient as stored: axes i, j, k."""

    values: Float[np.ndarray, "i j k"]
    spacing: tuple[float, float, float]  # i, j, k; mm
    masks: Masks


def openkbp(folder: Path, targets: bool = True) -> Cohort:
    """Every patient pt_N below `folder`: folders with ct.csv, or files pt_N.npz.

    Without `targets` nothing is said about any voxel (255): there is no tumour contour in this
    set. InputRefused where no patient is found.
    """
    found = defaultdict[str, list[tuple[Path, Callable[[Path], _Stored]]]](list)
    for table in sorted(folder.rglob("ct.csv")):
        if _PATIENT.fullmatch(table.parent.name):
            found[table.parent.name].append((table.parent, _from_csv))
    for packed in sorted(folder.rglob("pt_*.npz")):
        if _PATIENT.fullmatch(packed.stem):
            found[packed.stem].append((packed, _from_packed))
    if not found:
        raise InputRefused(
            f"{folder.name} holds no patient of OpenKBP",
            "folders pt_N with ct.csv, or files pt_N.npz",
            "name the folder that was unpacked",
        )
    cases, left_out = list[ListedCase](), list[LeftOut]()
    for patient, places in sorted(found.items(), key=lambda item: int(item[0][3:])):
        if len(places) > 1:
            left_out.append(LeftOut(patient, f"it is there {len(places)} times: leave one"))
            continue
        ((place, stored),) = places
        read = partial(_annotated, place, stored, targets)
        cases.append(ListedCase(patient, patient, "", (place,), read))
    return Cohort("openkbp", "MIT (open-kbp)", True, CLASSES, tuple(cases), tuple(left_out))


def _annotated(place: Path, stored: Callable[[Path], _Stored], targets: bool) -> AnnotatedCase:
    try:
        found = stored(place)
    except _UNREADABLE as fault:
        raise InputRefused(
            f"{place.name} can't be read ({type(fault).__name__}: {str(fault)[:80]})",
            "a patient of OpenKBP, whole",
            "copy it again",
        ) from fault
    back, left, feet = found.spacing
    grid = Grid.axial((SIDE, SIDE, SIDE), (feet, back, left))
    hu = _standing(np.minimum(found.values, _HIGHEST)) - np.float32(_OFFSET_HU)
    case = case_of_ct(Volume(hu, grid, "HU"), Provenance("files", place.name, None))
    notes = []
    clipped = int((found.values > _HIGHEST).sum())
    if clipped:
        notes.append(f"{clipped} voxels above {_HIGHEST - _OFFSET_HU:.0f} HU were clipped to it")
    truth = np.full(grid.shape, _UNSAID, dtype=np.uint8)
    if targets:
        truth[:] = 0
        for names, value in ((("PTV56", "PTV63"), 2), (("PTV70",), 1)):
            for name in names:
                if name in found.masks:
                    truth[_standing(found.masks[name])] = value
    notices = (*case.notices, *_warning(targets))
    case = replace(case, notices=notices)
    return AnnotatedCase(case, Volume(truth, grid, "label"), tuple(notes))


def _warning(targets: bool) -> tuple[Notice, ...]:
    if not targets:
        return ()
    text = "The classes are planning targets of radiotherapy, which are larger than tumours."
    return (Notice("planning-targets", text),)


def _standing(stored: Shaped[np.ndarray, "i j k"]) -> Shaped[np.ndarray, "z y x"]:
    """From feet to head, to the back, to the left."""
    return np.ascontiguousarray(stored.transpose(2, 0, 1)[::-1])


def _from_csv(folder: Path) -> _Stored:
    spacing = _table(folder / "voxel_dimensions.csv", 0, (0,))[:, 0]
    index, values = _sparse(folder / "ct.csv", with_values=True)
    stored = np.zeros(SIDE**3, dtype=np.float32)
    stored[index] = values
    masks = {}
    for name in ("PTV56", "PTV63", "PTV70"):
        file = folder / f"{name}.csv"
        if file.exists():
            mask = np.zeros(SIDE**3, dtype=bool)
            mask[_sparse(file, with_values=False)[0]] = True
            masks[name] = mask.reshape(SIDE, SIDE, SIDE)
    return _Stored(stored.reshape(SIDE, SIDE, SIDE), _spacing(spacing), masks)


def _sparse(
    file: Path, *, with_values: bool
) -> tuple[Shaped[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Flat C-order indices within 128³, and their values."""
    rows = _table(file, 1, (0, 1) if with_values else (0,))
    index = rows[:, 0].astype(np.int64)
    if len(index) and not (index.min() >= 0 and index.max() < SIDE**3):
        raise ValueError(f"{file.name} names voxel {index.min()} or {index.max()}")
    if not np.array_equal(index, rows[:, 0]):
        raise ValueError(f"{file.name} names parts of voxels")
    return index, rows[:, -1].astype(np.float32)


def _table(file: Path, headings: int, columns: tuple[int, ...]) -> Float[np.ndarray, "n c"]:
    """The columns of a CSV, which may be empty."""
    if file.stat().st_size > _MOST_CSV_BYTES:
        raise ValueError(f"{file.name} of more than {_MOST_CSV_BYTES} bytes")
    with file.open(encoding="utf-8-sig") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty table
        found = np.loadtxt(opened, delimiter=",", skiprows=headings, usecols=columns, ndmin=2)
    return found.reshape(-1, len(columns))


def _from_packed(file: Path) -> _Stored:
    if file.stat().st_size > _MOST_PACKED_BYTES:
        raise ValueError(f"more than {_MOST_PACKED_BYTES} bytes")
    content = BytesIO(file.read_bytes())
    with zipfile.ZipFile(content) as archive:
        if sum(info.file_size for info in archive.infolist()) > _MOST_PACKED_BYTES:
            raise ValueError("it grows beyond all measure when unpacked")
    with np.load(content, allow_pickle=False) as packed:
        names = [str(name) for name in packed["names"]]
        if len(names) > _MOST_REGIONS:
            raise ValueError(f"{len(names)} regions")
        high, low = np.split(_unpacked(packed["ct_xz"], 2 * SIDE**3), 2)
        bits = _unpacked(packed["masks_xz"], len(names) * _MASK_BYTES)
        spacing = packed["spacing"]
    q = high.astype(np.int32) * 256 + low
    steps = np.where(q % 2 == 0, q // 2, -(q + 1) // 2).reshape(SIDE, SIDE, SIDE)
    values = np.cumsum(steps, axis=-1).astype(np.float32)
    voxels = np.unpackbits(bits).reshape(len(names), SIDE, SIDE, SIDE).astype(bool)
    return _Stored(values, _spacing(spacing), dict(zip(names, voxels, strict=True)))


def _unpacked(packed: Shaped[np.ndarray, " n"], length: int) -> Shaped[np.ndarray, " m"]:
    """Exactly so many bytes out of an xz stream, which can't grow beyond that."""
    out = lzma.LZMADecompressor(memlimit=256 << 20).decompress(packed.tobytes(), length + 1)
    if len(out) != length:
        raise ValueError(f"{len(out)} bytes for {length}")
    return np.frombuffer(out, dtype=np.uint8)


def _spacing(values: Shaped[np.ndarray, "..."]) -> tuple[float, float, float]:
    found = [float(v) for v in np.ravel(values)]
    if len(found) != 3 or not all(0.1 <= v <= 20.0 for v in found):
        raise ValueError(f"voxels of {found[:4]} mm")
    return found[0], found[1], found[2]
