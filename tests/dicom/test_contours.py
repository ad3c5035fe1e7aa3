"""Contours of a plane: by hand, and there and back for any mask."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from jaxtyping import Bool

from hnuiseg.dicom import fill_contours, plane_contours

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
Mask = Bool[np.ndarray, "y x"]


def mask(*rows: str) -> Mask:
    return np.array([[c == "#" for c in row] for row in rows])


def signed_area(points: np.ndarray) -> float:
    """Positive where the walk is clockwise, seen with y down."""
    y, x = points.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


@given(masks)
def test_filling_the_contours_gives_the_mask_back(drawn: Mask) -> None:
    contours = plane_contours(drawn)
    assert np.array_equal(fill_contours(contours, drawn.shape), drawn)
    assert np.array_equal(fill_contours(contours, drawn.shape, "union"), drawn)


@given(masks)
def test_signed_areas_add_up_to_the_voxels(drawn: Mask) -> None:
    """Holes run against their outlines, and no island hides in another's contour."""
    areas = [signed_area(c) for c in plane_contours(drawn)]
    assert all(area > 0 for area in areas)
    assert sum(areas) == drawn.sum()


@given(masks)
def test_every_line_runs_along_voxel_faces(drawn: Mask) -> None:
    for contour in plane_contours(drawn):
        assert len(contour) >= 4
        assert np.all((contour + 0.5) % 1 == 0)
        assert np.all((contour == np.roll(contour, 1, axis=0)).sum(axis=1) == 1)


def test_one_voxel() -> None:
    (square,) = plane_contours(mask("...", ".#.", "..."))
    assert square.tolist() == [[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5]]


def test_nothing() -> None:
    assert plane_contours(mask("..", "..")) == []
    assert not fill_contours([], (2, 2)).any()


def test_points_on_a_line_are_dropped() -> None:
    (outline,) = plane_contours(mask("####", "####", "##.."))
    assert len(outline) == 6


def test_a_hole_is_a_keyhole_with_its_bridge_in_the_wall() -> None:
    (ring,) = plane_contours(mask("###", "#.#", "###"))
    assert ring.tolist() == [
        [-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 1.5],
        [0.5, 0.5], [-0.5, 0.5], [-0.5, 2.5], [2.5, 2.5], [2.5, -0.5],
    ]  # fmt: skip


def test_voxels_that_touch_at_a_corner_are_two_islands() -> None:
    contours = plane_contours(mask("#.", ".#"))
    assert [len(c) for c in contours] == [4, 4]
    assert [len(c) for c in plane_contours(mask(".#", "#."))] == [4, 4]


def test_an_island_in_a_hole_has_its_own_contour() -> None:
    nested = mask("#####", "#...#", "#.#.#", "#...#", "#####")
    assert sorted(signed_area(c) for c in plane_contours(nested)) == [1, 16]


def test_holes_below_one_another_chain_up() -> None:
    (ladder,) = plane_contours(mask("###", "#.#", "###", "#.#", "###"))
    assert signed_area(ladder) == 13


def test_a_lower_edge_is_in_and_an_upper_edge_is_out() -> None:
    """Squares that share edges through voxel centres share no voxel."""
    square = np.array([[1.0, 1.0], [1.0, 3.0], [3.0, 3.0], [3.0, 1.0]])
    first = fill_contours([square], (6, 6))
    assert first.tolist() == mask(
        "......", ".##...", ".##...", "......", "......", "......"
    ).tolist()  # fmt: skip
    for shift in ((0, 2), (2, 0)):
        assert not (first & fill_contours([square + shift], (6, 6))).any()


def test_filling_does_not_ask_for_the_sense_or_the_start() -> None:
    triangle = np.array([[0.2, 0.1], [7.3, 3.3], [3.1, 6.9]])
    once = fill_contours([triangle], (8, 8))
    assert once.sum() > 10
    assert np.array_equal(fill_contours([triangle[::-1]], (8, 8)), once)
    assert np.array_equal(fill_contours([np.roll(triangle, 1, axis=0)], (8, 8)), once)


def test_contours_beyond_the_image_are_cut() -> None:
    wide = np.array([[-9.0, -9.0], [-9.0, 99.0], [99.0, 99.0], [99.0, -9.0]])
    assert fill_contours([wide], (3, 4)).all()


@pytest.mark.parametrize("mode", ["even-odd", "union"])
def test_two_plain_contours_inside_one_another(mode: str) -> None:
    outer = np.array([[-0.5, -0.5], [-0.5, 4.5], [4.5, 4.5], [4.5, -0.5]])
    inner = np.array([[1.5, 1.5], [1.5, 2.5], [2.5, 2.5], [2.5, 1.5]])
    both = fill_contours([outer, inner], (5, 5), "union" if mode == "union" else "even-odd")
    assert both.sum() == (25 if mode == "union" else 24)


@given(st.integers(0, 2**32 - 1))
def test_filling_equals_the_rule_voxel_by_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    polygon = rng.integers(0, 16, (7, 2)) / 2
    filled = fill_contours([polygon], (8, 8))
    for y in range(8):
        for x in range(8):
            crossed = 0
            for (y0, x0), (y1, x1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
                if (y0 <= y) != (y1 <= y):
                    # left of or at x, in whole numbers: no rounding on either side
                    side = ((y - y0) * (x1 - x0) - (x - x0) * (y1 - y0)) * (1 if y1 > y0 else -1)
                    crossed += int(side <= 0)
            assert filled[y, x] == crossed % 2, (y, x)


def test_a_whole_slice_is_fast() -> None:
    y, x = np.mgrid[:512, :512]
    distance = np.hypot(y - 250.0, x - 260.0)
    ring = (distance < 200) & (distance > 90)
    best = min(_seconds(ring) for _ in range(5))
    assert best < 0.05


def _seconds(drawn: Mask) -> float:
    begun = time.perf_counter()
    plane_contours(drawn)
    return time.perf_counter() - begun
