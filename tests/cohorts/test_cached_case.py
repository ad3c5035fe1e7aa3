"""A case comes back from the cache voxel by voxel, at its place, with all that is known of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.cohorts import AnnotatedCase, phantom, phantom_case
from hnuiseg.cohorts.cached_case import DESCRIPTION, read_cached, write_array, write_cached
from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.study import Notice
from hnuiseg.volume import Volume


@pytest.fixture(scope="module")
def annotated() -> AnnotatedCase:
    made = phantom(5, 0, spacing=(6.0, 5.0, 4.0))
    case = replace(
        phantom_case(made),
        notices=(Notice("code", "text"),),
        field=(slice(2, 9), slice(0, 5), slice(1, 4)),
    )
    return AnnotatedCase(case, made.truth, ("a note",))


def test_law_3_what_is_read_is_what_was_written(annotated: AnnotatedCase, tmp_path: Path) -> None:
    write_cached(annotated, tmp_path)
    back = read_cached(tmp_path)
    before, after = annotated.case, back.case
    assert before.pet is not None
    assert after.pet is not None
    for one, same in (
        (before.ct, after.ct),
        (before.pet.native, after.pet.native),
        (before.pet.on_ct, after.pet.on_ct),
        (annotated.truth, back.truth),
    ):
        assert one.grid == same.grid
        assert one.unit == same.unit
        assert one.array.dtype == same.array.dtype
        np.testing.assert_array_equal(one.array, same.array)
    np.testing.assert_array_equal(before.pet.coverage, after.pet.coverage)
    assert (after.pet.suv, after.notices, after.provenance, after.field, back.notes) == (
        before.pet.suv,
        before.notices,
        before.provenance,
        before.field,
        annotated.notes,
    )


def test_a_case_without_pet_stays_one(annotated: AnnotatedCase, tmp_path: Path) -> None:
    write_cached(replace(annotated, case=replace(annotated.case, pet=None)), tmp_path)
    assert read_cached(tmp_path).case.pet is None


def test_the_hash_is_of_voxels_and_place(annotated: AnnotatedCase, tmp_path: Path) -> None:
    def hashed(name: str, one: AnnotatedCase) -> str:
        (tmp_path / name).mkdir()
        return write_cached(one, tmp_path / name)

    first = hashed("a", annotated)
    assert first == hashed("b", annotated)
    truth = annotated.truth
    other = truth.array.copy()
    other[0, 0, 0] = 2
    assert first != hashed("c", replace(annotated, truth=Volume(other, truth.grid, "label")))
    x, y, z = truth.grid.origin
    moved = Volume(truth.array, replace(truth.grid, origin=(x + 1, y, z)), "label")
    assert first != hashed("d", replace(annotated, truth=moved))


@pytest.mark.parametrize("name", [DESCRIPTION, "ct.b2nd", "truth.b2nd"])
@pytest.mark.parametrize("damage", ["cut", "gone", "noise"])
def test_what_is_damaged_is_refused(
    annotated: AnnotatedCase, tmp_path: Path, name: str, damage: str
) -> None:
    write_cached(annotated, tmp_path)
    file = tmp_path / name
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else bytes(len(content)))
    with pytest.raises(InputRefused, match="--resume"):
        read_cached(tmp_path)


def test_a_folder_that_takes_nothing_is_said(annotated: AnnotatedCase, tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="disk with room"):
        write_cached(annotated, tmp_path / "absent")


def test_law_10_a_voxel_that_changed_is_noticed(annotated: AnnotatedCase, tmp_path: Path) -> None:
    """Compression has no check of its own: a flipped bit may unpack without complaint."""
    write_cached(annotated, tmp_path)
    file = tmp_path / "ct.b2nd"
    content = bytearray(file.read_bytes())
    for place in np.linspace(len(content) // 4, 3 * len(content) // 4, 12).astype(int):
        harmed = bytearray(content)
        harmed[place] ^= 0x10
        file.write_bytes(harmed)
        with pytest.raises(InputRefused, match="--resume"):
            read_cached(tmp_path)


def test_arrays_of_another_size_cost_no_memory(annotated: AnnotatedCase, tmp_path: Path) -> None:
    write_cached(annotated, tmp_path)
    z, y, x = annotated.truth.grid.shape
    (tmp_path / "truth.b2nd").unlink()
    write_array(np.zeros((z + 1, y, x), np.uint8), tmp_path / "truth.b2nd")
    with pytest.raises(InputRefused, match="of shape"):
        read_cached(tmp_path)


def test_a_truth_of_other_values_is_refused(annotated: AnnotatedCase, tmp_path: Path) -> None:
    wrong = annotated.truth.array.copy()
    wrong[0, 0, 0] = 3
    truth = Volume(wrong, annotated.truth.grid, "label")
    write_cached(replace(annotated, truth=truth), tmp_path)
    with pytest.raises(InputRefused, match="other values than"):
        read_cached(tmp_path)
