"""Images as bytes: C-ordered (z, y, x), little-endian, in the smallest type that holds them.

The header `Hnuiseg-Array` says in JSON what the bytes are. A stored value v means v × slope +
intercept in `unit`. In the bytes x, the last axis, runs fastest; `affine_ras` and `affine_lps` map
(i, j, k, 1) with i along that last axis, j along the middle and k along the first one, to mm, so
that the bytes with dimensions (shape[2], shape[1], shape[0]) are a NIfTI's.
"""

import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8, UInt16

from hnuiseg.server.boxes_asked import Asked
from hnuiseg.volume import Grid

HEADER = "Hnuiseg-Array"
_LEVEL = 1  # zlib: noise hardly shrinks at any level, and a click waits
_GZIP = 31  # window bits of zlib with a header of gzip
NOT_SAMPLED = 255  # of entropy and mutual information: fewer than two members looked
NOT_COVERED = 65535  # of PET: beyond its field of view
_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

Plane = Shaped[np.ndarray, "y x"]


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """An array on its way: a plane at a time, so that a volume is never in memory twice."""

    asked: Asked
    dtype: str  # numpy's, little-endian: "<i2", "<u2", "|u1"
    unit: str
    slope: float
    intercept: float
    planes: Callable[[], Iterator[Plane]]
    more: dict[str, Any]

    def header(self) -> str:
        """What the bytes are, as ASCII JSON in one line."""
        grid = self.asked.grid
        told = {
            "shape": list(grid.shape),
            "axes": "zyx",
            "dtype": self.dtype,
            "start": list(self.asked.start),
            "step": self.asked.step,
            "spacing": list(grid.spacing),
            "affine_ras": affine(grid, ras=True),
            "affine_lps": affine(grid, ras=False),
            "slope": self.slope,
            "intercept": self.intercept,
            "unit": self.unit,
            **self.more,
        }
        return json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    def pieces(self, *, gzipped: bool) -> Iterator[bytes]:
        """The array, piece by piece."""
        packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP) if gzipped else None
        for plane in self.planes():
            content = np.ascontiguousarray(plane, dtype=self.dtype).tobytes()
            packed = packing.compress(content) if packing else content
            if packed:
                yield packed
        if packing:
            yield packing.flush()

    def saying(self, **more: Any) -> "Sent":
        """The same, with more in its header."""
        return replace(self, more={**self.more, **more})


def affine(grid: Grid, *, ras: bool) -> list[list[float]]:
    """Rows of the matrix from (i, j, k, 1), i along the last stored axis, to mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = grid.steps[::-1].T
    matrix[:3, 3] = grid.origin
    return [[float(v) for v in row] for row in (_RAS @ matrix if ras else matrix)]


def ct(array: Shaped[np.ndarray, "z y x"], asked: Asked) -> Sent:
    """HU as int16, rounded."""

    def planes() -> Iterator[Plane]:
        for plane in array[asked.slices]:
            yield np.clip(np.rint(plane), -32768, 32767).astype("<i2")

    return Sent(asked, "<i2", "HU", 1.0, 0.0, planes, {})


def pet_slope(largest: float) -> float:
    """SUV in g/ml of one step: the largest value is the last but one of uint16."""
    return largest / (NOT_COVERED - 1) if largest > 0 else 1.0


def pet(
    array: Shaped[np.ndarray, "z y x"],
    coverage: Bool[np.ndarray, "z y x"] | None,
    largest: float,
    asked: Asked,
) -> Sent:
    """SUV as uint16; beyond the PET's coverage NOT_COVERED, which isn't the same as no uptake."""
    slope = pet_slope(largest)

    def planes() -> Iterator[Plane]:
        covered = None if coverage is None else coverage[asked.slices]
        for k, plane in enumerate(array[asked.slices]):
            steps = np.clip(np.rint(plane / slope), 0, NOT_COVERED - 1).astype("<u2")
            yield steps if covered is None else _marked(steps, covered[k])

    return Sent(asked, "<u2", "g/ml", slope, 0.0, planes, {"not_covered": NOT_COVERED})


def _marked(steps: UInt16[np.ndarray, "y x"], covered: Bool[np.ndarray, "y x"]) -> Plane:
    return np.where(covered, steps, np.uint16(NOT_COVERED))


def labels(array: UInt8[np.ndarray, "z y x"], asked: Asked) -> Sent:
    """0 background, 1 GTVp, 2 GTVn; copied, as later edits would show in the array."""
    return of_box(array[asked.slices], asked, "label")


def mask(array: Bool[np.ndarray, "z y x"], asked: Asked) -> Sent:
    """0 or 1."""
    return of_box(array[asked.slices], asked, "mask")


def probability(array: Float[np.ndarray, "z y x"], asked: Asked) -> Sent:
    """0 to 1 in 255 steps."""
    steps = (np.rint(np.clip(plane, 0.0, 1.0) * 255.0) for plane in array[asked.slices])
    return _copied(steps, asked, "1", 1.0 / 255.0)


def doubt(array: Float[np.ndarray, "z y x"], votes: Int[np.ndarray, "z y x"], asked: Asked) -> Sent:
    """Entropy or mutual information: 0 to ln 3 nats in 254 steps; NOT_SAMPLED where nobody knows.

    A voxel with fewer than two votes isn't sampled, and is never shown as certain (law 4).
    """
    largest = math.log(3)

    def steps(values: Plane, voted: Plane) -> Plane:
        known = (voted >= 2) & np.isfinite(values)
        scaled = np.clip(np.where(known, values, 0.0) / largest, 0.0, 1.0) * (NOT_SAMPLED - 1)
        return np.where(known, np.rint(scaled), NOT_SAMPLED)

    planes = map(steps, array[asked.slices], votes[asked.slices])
    sent = _copied(planes, asked, "nat", largest / (NOT_SAMPLED - 1))
    return sent.saying(not_sampled=NOT_SAMPLED)


def of_box(values: Shaped[np.ndarray, "z y x"], asked: Asked, unit: str) -> Sent:
    """An array that holds what was asked and nothing else: a preview's labels or mask."""
    return _copied(values, asked, unit, 1.0)


def _copied(planes: Iterable[Plane], asked: Asked, unit: str, slope: float) -> Sent:
    """A copy of one byte a voxel, made plane by plane: many may be asked for at once."""
    copy = np.empty(asked.grid.shape, dtype=np.uint8)
    for into, plane in zip(copy, planes, strict=True):
        into[:] = plane
    return Sent(asked, "|u1", unit, slope, 0.0, lambda: iter(copy), {})
