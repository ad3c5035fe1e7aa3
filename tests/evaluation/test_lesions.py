"""Lesions found, missed and invented, on maps that can be counted by eye."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from jaxtyping import Bool

from hnuiseg.evaluation import LesionDetection, detect, pairwise_iou, pooled
from metric_masks import Pair, pairs

Counts = tuple[int, int, int]  # found, missed, invented


def _row(text: str) -> Bool[np.ndarray, "z y x"]:
    return np.array([[[c == "#" for c in text]]])


@pytest.mark.parametrize(
    ("truth", "prediction", "by_overlap", "by_iou"),
    [
        ("###....##.", "###....##.", (2, 0, 0), (2, 0, 0)),
        ("###....##.", ".....#....", (0, 2, 1), (0, 2, 1)),
        ("###....##.", "#.........", (1, 1, 0), (1, 1, 0)),  # IoU 1/3
        ("####...##.", "#.........", (1, 1, 0), (0, 2, 1)),  # IoU 1/4
        # one blob touches both: found by overlap, too large to be either by IoU
        ("##......##", "##########", (2, 0, 0), (0, 2, 1)),
        # one lesion in two pieces: each touches it, only the larger is like it
        ("########..", "#####.#...", (1, 0, 0), (1, 0, 1)),
        ("..........", "#.........", (0, 0, 1), (0, 0, 1)),
        ("#.........", "..........", (0, 1, 0), (0, 1, 0)),
        ("..........", "..........", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_counted_by_eye(truth: str, prediction: str, by_overlap: Counts, by_iou: Counts) -> None:
    masks = _row(prediction), _row(truth)
    assert detect(*masks, "any overlap") == LesionDetection(*by_overlap, "any overlap")
    assert detect(*masks, "IoU > 0.30") == LesionDetection(*by_iou, "IoU > 0.30")


def test_exactly_three_tenths_is_not_more() -> None:
    masks = _row("###......."), _row("##########")
    assert pairwise_iou(*masks) == pytest.approx(np.array([[0.3]]))
    assert detect(*masks, "IoU > 0.30").found == 0


def test_corners_join_a_lesion() -> None:
    truth = np.zeros((2, 2, 2), dtype=bool)
    truth[0, 0, 0] = truth[1, 1, 1] = True
    assert detect(truth, truth, "any overlap").found == 1


@settings(deadline=None)
@given(pairs())
def test_swapping_the_masks_swaps_missed_and_invented(pair: Pair) -> None:
    for criterion in ("any overlap", "IoU > 0.30"):
        there = detect(*pair, criterion)
        back = detect(pair[1], pair[0], criterion)
        assert (there.missed, there.invented) == (back.invented, back.missed)


@settings(deadline=None)
@given(pairs())
def test_iou_finds_no_lesion_that_overlap_misses(pair: Pair) -> None:
    overlap, iou = detect(*pair, "any overlap"), detect(*pair, "IoU > 0.30")
    assert iou.found <= overlap.found
    assert iou.invented >= overlap.invented
    assert iou.found + iou.missed == overlap.found + overlap.missed


def test_f1_over_a_cohort_sums_before_it_divides() -> None:
    patients = [
        LesionDetection(3, 1, 0, "any overlap"),
        LesionDetection(0, 0, 2, "any overlap"),
        LesionDetection(9, 9, 9, "IoU > 0.30"),  # the other criterion stays apart
    ]
    total = pooled(patients, "any overlap")
    assert total == LesionDetection(3, 1, 2, "any overlap")
    assert total.f1 == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))


def test_nothing_to_find_has_no_f1() -> None:
    assert math.isnan(LesionDetection(0, 0, 0, "any overlap").f1)
