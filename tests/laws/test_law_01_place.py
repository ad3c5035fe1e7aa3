"""Law 1: the stored order of slices, files and axes changes no answer in mm."""

import shutil
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.study import read_study
from hnuiseg.volume import Grid, Reorientation, Volume, standing
from small_study import FRAME, write_ct, write_pet

EVERY = [
    Reorientation((a, b, c), (d, e, f))
    for a, b, c in permutations(range(3))
    for d, e, f in product((False, True), repeat=3)
]
CT_GRID = Grid.axial((5, 6, 7), (3.0, 2.0, 1.5), (-4.5, -5.0, 100.0), FRAME)
CT = Volume(np.linspace(-1000, 1400, 210).round().reshape(5, 6, 7), CT_GRID, "HU")
PET_GRID = Grid.axial((4, 5, 6), (4.1, 3.3, 2.3), (-6.0, -5.0, 98.0), FRAME)
PET = Volume(np.random.default_rng(2).uniform(1e3, 5e4, (4, 5, 6)), PET_GRID, "Bq/ml")


def _stored_as(turn: Reorientation, upright: Volume) -> Volume:
    """The same voxels in the same places, in another order of axes."""
    corner = np.zeros((1, 3))
    steps = np.empty((3, 3))
    for k, axis in enumerate(turn.axes):
        steps[axis] = upright.grid.steps[k] * (-1.0 if turn.flips[k] else 1.0)
        corner[0, k] = upright.grid.shape[k] - 1 if turn.flips[k] else 0
    array = turn.undo(upright.array)
    a, b, c = array.shape
    origin = upright.grid.to_world(corner)[0]
    return Volume(array, Grid.from_steps((a, b, c), steps, origin, FRAME), upright.unit)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upright")
    write_ct(folder / "ct", CT)
    write_pet(folder / "pet", PET)
    return folder


def test_law_01_a_study_is_read_in_its_place(written: Path) -> None:
    case = read_study(written)
    assert case.ct.grid.same_place(CT_GRID, 1e-4)
    np.testing.assert_array_equal(case.ct.array, CT.array)
    assert case.pet is not None
    assert case.pet.on_ct.grid == case.ct.grid
    assert case.pet.native.grid.same_place(PET_GRID, 1e-4)


@pytest.mark.parametrize("turn", EVERY, ids=str)
def test_law_01_re_oriented_slices_are_the_same_patient(
    turn: Reorientation, written: Path, tmp_path: Path
) -> None:
    """CT in each of the 48 orders, PET as it was; then the answers, upright, are the same."""
    write_ct(tmp_path / "ct", _stored_as(turn, CT))
    shutil.copytree(written / "pet", tmp_path / "pet")
    case, expected = read_study(tmp_path), read_study(written)
    upright = standing(case.ct)
    np.testing.assert_array_equal(upright.array, CT.array)
    assert upright.grid.same_place(CT_GRID, 1e-4)
    assert case.pet is not None
    assert expected.pet is not None
    pet = standing(case.pet.on_ct)
    np.testing.assert_allclose(pet.array, expected.pet.on_ct.array, rtol=1e-5, atol=1e-6)
    covered = Reorientation.of(case.ct.grid).array(case.pet.coverage)
    np.testing.assert_array_equal(covered, expected.pet.coverage)
    assert case.notices == expected.notices


def test_law_01_file_names_and_instance_numbers_say_nothing(written: Path, tmp_path: Path) -> None:
    files = sorted(p for p in written.rglob("*") if p.is_file())
    for number, place in enumerate(np.random.default_rng(7).permutation(len(files))):
        shutil.copy(files[place], tmp_path / f"{number}")
    case, expected = read_study(tmp_path), read_study(written)
    np.testing.assert_array_equal(case.ct.array, expected.ct.array)
    assert case.ct.grid == expected.ct.grid
    assert case.pet is not None
    assert expected.pet is not None
    np.testing.assert_array_equal(case.pet.on_ct.array, expected.pet.on_ct.array)
    assert case.pet.suv == expected.pet.suv
    assert case.dicom == expected.dicom
