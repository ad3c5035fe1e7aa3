"""Errors and lesions, counted by eye and by walking over voxels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicked_maps import SPACING, Labels, Pair, component_at, depth_mm, maps, rng, row
from hnuiseg.errors import WrongCall
from hnuiseg.interaction import Finding, error_findings, lesion_findings


def _mask(finding: Finding, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[finding.component.box] = finding.component.mask
    return mask


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ("ppp....", "ppp....", []),
        (".......", "ppp..n.", [("GTVp", True, 3), ("GTVn", True, 1)]),
        ("ppp..n.", ".......", [("GTVp", False, 3), ("GTVn", False, 1)]),
        # a node called primary: invented in one class, missed in the other
        ("..pp...", "..nn...", [("GTVp", False, 2), ("GTVn", True, 2)]),
        ("..nn...", "..pp...", [("GTVp", True, 2), ("GTVn", False, 2)]),
        # missed and invented voxels that touch are two errors
        ("..ppp..", "ppp....", [("GTVp", True, 2), ("GTVp", False, 2)]),
        # ignored voxels belong to no error, and part what they lie between
        ("pp?ppp.", "..?....", [("GTVp", False, 3), ("GTVp", False, 2)]),
        ("pppnnn.", "???????", []),
    ],
)
def test_counted_by_eye(predicted: str, truth: str, expected: list[tuple[str, bool, int]]) -> None:
    found = error_findings(row(predicted.replace("?", "p")), row(truth))
    assert [(f.region, f.positive, f.component.size) for f in found] == expected


@given(maps())
def test_errors_are_the_components_of_their_class_and_kind(pair: Pair) -> None:
    predicted, truth = pair
    known = truth != 255
    left = {
        (region, positive): mask.copy()
        for region, value in (("GTVp", 1), ("GTVn", 2))
        for positive, mask in (
            (False, (predicted == value) & (truth != value) & known),
            (True, (truth == value) & (predicted != value)),
        )
    }
    for found in error_findings(predicted, truth):
        kind = left[found.region, found.positive]
        mask = _mask(found, truth.shape)
        assert {tuple(v) for v in np.argwhere(mask)} == component_at(kind, found.component.first)
        assert found.component.size == mask.sum()
        assert (kind[mask]).all()  # found once
        kind[mask] = False
    assert not any(mask.any() for mask in left.values())


@given(maps())
def test_a_swap_of_the_classes_is_two_errors(pair: Pair) -> None:
    """Where the prediction has the one and the truth the other, each class has its error."""
    _, truth = pair
    swapped = np.array([0, 2, 1], dtype=np.uint8)[np.where(truth == 255, 0, truth)]
    found = error_findings(swapped, truth)
    missed = [(f.region, f.component.first, f.component.size) for f in found if f.positive]
    invented = [(f.region, f.component.first, f.component.size) for f in found if not f.positive]
    other = {"GTVp": "GTVn", "GTVn": "GTVp"}
    assert sorted(missed) == sorted((other[r], first, size) for r, first, size in invented)
    assert len(missed) == len(lesion_findings(truth))


@given(maps())
def test_the_largest_comes_first_and_ties_by_the_first_voxel(pair: Pair) -> None:
    predicted, truth = pair
    for found in (error_findings(predicted, truth), lesion_findings(truth)):
        keys = [(-f.component.size, f.component.first) for f in found]
        assert keys == sorted(keys)


@given(maps())
def test_all_that_a_blank_prediction_does_wrong_is_to_miss_the_lesions(pair: Pair) -> None:
    _, truth = pair
    blank = error_findings(np.zeros_like(truth), truth)
    lesions = lesion_findings(truth)
    assert len(blank) == len(lesions)
    for error, lesion in zip(blank, lesions, strict=True):
        assert (error.region, error.positive) == (lesion.region, True)
        assert error.component.box == lesion.component.box
        np.testing.assert_array_equal(error.component.mask, lesion.component.mask)


@given(pair=maps(), seed=st.integers(0, 9))
def test_the_deepest_voxel_is_deepest_in_the_whole_volume(pair: Pair, seed: int) -> None:
    """The box alone must give what the whole image would, beyond which is outside."""
    _, truth = pair
    for lesion in lesion_findings(truth):
        mask = _mask(lesion, truth.shape)
        depths = [depth_mm(mask, SPACING, tuple(voxel)) for voxel in np.argwhere(mask)]
        chosen = lesion.component.deepest(SPACING, rng(seed))
        assert mask[chosen]
        assert depth_mm(mask, SPACING, chosen) == pytest.approx(max(depths))


def test_ties_of_depth_are_drawn() -> None:
    labels = row(".pppp.")
    (lesion,) = lesion_findings(labels)
    drawn = {lesion.component.deepest(SPACING, rng(seed)) for seed in range(40)}
    assert drawn == {(0, 0, x) for x in range(1, 5)}


def test_any_voxel_of_a_component_can_be_drawn_and_no_other() -> None:
    labels: Labels = np.zeros((3, 4, 5), dtype=np.uint8)
    labels[1, 1:3, 1:4] = 2
    labels[2, 3, 4] = 2  # by a corner
    (lesion,) = lesion_findings(labels)
    drawn = {lesion.component.random(rng(seed)) for seed in range(200)}
    assert drawn == {tuple(int(i) for i in voxel) for voxel in np.argwhere(labels == 2)}


def test_other_grids_are_refused() -> None:
    with pytest.raises(WrongCall, match=r"prediction of shape \(1, 1, 3\).*truth .*\(1, 1, 4\)"):
        error_findings(row("..."), row("...."))


def test_components_are_read_only() -> None:
    (lesion,) = lesion_findings(row(".pp"))
    with pytest.raises(ValueError, match="read-only"):
        lesion.component.mask[0, 0, 0] = False
