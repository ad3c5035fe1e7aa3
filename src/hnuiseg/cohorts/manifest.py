"""What a prepared data set holds: one line a case, and what was left out and why."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hnuiseg.cohorts.listing import AnnotatedCase, LeftOut, ListedCase
from hnuiseg.errors import InputRefused
from hnuiseg.files import atomic_write
from hnuiseg.study import IGNORE
from hnuiseg.volume import Triple, components

FORMAT = 1
MANIFEST = "manifest.json"
_NAME = re.compile(r"\w[\w.\-]*")  # names become folders' and files'


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """One case of a data set; lists in the order GTVp, GTVn."""

    name: str
    patient: str
    scan: str  # "PET/CT" or "CT"
    centre: str  # empty where nobody says
    licence: str
    shape: tuple[int, int, int]  # z, y, x; voxels of the CT
    spacing_mm: Triple  # z, y, x
    volumes_ml: tuple[float, float]
    lesions: tuple[int, int]  # 26-connected components
    unsaid_ml: float  # where the truth is 255: nobody said what is there
    warnings: tuple[str, ...]  # of the images' gates and of the truth
    sha256: str  # of voxels, grids and truth

    @classmethod
    def of(cls, listed: ListedCase, found: AnnotatedCase, licence: str, sha256: str) -> "CaseEntry":
        """The entry of a case that was read."""
        truth, grid = found.truth.array, found.case.ct.grid
        masks = [truth == value for value in (1, 2)]
        volumes = [round(float(mask.sum()) * grid.voxel_ml, 3) for mask in masks]
        lesions = [int(components(mask)[1]) for mask in masks]
        return cls(
            listed.name,
            listed.patient,
            "CT" if found.case.pet is None else "PET/CT",
            listed.centre,
            licence,
            grid.shape,
            grid.spacing,
            (volumes[0], volumes[1]),
            (lesions[0], lesions[1]),
            round(float(np.count_nonzero(truth == IGNORE)) * grid.voxel_ml, 3),
            (*(notice.text for notice in found.case.notices), *found.notes, *_outside(found)),
            sha256,
        )

    def to_json(self) -> dict[str, object]:
        """By field."""
        return asdict(self)


def _outside(found: AnnotatedCase) -> tuple[str, ...]:
    """Tumour that no network will be shown: nothing is learnt from it, and nothing measured."""
    if found.case.field is None:
        return ()
    drawn = (found.truth.array == 1) | (found.truth.array == 2)
    lost = int(np.count_nonzero(drawn)) - int(np.count_nonzero(drawn[found.case.field]))
    if not lost:
        return ()
    ml = lost * found.case.ct.grid.voxel_ml
    return (f"{ml:.2f} ml of the truth lie outside the head and neck that is searched",)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A prepared data set; `cases` and `left_out` by name."""

    kind: str
    licence: str
    commercial: bool  # whether weights trained on it may be used commercially
    classes: tuple[str, str]
    cases: tuple[CaseEntry, ...]
    left_out: tuple[LeftOut, ...]
    software: str
    people: str = ""  # the cohort whose patients these are; empty: its own

    @property
    def sha256(self) -> str:
        """Of every case's voxels and truth: what a training rests on."""
        content = sorted((case.name, case.patient, case.sha256) for case in self.cases)
        return hashlib.sha256(json.dumps([self.kind, content]).encode()).hexdigest()

    @property
    def patients(self) -> tuple[str, ...]:
        """Each patient once, with the cohort's name, so that two cohorts' ids don't meet."""
        return tuple(sorted({self.patient_of(case) for case in self.cases}))

    def patient_of(self, case: CaseEntry) -> str:
        """The patient's key in splits."""
        return f"{self.people or self.kind}:{case.patient}"


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """`manifest.json`, whole or not at all."""
    described = {"format": FORMAT, "sha256": manifest.sha256, **asdict(manifest)}
    atomic_write(folder / MANIFEST, json.dumps(described, indent=1).encode())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a prepared data set; InputRefused where there is none, or it is damaged."""
    try:
        said = json.loads((folder / MANIFEST).read_text())
        if said["format"] != FORMAT:
            raise ValueError(f"format {said['format']!r}")
        people = said.get("people", "")
        names = [said["kind"], people or said["kind"], *(case["name"] for case in said["cases"])]
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise ValueError("a name that isn't letters, digits, '-', '_' and '.'")
        return Manifest(
            said["kind"],
            said["licence"],
            said["commercial"],
            (said["classes"][0], said["classes"][1]),
            tuple(entry_from(case) for case in said["cases"]),
            tuple(LeftOut(**one) for one in said["left_out"]),
            said["software"],
            people,
        )
    except FileNotFoundError as error:
        raise InputRefused(
            f"{folder.name} holds no {MANIFEST}",
            "a finished data set of `hnuiseg prepare`",
            "prepare it first, or finish it with --resume",
        ) from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputRefused(
            f"{MANIFEST} in {folder.name} can't be read ({type(error).__name__}: {error})",
            "a data set of `hnuiseg prepare`",
            "call `hnuiseg prepare … --resume` again: it is written anew",
        ) from error


def summary(manifest: Manifest) -> str:
    """A few lines for a person."""
    cases = manifest.cases
    scans = [sum(case.scan == scan for case in cases) for scan in ("PET/CT", "CT")]
    lines = [
        f"{len(cases)} cases of {len(manifest.patients)} patients: "
        f"{scans[0]} with PET, {scans[1]} CT alone; {manifest.licence}"
    ]
    for k, name in enumerate(_named(manifest.classes)):
        there = [case.volumes_ml[k] for case in cases if case.volumes_ml[k] > 0]
        middle = f", median {np.median(there):.1f} ml" if there else ""
        lesions = sum(case.lesions[k] for case in cases)
        lines.append(f"  {name}: in {len(there)} cases, {lesions} lesions{middle}")
    warned = sum(bool(case.warnings) for case in cases)
    if warned:
        lines.append(f"  warnings on {warned} cases: see {MANIFEST} or sheet.html")
    for one in manifest.left_out[:10]:
        lines.append(f"  left out: {one.name}: {one.why}")
    if len(manifest.left_out) > 10:
        lines.append(f"  left out too: {len(manifest.left_out) - 10} more, see {MANIFEST}")
    return "\n".join(lines)


def _named(classes: Sequence[str]) -> tuple[str, str]:
    first, second = classes
    return first or "GTVp", second or "GTVn"


def entry_from(said: Mapping[str, object]) -> CaseEntry:
    """An entry as `to_json` gave it. TypeError where it is none."""
    known = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    entry = CaseEntry(**known)  # type: ignore[arg-type]
    texts = (entry.name, entry.patient, entry.scan, entry.centre, entry.licence, entry.sha256)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("names, licence and hash are text")
    return entry
