"""Several data sets in one training: nobody on two sides, no case twice (law 11)."""

import shutil
from pathlib import Path

import pytest

from hnuiseg.errors import InputRefused
from hnuiseg.training.data import EVERYONE, parts_of
from training.made_data import data_set


def test_patients_made_anew_with_another_seed_join_under_names_of_their_own(tmp_path: Path) -> None:
    first, second = (
        data_set(tmp_path / f"{seed}", 4, seed=seed, people="clinic") for seed in (21, 22)
    )
    shutil.copy(first / "splits.json", second / "splits.json")
    alone, both = parts_of([first], EVERYONE), parts_of([first, second], EVERYONE)
    for side in ("training", "calibration", "testing"):
        one, two = getattr(alone, side), getattr(both, side)
        assert len(two) == 2 * len(one)
        assert set(one) <= set(two)
        assert {ref.patient for ref in one} == {ref.patient for ref in two}
    every = [*both.training, *both.calibration, *both.testing]
    assert len({ref.name for ref in every}) == len(every)


def test_another_version_of_a_case_is_refused_where_nothing_was_planted(tmp_path: Path) -> None:
    first, second = (data_set(tmp_path / f"{seed}", 3, seed=seed) for seed in (21, 22))
    shutil.copy(first / "splits.json", second / "splits.json")
    with pytest.raises(InputRefused, match="stands in two data sets"):
        parts_of([first, second], EVERYONE)


def test_a_case_that_stands_in_two_data_sets_is_refused(tmp_path: Path) -> None:
    first = data_set(tmp_path / "first", 3)
    shutil.copytree(first, tmp_path / "second")
    with pytest.raises(InputRefused, match="stands in two data sets"):
        parts_of([first, tmp_path / "second"], EVERYONE)


def test_the_same_image_under_another_name_is_refused(tmp_path: Path) -> None:
    first = data_set(tmp_path / "first", 3)
    second = data_set(tmp_path / "second", 3, kind="other")
    with pytest.raises(InputRefused, match="stands in two data sets"):
        parts_of([first, second], EVERYONE)
