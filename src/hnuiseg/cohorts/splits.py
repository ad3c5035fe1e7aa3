"""Who is trained on, validated on and kept for calibration: by patient, in five folds, in a file.

Fold 0 is the paper's 80/20 split (section 2.2); the five together its cross-validation. A file may
also name patients to test on: they are in no fold, and nothing learns from them, validates or
calibrates on them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from hnuiseg.errors import InputRefused
from hnuiseg.files import atomic_write

FOLDS = 5
_PURPOSE = 0x53504C  # of random numbers
_FEWEST_TO_CALIBRATE = 10  # patients
_CALIBRATED = 0.1  # of all patients


@dataclass(frozen=True, slots=True)
class Splits:
    """Folds of patients; for each fold the patients outside it that are kept for calibration."""

    seed: int
    folds: tuple[tuple[str, ...], ...]
    calibration: tuple[tuple[str, ...], ...]
    testing: tuple[str, ...] = ()  # in no fold

    @property
    def known(self) -> frozenset[str]:
        """Every patient that is named."""
        parts = (*self.folds, *self.calibration, self.testing)
        return frozenset(patient for part in parts for patient in part)

    def validation(self, fold: int) -> tuple[str, ...]:
        """The patients of a fold."""
        return self.folds[fold]

    def calibration_of(self, fold: int) -> tuple[str, ...]:
        """Patients used for nothing but calibration while this fold validates."""
        return self.calibration[fold]

    def training(self, fold: int) -> tuple[str, ...]:
        """Everyone else in a fold."""
        kept = {*self.folds[fold], *self.calibration[fold]}
        return tuple(sorted(p for patients in self.folds for p in patients if p not in kept))


def make_splits(patients: Iterable[str], seed: int, folds: int = FOLDS) -> Splits:
    """Folds that differ by one patient at most; the same for the same patients and seed."""
    everyone = sorted(set(patients))
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, _PURPOSE])))
    order = [everyone[k] for k in generator.permutation(len(everyone))]
    parts = [tuple(sorted(order[k::folds])) for k in range(folds)]
    enough = len(everyone) >= _FEWEST_TO_CALIBRATE
    count = max(1, round(_CALIBRATED * len(everyone))) if enough else 0
    calibration = []
    for k in range(folds):
        others = [p for j in range(1, folds) for p in parts[(k + j) % folds]]
        drawn = generator.permutation(len(others))[:count]
        calibration.append(tuple(sorted(others[int(i)] for i in drawn)))
    return Splits(seed, tuple(parts), tuple(calibration))


def extended(splits: Splits, patients: Iterable[str]) -> Splits:
    """The same splits with patients that they don't know, each in the smallest fold.

    Nobody changes sides; nobody new is kept for calibration.
    """
    folds = [list(fold) for fold in splits.folds]
    for patient in sorted(set(patients) - splits.known):
        min(folds, key=len).append(patient)
    return replace(splits, folds=tuple(tuple(fold) for fold in folds))


def write_splits(splits: Splits, path: Path) -> None:
    """As JSON, whole or not at all."""
    atomic_write(path, json.dumps(asdict(splits), indent=1).encode())


def read_splits(path: Path) -> Splits:
    """The splits in a file; InputRefused where it is damaged or has a patient on two sides."""
    try:
        said = json.loads(path.read_text())
        tested = dict(said).get("testing", [])
        (testing,) = _named({"testing": [tested]}, "testing")
        folds, calibration = _named(said, "folds"), _named(said, "calibration")
        splits = Splits(int(said["seed"]), folds, calibration, testing)
        _check(splits)
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error  # its text names folders
        raise InputRefused(
            f"{path.name} can't be used ({why})",
            "folds of patients, each in one, and for each fold patients outside it to calibrate on",
            "mend the file, or remove it and call `hnuiseg prepare … --resume`",
        ) from error
    return splits


def check_covers(splits: Splits, patients: Iterable[str]) -> None:
    """InputRefused where the file misses a patient."""
    missing = sorted(set(patients) - splits.known)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputRefused(
            f"the splits miss patient {missing[0]}{more}",
            "splits that name every patient of the data set",
            "add the patient to a fold, or remove the file and prepare again with --resume",
        )


def _named(said: Mapping[str, object], name: str) -> tuple[tuple[str, ...], ...]:
    """A list of lists of patients. LookupError, TypeError, ValueError where it is none."""
    lists = said[name]
    if not isinstance(lists, list) or not all(isinstance(one, list) for one in lists):
        raise ValueError(f"{name} is no list of lists")
    if not all(isinstance(patient, str) for one in lists for patient in one):
        raise ValueError(f"{name} names a patient by something else than text")
    return tuple(tuple(one) for one in lists)


def _check(splits: Splits) -> None:
    if len(splits.calibration) != len(splits.folds) or not splits.folds:
        raise ValueError("as many lists to calibrate on as folds")
    everyone = [p for fold in splits.folds for p in fold]
    if len(set(everyone)) != len(everyone):
        twice = next(p for p in everyone if everyone.count(p) > 1)
        raise ValueError(f"patient {twice} is in two folds")
    for number, (fold, kept) in enumerate(zip(splits.folds, splits.calibration, strict=True)):
        both = sorted(set(fold) & set(kept))
        if both:
            raise ValueError(f"patient {both[0]} validates and calibrates fold {number}")
        tested = sorted({*fold, *kept} & set(splits.testing))
        if tested:
            raise ValueError(f"patient {tested[0]} is tested on and used before")
