"""Prepared data sets as a training uses them: who is learnt from, validated on, kept apart."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hnuiseg.cohorts import (
    CASES,
    SPLITS,
    CaseEntry,
    Manifest,
    check_covers,
    read_manifest,
    read_splits,
)
from hnuiseg.errors import InputRefused
from hnuiseg.models import ModelSettings
from hnuiseg.training.licence import all_licences, licence_text
from hnuiseg.training.sample_store import StoredSample, stored_sample

STORE = "samples"  # beside a data set's cases
TUMOURS = ("GTVp", "GTVn")
EVERYONE = "all"  # instead of a fold: nobody is held back but for calibration


@dataclass(frozen=True, slots=True)
class CaseRef:
    """A prepared case that is not read yet."""

    name: str  # unique over all data sets of a training
    patient: str
    entry: CaseEntry
    data: Path  # of its data set

    @property
    def folder(self) -> Path:
        """Where the prepared case lies."""
        return self.data / CASES / self.entry.name

    def sample(self, settings: ModelSettings) -> StoredSample:
        """The case as the network sees it, made where it isn't yet."""
        store = self.data / STORE
        return stored_sample(
            self.folder, self.name, self.patient, self.entry.sha256, settings, store
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Cases by what they are for; no patient is in two of them (law 11)."""

    training: tuple[CaseRef, ...]
    validation: tuple[CaseRef, ...]
    calibration: tuple[CaseRef, ...]
    testing: tuple[CaseRef, ...]
    licence: str  # of all data sets, and whether weights may be used commercially
    sha256: str  # of all cases and of who is where
    classes: str = ""  # what values 1 and 2 are, where they are no tumours in some data set


def parts_of(folders: Sequence[Path], fold: int | str, *, to_train: bool = True) -> Parts:
    """The cases of prepared data sets for a fold, or for "all".

    InputRefused for a data set that isn't one, a split that misses a patient or has no such fold,
    a patient who is on two sides in two data sets, a case that stands in two, and nobody to train
    on where `to_train`.
    """
    sides: dict[str, list[CaseRef]] = {
        "training": [],
        "validation": [],
        "calibration": [],
        "testing": [],
    }
    side_of: dict[str, str] = {}
    seen: dict[str, str] = {}
    manifests = []
    for folder in folders:
        manifest = read_manifest(folder)
        manifests.append(manifest)
        split = read_splits(folder / SPLITS)
        check_covers(split, manifest.patients)
        number = 0 if fold == EVERYONE else int(fold)
        if not 0 <= number < len(split.folds):
            raise InputRefused(
                f"fold {fold} of {folder.name}, which has {len(split.folds)}",
                f"0 to {len(split.folds) - 1}, or {EVERYONE}",
                "name one of these with --fold",
            )
        testing = set(split.testing)
        validation, calibration = set(split.validation(number)), set(split.calibration_of(number))
        if fold == EVERYONE:
            validation = set()
        for entry in manifest.cases:
            patient = manifest.patient_of(entry)
            side = "training"
            if patient in testing:
                side = "testing"
            elif patient in calibration:
                side = "calibration"
            elif patient in validation:
                side = "validation"
            if side_of.setdefault(patient, side) != side:
                raise InputRefused(
                    f"patient {patient} is in {side_of[patient]} in one data set and in {side} in "
                    f"{folder.name}",
                    "data sets whose splits agree about every patient",
                    f"copy one {SPLITS} over the other",
                )
            name = _own_name(manifest, entry, seen)
            sides[side].append(CaseRef(name, patient, entry, folder))
    training, validating, calibrating, testing_on = (tuple(sides[side]) for side in sides)
    if to_train and not training:
        raise InputRefused(
            "no case to train on", "at least one patient", "give more data, or another fold"
        )
    return Parts(
        training,
        validating,
        calibrating,
        testing_on,
        all_licences(
            licence_text(manifest.licence, commercial=manifest.commercial) for manifest in manifests
        ),
        _hash(manifests, sides),
        _classes(manifests),
    )


def samples_of(
    refs: Sequence[CaseRef],
    settings: ModelSettings,
    told: Callable[[int, int], None] | None = None,
) -> tuple[StoredSample, ...]:
    """Every case as the network sees it; those that aren't there yet are made."""
    samples = []
    for done, ref in enumerate(refs):
        if told is not None:
            told(done, len(refs))
        samples.append(ref.sample(settings))
    return tuple(samples)


def _classes(manifests: Sequence[Manifest]) -> str:
    """What 1 and 2 are, data set by data set; empty where they are tumours in all."""
    said = [f"1 {first}; 2 {second}" for first, second in (m.classes for m in manifests)]
    tumours = f"1 {TUMOURS[0]}; 2 {TUMOURS[1]}"
    return "" if set(said) <= {tumours} else ", or ".join(dict.fromkeys(said))


def _own_name(manifest: Manifest, entry: CaseEntry, seen: dict[str, str]) -> str:
    """The case's name over all data sets; `seen` has the contents of those before it.

    Where disease was planted in the same patient once more, with another seed, both may be learnt
    from, and the later one is told apart by its content. Anything else that stands there twice is
    a mistake.
    """
    name = f"{manifest.kind}-{entry.name}"
    if seen.get(name, entry.sha256) != entry.sha256 and manifest.people:
        name = f"{name}-{entry.sha256[:8]}"
    if name in seen or entry.sha256 in seen.values():
        raise InputRefused(
            f"case {name} stands in two data sets",
            "each case once",
            "leave one of the two --data out",
        )
    seen[name] = entry.sha256
    return name


def _hash(manifests: Sequence[Manifest], sides: dict[str, list[CaseRef]]) -> str:
    said = [
        [manifest.sha256 for manifest in manifests],
        {side: sorted(ref.name for ref in refs) for side, refs in sides.items()},
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
