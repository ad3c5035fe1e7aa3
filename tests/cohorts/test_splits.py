"""Law 11: no patient on two sides, whatever the cohort, the seed or the order of reading."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.cohorts.splits import (
    Splits,
    check_covers,
    make_splits,
    read_splits,
    write_splits,
)
from hnuiseg.errors import InputRefused, OutputFailed

names = st.text(min_size=1, max_size=8)
cohorts = st.sets(names, max_size=60)
seeds = st.integers(0, 2**40)


@given(patients=cohorts, seed=seeds, folds=st.integers(1, 7))
def test_law_11_no_patient_is_on_two_sides(patients: set[str], seed: int, folds: int) -> None:
    splits = make_splits(patients, seed, folds)
    everyone = [p for fold in splits.folds for p in fold]
    assert len(everyone) == len(set(everyone))
    assert set(everyone) == patients
    for k in range(folds):
        sides = (splits.training(k), splits.validation(k), splits.calibration_of(k))
        together = [p for side in sides for p in side]
        assert len(together) == len(set(together))
        assert set(together) == patients


@given(patients=cohorts, seed=seeds, folds=st.integers(1, 7))
def test_sizes_differ_by_one_at_most(patients: set[str], seed: int, folds: int) -> None:
    sizes = [len(fold) for fold in make_splits(patients, seed, folds).folds]
    assert len(sizes) == folds
    assert max(sizes) - min(sizes) <= 1


@given(patients=cohorts, seed=seeds)
def test_a_tenth_calibrates_where_there_are_ten(patients: set[str], seed: int) -> None:
    splits = make_splits(patients, seed)
    wanted = max(1, round(len(patients) / 10)) if len(patients) >= 10 else 0
    assert [len(kept) for kept in splits.calibration] == [wanted] * 5


@given(patients=cohorts, seed=seeds, order=st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(patients: set[str], seed: int, order: Any) -> None:
    shuffled = [*patients, *patients]
    order.shuffle(shuffled)
    assert make_splits(shuffled, seed) == make_splits(sorted(patients), seed)


def test_fold_0_is_the_papers_split() -> None:
    splits = make_splits([f"P{k:03d}" for k in range(100)], 0)
    assert len(splits.validation(0)) == 20
    assert len(splits.training(0)) == 70
    assert len(splits.calibration_of(0)) == 10


def test_another_seed_is_another_split() -> None:
    patients = [f"P{k}" for k in range(30)]
    found = {make_splits(patients, seed).folds for seed in range(20)}
    assert len(found) == 20


def test_every_patient_comes_into_every_fold() -> None:
    """A draw that favours some place would show within 4.5 standard deviations."""
    patients = [f"P{k}" for k in range(10)]
    seen = np.zeros((10, 5))
    for seed in range(500):
        for k, fold in enumerate(make_splits(patients, seed).folds):
            for patient in fold:
                seen[patients.index(patient), k] += 1
    assert np.abs(seen - 100).max() < 4.5 * np.sqrt(500 * 0.2 * 0.8)


@given(patients=cohorts, seed=seeds)
def test_there_and_back_by_file(
    tmp_path_factory: pytest.TempPathFactory, patients: set[str], seed: int
) -> None:
    file = tmp_path_factory.mktemp("splits") / "splits.json"
    splits = make_splits(patients, seed)
    write_splits(splits, file)
    assert read_splits(file) == splits


def _file(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "splits.json"
    write_splits(make_splits([f"P{k:02d}" for k in range(20)], 3), path)
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))
    return path


def _in_two_folds(said: dict[str, Any]) -> None:
    said["folds"][1].append(said["folds"][0][0])


def _calibrates_its_own_fold(said: dict[str, Any]) -> None:
    said["calibration"][2].append(said["folds"][2][0])


def _one_list_short(said: dict[str, Any]) -> None:
    said["calibration"].pop()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_in_two_folds, "patient P.. is in two folds"),
        (_calibrates_its_own_fold, "patient P.. validates and calibrates fold 2"),
        (_one_list_short, "as many lists"),
        (lambda said: said.update(folds=["P01", "P02"]), "no list of lists"),
        (lambda said: said.update(folds=[[1, 2]]), "something else than text"),
        (lambda said: said.update(seed="first"), "can't be used"),
        (lambda said: said.update(seed=float("inf")), "can't be used"),
        (lambda said: said.pop("folds"), "folds"),
        (lambda said: said.update(folds=[], calibration=[]), "can't be used"),
    ],
)
def test_a_file_that_would_leak_or_is_damaged_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(InputRefused, match=rf"splits\.json can't be used.*{words}|{words}"):
        read_splits(_file(tmp_path, change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"3"])
def test_what_is_no_file_of_splits_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "splits.json"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"splits\.json can't be used"):
        read_splits(path)


def test_a_file_that_is_not_there_is_refused_without_its_folders(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"splits\.json can't be used") as refused:
        read_splits(tmp_path / "splits.json")
    assert str(tmp_path) not in str(refused.value)


def test_law_8_a_place_that_refuses_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed):
        write_splits(make_splits(["a"], 0), tmp_path / "missing" / "splits.json")
    assert list(tmp_path.iterdir()) == []


def test_a_patient_whom_the_file_misses_is_named() -> None:
    splits = make_splits(["a", "b", "c"], 0)
    check_covers(splits, ["a", "c"])  # it may know more
    with pytest.raises(InputRefused, match="miss patient d and 1 more"):
        check_covers(splits, ["e", "a", "d"])
    with pytest.raises(InputRefused, match="miss patient d;"):
        check_covers(Splits(0, (("a",),), ((),)), ["a", "d"])


def test_patients_to_test_on_are_used_for_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "splits.json"
    splits = Splits(1, (("a", "b"), ("c",)), (("k",), ("k",)), ("t", "u"))
    write_splits(splits, file)
    assert read_splits(file) == splits
    check_covers(splits, ["a", "b", "c", "k", "t", "u"])
    for fold in range(2):
        sides = (splits.training(fold), splits.validation(fold), splits.calibration_of(fold))
        assert not {p for side in sides for p in side} & set(splits.testing)
    for harmed in (
        Splits(1, (("a", "t"), ("c",)), ((), ()), ("t",)),
        Splits(1, (("a",), ("c",)), (("t",), ()), ("t",)),
    ):
        write_splits(harmed, file)
        with pytest.raises(InputRefused, match="tested on and used before"):
            read_splits(file)
