"""Smoothed contours: never further off than they say, and never another voxel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from jaxtyping import Bool, Float

from hnuiseg.dicom import fill_contours, plane_contours, smooth_contours, smoothing_limit_mm

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
spacings = st.tuples(st.floats(0.1, 5.0), st.floats(0.1, 5.0))
Mask = Bool[np.ndarray, "y x"]
Points = Float[np.ndarray, "n 2"]


def disc(radius: float) -> Mask:
    y, x = np.mgrid[:50, :50] - 24.8
    return np.hypot(y, x) <= radius


def area(contours: list[Points]) -> float:
    """In voxels; holes count against their outlines."""
    return sum(
        float(np.sum(c[:, 1] * np.roll(c[:, 0], -1) - np.roll(c[:, 1], -1) * c[:, 0])) / 2
        for c in contours
    )


def length(contours: list[Points]) -> float:
    return sum(float(np.linalg.norm(np.roll(c, -1, axis=0) - c, axis=1).sum()) for c in contours)


def distance_to_line(points: Points, line: Points) -> float:
    """The largest distance from any of the points to a closed line."""
    a, b = line, np.roll(line, -1, axis=0)
    run = b - a
    along = ((points[:, None] - a) * run).sum(axis=2) / np.maximum((run**2).sum(axis=1), 1e-12)
    nearest = a + np.clip(along, 0, 1)[..., None] * run
    return float(np.linalg.norm(points[:, None] - nearest, axis=2).min(axis=1).max())


@given(masks, spacings, st.floats(0.0, 9.0))
def test_no_voxel_changes_sides(drawn: Mask, spacing: tuple[float, float], asked: float) -> None:
    smoothed = smooth_contours(plane_contours(drawn), spacing, asked).contours
    assert np.array_equal(fill_contours(smoothed, drawn.shape), drawn)
    assert np.array_equal(fill_contours(smoothed, drawn.shape, "union"), drawn)


@given(masks, spacings, st.floats(0.0, 9.0))
def test_no_line_is_further_off_than_it_says(
    drawn: Mask, spacing: tuple[float, float], asked: float
) -> None:
    """Both ways: no smoothed point leaves the faces, and no face is left behind."""
    edges = plane_contours(drawn)
    smoothed = smooth_contours(edges, spacing, asked)
    said = smoothed.deviation_mm
    assert said <= min(asked, smoothing_limit_mm(spacing)) + 1e-9
    for before, after in zip(edges, smoothed.contours, strict=True):
        assert distance_to_line(after * spacing, before * spacing) <= said + 1e-9
        assert distance_to_line(before * spacing, after * spacing) <= said + 1e-9


@pytest.mark.parametrize("radius", [2.0, 3.0, 5.0, 8.0, 20.0])
def test_steps_go_and_areas_stay(radius: float) -> None:
    """A circle's voxel faces are 4/pi times as long as the circle."""
    drawn = disc(radius)
    smoothed = smooth_contours(plane_contours(drawn), (1.0, 1.0), 0.49).contours
    circle = 2 * np.pi * np.sqrt(drawn.sum() / np.pi)
    assert length(smoothed) < 1.02 * circle
    assert area(smoothed) == pytest.approx(drawn.sum(), rel=0.005)


def test_zero_changes_nothing() -> None:
    edges = plane_contours(disc(7))
    smoothed = smooth_contours(edges, (1.0, 1.0), 0.0)
    assert smoothed.deviation_mm == 0
    assert all(np.array_equal(a, b) for a, b in zip(edges, smoothed.contours, strict=True))
    assert smooth_contours([], (1.0, 1.0), 1.0).contours == []


def test_the_bridge_to_a_hole_stays_without_width() -> None:
    ring = disc(12) & ~disc(4)
    (keyhole,) = smooth_contours(plane_contours(ring), (1.0, 1.0), 0.49).contours
    _, times = np.unique(keyhole, axis=0, return_counts=True)
    assert (times == 2).sum() >= 8
    assert area([keyhole]) == pytest.approx(ring.sum(), rel=0.02)
