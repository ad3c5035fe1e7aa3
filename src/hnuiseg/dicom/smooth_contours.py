"""Voxel-edge contours with their steps rounded off, never far enough to lose a voxel.

Each point of a contour moves by at most a stated distance; the line between two points then
stays within that distance as well. A voxel's centre lies half a voxel from the nearest face,
so with less than that no centre changes sides: read at voxel centres, a smoothed contour
gives the same mask as the unsmoothed one. The limit sees to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

_WITHIN = 0.49  # of a voxel: leaves room for the rounding to four decimals
_SHRINK, _GROW = 0.5, -0.53  # Taubin 1995, doi:10.1145/218380.218473: smooths without shrinking
_PASSES = 15


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """The contours of a plane, and how far at most they went from the voxel faces."""

    contours: list[Float[np.ndarray, "n 2"]]
    deviation_mm: float


def smoothing_limit_mm(spacing_yx: tuple[float, float]) -> float:
    """The largest deviation that no voxel's centre can feel: just under half a voxel."""
    return _WITHIN * min(spacing_yx)


def smooth_contours(
    contours: Sequence[Float[np.ndarray, "n 2"]],
    spacing_yx: tuple[float, float],
    deviation_mm: float,
) -> Smoothed:
    """What `plane_contours` gave, rounded off by at most `deviation_mm`; (y, x) index positions.

    More than `smoothing_limit_mm` isn't used. Points that contours pass twice, on bridges to
    holes and where islands touch, stay in place. Areas are kept as far as the limit allows.
    """
    limit = min(deviation_mm, smoothing_limit_mm(spacing_yx))
    dense = [_every_corner(contour) for contour in contours]
    if not dense or limit <= 0:
        return Smoothed([np.asarray(c) for c in contours], 0.0)
    fixed = _passed_twice(dense)
    spacing = np.asarray(spacing_yx)
    moved = [
        _smooth(points * spacing, stays, limit) for points, stays in zip(dense, fixed, strict=True)
    ]
    farthest = max(
        float(np.linalg.norm(new - points * spacing, axis=1).max())
        for new, points in zip(moved, dense, strict=True)
    )
    return Smoothed([new / spacing for new in moved], farthest)


def _every_corner(contour: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """The same line with a point at every voxel corner that it passes."""
    edges = np.roll(contour, -1, axis=0) - contour
    length = np.rint(np.abs(edges).sum(axis=1)).astype(np.int64)
    edge = np.repeat(np.arange(len(contour)), length)
    along = np.arange(len(edge)) - np.repeat(np.cumsum(length) - length, length)
    return contour[edge] + along[:, None] * np.sign(edges[edge])


def _passed_twice(dense: Sequence[Float[np.ndarray, "n 2"]]) -> list[Bool[np.ndarray, " n"]]:
    _, which, times = np.unique(
        np.concatenate(dense), axis=0, return_inverse=True, return_counts=True
    )
    twice = times[which.ravel()] > 1
    return np.split(twice, np.cumsum([len(points) for points in dense])[:-1])


def _smooth(
    points: Float[np.ndarray, "n 2"], stays: Bool[np.ndarray, " n"], limit: float
) -> Float[np.ndarray, "n 2"]:
    """Points in mm, each within `limit` of where it was."""
    weight = np.where(stays, 0.0, 1.0)[:, None]
    new = points
    for _ in range(_PASSES):
        for factor in (_SHRINK, _GROW):
            between = (np.roll(new, 1, axis=0) + np.roll(new, -1, axis=0)) / 2
            new = new + weight * factor * (between - new)
    area = _area(points)
    for _ in range(3):  # the clipped points were mostly those that had gone outwards
        new = points + _clipped(new - points, limit)
        tangent = np.roll(new, -1, axis=0) - np.roll(new, 1, axis=0)
        length = np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
        outwards = tangent[:, ::-1] * np.array([-1.0, 1.0]) / length
        perimeter = np.linalg.norm(np.roll(new, -1, axis=0) - new, axis=1).sum()
        new = new + weight * outwards * (area - _area(new)) / perimeter
    return points + _clipped(new - points, limit)


def _clipped(steps: Float[np.ndarray, "n 2"], limit: float) -> Float[np.ndarray, "n 2"]:
    length = np.linalg.norm(steps, axis=1, keepdims=True)
    return steps * np.minimum(1.0, limit / np.maximum(length, 1e-9))


def _area(points: Float[np.ndarray, "n 2"]) -> float:
    """Positive for outlines, which run clockwise seen with y down."""
    y, x = points.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
