"""From a cohort to a prepared data set: every case through the gates, one broken one never fatal.

`DIR/cases/NAME` holds a case each and appears whole; `manifest.json`, `splits.json` and
`sheet.html` are written at the end. A killed preparation goes on where it stopped.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from hnuiseg.cohorts.cached_case import write_cached
from hnuiseg.cohorts.listing import Cohort, LeftOut, ListedCase
from hnuiseg.cohorts.manifest import CaseEntry, Manifest, entry_from, write_manifest
from hnuiseg.cohorts.sheet import write_picture, write_sheet
from hnuiseg.cohorts.splits import Splits, extended, make_splits, read_splits, write_splits
from hnuiseg.cohorts.whole_folder import whole_folder
from hnuiseg.errors import HnuisegError, InputRefused, OutputFailed
from hnuiseg.files import atomic_write

CASES = "cases"
SPLITS = "splits.json"
_RECORD = "prepare.json"
_ENTRY = "entry.json"
PICTURE = "picture.png"
_SOFTWARE = f"hnuiseg {metadata.version('hnuiseg')}"

Told = Callable[[float, str], None]


def prepare(
    cohort: Cohort,
    out: Path,
    *,
    seed: int = 0,
    splits: Path | None = None,
    resume: bool = False,
    told: Told | None = None,
) -> Manifest:
    """Read every case into `out` and say what became of each.

    `splits` is a file of folds that were drawn before; without it they are drawn by `seed`.

    Raises OutputFailed where `out` holds something already (with `resume`, something else than
    the same preparation), or can't be written; what is finished stays. InputRefused where no
    case can be used, and for splits that can't.
    """
    tell = told or (lambda fraction, what: None)
    drawn_before = None if splits is None else read_splits(splits)
    _claim(out, cohort, seed, resume)
    entries, left_out = list[CaseEntry](), list(cohort.left_out)
    for done, listed in enumerate(cohort.cases):
        tell(done / len(cohort.cases), f"case {done + 1} of {len(cohort.cases)}")
        try:
            entries.append(_prepared(listed, cohort, out / CASES / listed.name))
        except OutputFailed:
            raise
        except HnuisegError as error:
            left_out.append(LeftOut(listed.name, _one_line(error)))
        except OSError as error:  # of reading: writing has errors of its own
            left_out.append(LeftOut(listed.name, f"can't be read ({error.strerror})"))
        except Exception as error:  # a night's work must not end at one odd file
            fault = f"a fault of hnuiseg: {type(error).__name__}: {error}"
            left_out.append(LeftOut(listed.name, _short(fault)))
    if not entries:
        reasons = "; ".join(f"{one.name}: {one.why}" for one in left_out[:3])
        raise InputRefused(
            f"no case can be used ({reasons})",
            f"at least one case as `hnuiseg prepare {cohort.kind}` reads them",
            "mend what is named, then go on with --resume",
        )
    manifest = Manifest(
        cohort.kind,
        cohort.licence,
        cohort.commercial,
        cohort.classes,
        tuple(entries),
        tuple(sorted(left_out, key=lambda one: one.name)),
        _SOFTWARE,
        cohort.people,
    )
    _split(manifest, out / SPLITS, seed, drawn_before)
    write_sheet(manifest, out, f"{CASES}/{{}}/{PICTURE}")
    write_manifest(manifest, out)
    tell(1.0, "done")
    return manifest


def _prepared(listed: ListedCase, cohort: Cohort, folder: Path) -> CaseEntry:
    """The case's entry; made anew unless its files are as they were."""
    stamp = _stamp(listed)
    if (folder / _ENTRY).exists():
        try:
            kept = json.loads((folder / _ENTRY).read_text())
            if kept["sources"] == stamp:
                return replace(entry_from(kept["entry"]), licence=cohort.licence)
        except (ValueError, LookupError, TypeError):
            pass  # damaged: made anew
    found = listed.read()
    with whole_folder(folder, f"case {folder.name}") as partial:
        entry = CaseEntry.of(listed, found, cohort.licence, write_cached(found, partial))
        write_picture(found, partial / PICTURE)
        described = json.dumps({"sources": stamp, "entry": entry.to_json()}, indent=1)
        atomic_write(partial / _ENTRY, described.encode())
    return entry


def _stamp(listed: ListedCase) -> list[list[object]]:
    """What a case is made of: by what, how, and names, sizes and times of change of its files."""
    files = sorted(
        file
        for source in listed.sources
        for file in ([source] if source.is_file() else source.rglob("*"))
        if file.is_file()
    )
    made: list[object] = [_SOFTWARE, listed.how, listed.patient, listed.centre]
    return [made, *([f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files)]


def _claim(out: Path, cohort: Cohort, seed: int, resume: bool) -> None:
    """The folder is this preparation's alone."""
    wanted = {"kind": cohort.kind, "seed": seed, "classes": list(cohort.classes)}
    record = out / _RECORD
    try:
        out.mkdir(parents=True, exist_ok=True)
        if record.exists():
            if not resume:
                raise OutputFailed(
                    f"{out.name} holds a data set already",
                    "a new folder, or the same call with --resume",
                    "add --resume to go on, or name another --out",
                )
            if json.loads(record.read_text()) != wanted:
                raise OutputFailed(
                    f"{out.name} holds a data set of another kind, seed or classes",
                    "the same preparation to go on with",
                    "name another --out",
                )
        elif any(out.iterdir()):
            raise OutputFailed(
                f"{out.name} holds other things",
                "a new or empty folder",
                "name another --out",
            )
        for left in (out / CASES).glob(".*.partial") if record.exists() else ():
            shutil.rmtree(left, ignore_errors=True)  # of a killed preparation
        atomic_write(record, json.dumps(wanted, indent=1).encode())
    except (OSError, ValueError) as error:
        raise OutputFailed(
            f"{out.name} can't be used ({error})",
            "a folder that can be written to",
            "choose another --out",
        ) from error


def _split(manifest: Manifest, path: Path, seed: int, drawn_before: Splits | None) -> None:
    """A split that is there stays, with patients that are new put into its folds.

    Trainings rest on it: who was held back from one must not be learnt from in the next. A file
    that a person has damaged is refused, not overwritten.
    """
    if path.exists():
        splits = read_splits(path)
    else:
        splits = drawn_before or make_splits(manifest.patients, seed)
        write_splits(splits, path)
    longer = extended(splits, manifest.patients)
    if longer != splits:
        write_splits(longer, path)


def _one_line(error: HnuisegError) -> str:
    return _short(" ".join(str(error).split()))


def _short(text: str) -> str:
    return text if len(text) <= 400 else text[:399] + "…"
