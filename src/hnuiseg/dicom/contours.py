"""Masks of one plane to contours and back, exactly.

A contour runs along voxel faces, half a voxel outside the border centres: lines through
border centres lose up to 39 % of a small node's volume. Holes are keyholes, which readers
that OR their contours and readers that XOR them fill alike (DICOM PS3.3 C.8.8.6.3).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

_TOP_LEFT, _TOP_RIGHT, _BOTTOM_LEFT, _BOTTOM_RIGHT = 1, 2, 4, 8
_RISING = _TOP_RIGHT | _BOTTOM_LEFT  # two voxels that touch at a corner only
_FALLING = _TOP_LEFT | _BOTTOM_RIGHT
_TURNS = np.zeros(16, dtype=np.int8)  # how many contours turn at a corner, by its four voxels
_TURNS[[1, 2, 4, 8, 7, 11, 13, 14]] = 1
_TURNS[[_RISING, _FALLING]] = 2
_CROSSINGS = 1 << 20  # of rows by edges at a time, so that no contour takes much memory


def plane_contours(mask: Bool[np.ndarray, "y x"]) -> list[Float[np.ndarray, "n 2"]]:
    """Closed contours (y, x) of a mask in index space; the first point isn't repeated.

    One contour for each 4-connected island, in the order of their first voxels; vertices at
    half-integer positions, only where the line turns or a keyhole joins. Seen with y down,
    outlines run clockwise and holes the other way. A keyhole's bridge runs straight up from
    the top left corner of the hole, inside the island. No voxel: no contour.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        return []
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    box = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    shift = np.array([top - 0.5, left - 0.5])
    return [np.asarray(points, dtype=np.float64) + shift for points in _outlines(box)]


def fill_contours(
    contours: Sequence[Float[np.ndarray, "n 2"]],
    shape: tuple[int, int],
    mode: Literal["even-odd", "union"] = "even-odd",
) -> Bool[np.ndarray, "y x"]:
    """The voxels of a plane whose centres lie within contours of (y, x) index positions.

    A centre on a lower edge is in, one on an upper edge is out, so that polygons that share
    an edge share no voxel. "even-odd" counts all contours of the plane together; "union"
    fills each by even-odd and takes what any of them holds.
    """
    if mode == "union":
        filled = np.zeros(shape, dtype=bool)
        for contour in contours:
            filled |= fill_contours([contour], shape)
        return filled
    loops = [np.asarray(c, dtype=np.float64).reshape(-1, 2) for c in contours if len(c) > 0]
    filled = np.zeros(shape, dtype=bool)
    if not loops:
        return filled
    a = np.concatenate(loops)
    b = np.concatenate([np.roll(c, -1, axis=0) for c in loops])
    begin = np.clip(np.ceil(a.min(axis=0)), 0, shape).astype(np.int64)
    end = np.clip(np.ceil(a.max(axis=0)), begin, shape).astype(np.int64)
    box = int(end[0] - begin[0]), int(end[1] - begin[1])
    parity = np.zeros((box[0], box[1] + 1), dtype=bool)
    step = max(1, _CROSSINGS // max(1, box[0]))
    for k in range(0, len(a), step):
        parity ^= _crossings(a[k : k + step] - begin, b[k : k + step] - begin, box)
    inside = np.logical_xor.accumulate(parity[:, :-1], axis=1)
    filled[begin[0] : end[0], begin[1] : end[1]] = inside
    return filled


def _crossings(
    a: Float[np.ndarray, "n 2"], b: Float[np.ndarray, "n 2"], shape: tuple[int, int]
) -> Bool[np.ndarray, "y x"]:
    """Where an odd number of edges from a to b passes at, or just left of, a voxel centre.

    The result has a column more than `shape`, for what passes right of the last centre.
    """
    # An edge is always taken from its upper end: a bridge walked both ways cancels exactly.
    down = (a[:, 0] < b[:, 0])[:, None]
    upper, lower = np.where(down, a, b), np.where(down, b, a)
    first = np.clip(np.ceil(upper[:, 0]), 0, shape[0]).astype(np.int64)
    beyond = np.clip(np.ceil(lower[:, 0]), 0, shape[0]).astype(np.int64)
    count = beyond - first
    edge = np.repeat(np.arange(len(a)), count)
    y = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    rise = lower[edge, 0] - upper[edge, 0]
    along = (y - upper[edge, 0]) / rise
    crossing = upper[edge, 1] + along * (lower[edge, 1] - upper[edge, 1])
    x = np.clip(np.ceil(crossing), 0, shape[1]).astype(np.int64)
    width = shape[1] + 1
    counts = np.bincount(y * width + x, minlength=shape[0] * width).reshape(shape[0], width)
    return (counts & 1).astype(bool)


def _outlines(mask: Bool[np.ndarray, "y x"]) -> list[list[tuple[int, int]]]:
    """Outlines with their holes joined, as corners (y, x); voxel (0, 0) begins at (0, 0)."""
    padded = np.pad(mask, 1)
    around = (
        padded[:-1, :-1] * np.uint8(_TOP_LEFT)
        + padded[:-1, 1:] * np.uint8(_TOP_RIGHT)
        + padded[1:, :-1] * np.uint8(_BOTTOM_LEFT)
        + padded[1:, 1:] * np.uint8(_BOTTOM_RIGHT)
    )
    ys, xs, across = _turns(around)
    corners = list(zip(ys.tolist(), xs.tolist(), strict=True))
    outlines, holes = [], []
    for loop in _loops(across.tolist()):
        y, x = corners[loop[0]]
        if around[y, x] & _BOTTOM_RIGHT:
            outlines.append(loop)
        else:
            holes.append([loop[0], *reversed(loop[1:])])
    keyholes: dict[int, list[tuple[int, list[tuple[int, int]]]]] = defaultdict(list)
    if holes:
        # Bridges only lead up, so from below each hole is complete before it is joined.
        edge_ends = ys * (mask.shape[1] + 1) + xs
        tops = _bridge_tops(mask)
        for hole in reversed(holes):
            y, x = corners[hole[0]]
            edge = int(np.searchsorted(edge_ends, tops[y, x] * (mask.shape[1] + 1) + x)) // 2
            keyholes[edge].append((x, _walk(hole, corners, keyholes)))
    return [_walk(outline, corners, keyholes) for outline in outlines]


def _turns(around: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners where a contour turns, row by row, and the other end of each one's vertical edge.

    In a row they pair up to horizontal edges: 0 with 1, 2 with 3, and so on; down a column
    likewise. Where voxels touch diagonally two contours turn, each round its own voxel: the
    first entry ends the edge from the left, the second begins the one to the right.
    """
    times = _TURNS[around]
    y, x = np.nonzero(times)
    n = times[y, x]
    ys, xs = np.repeat(y, n), np.repeat(x, n)
    code = around[ys, xs]
    second = np.zeros(len(ys), dtype=bool)
    second[1:] = (ys[1:] == ys[:-1]) & (xs[1:] == xs[:-1])
    goes_down = np.where(code == _RISING, ~second, second)
    order = np.lexsort((goes_down, ys, xs))
    across = np.empty(len(ys), dtype=np.int64)
    across[order[0::2]] = order[1::2]
    across[order[1::2]] = order[0::2]
    return ys, xs, across


def _loops(across: list[int]) -> list[list[int]]:
    """Closed walks over corners, each from its top left corner along its top edge."""
    seen = [False] * len(across)
    loops: list[list[int]] = []
    for start in range(len(across)):
        if seen[start]:
            continue
        loop: list[int] = []
        here = start
        while not seen[here]:
            end = here ^ 1
            seen[here] = seen[end] = True
            loop += (here, end)
            here = across[end]
        loops.append(loop)
    return loops


def _bridge_tops(mask: Bool[np.ndarray, "y x"]) -> np.ndarray:
    """For each corner, the row where a line straight up from it first leaves the mask's inside."""
    inside = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=bool)
    inside[1:, 1:-1] = mask[:, :-1] & mask[:, 1:]  # both voxels beside the unit line above
    rows = np.where(inside, 0, np.arange(mask.shape[0] + 1)[:, None])
    return np.maximum.accumulate(rows, axis=0)


def _walk(
    loop: list[int],
    corners: list[tuple[int, int]],
    keyholes: dict[int, list[tuple[int, list[tuple[int, int]]]]],
) -> list[tuple[int, int]]:
    """The loop's corners in order, with a detour into each hole that joins its edges."""
    points: list[tuple[int, int]] = []
    for here, end in zip(loop, [*loop[1:], loop[0]], strict=True):
        y, x = corners[here]
        points.append((y, x))
        if here ^ 1 != end or here >> 1 not in keyholes:
            continue
        to_right = corners[end][1] > x
        for at, hole in sorted(keyholes[here >> 1], key=lambda k: k[0], reverse=not to_right):
            points += ((y, at), *hole, hole[0], (y, at))
    return [p for k, p in enumerate(points) if p != points[k - 1]]
