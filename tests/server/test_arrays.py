"""Images as bytes: the right voxels, in the stated order, at the stated places."""

import gzip
import json
import math
import tracemalloc
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.interaction.boxes import whole
from hnuiseg.server import arrays
from hnuiseg.server.arrays import NOT_COVERED, NOT_SAMPLED, Sent, affine
from hnuiseg.server.boxes_asked import asked, exactly
from hnuiseg.server.refusals import Refused
from hnuiseg.volume import Grid, Reorientation

SHAPE = (5, 7, 9)
GRID = Grid.axial(SHAPE, (3.0, 1.5, 2.0), (-20.0, 5.0, 70.0))
STORED = np.arange(math.prod(SHAPE)).reshape(SHAPE)  # every voxel its own value
ORDERS = [
    Reorientation((a, b, c), (d, e, f))
    for a, b, c in permutations(range(3))
    for d, e, f in product([False, True], repeat=3)
]


def received(array: Sent, gzipped: bool = False) -> tuple[np.ndarray, dict[str, object]]:
    header = json.loads(array.header())
    content = b"".join(array.pieces(gzipped=gzipped))
    if gzipped:
        content = gzip.decompress(content)
    return np.frombuffer(content, dtype=header["dtype"]).reshape(header["shape"]), header


@given(data=st.data(), step=st.sampled_from([1, 2, 4]), order=st.sampled_from(ORDERS))
def test_law_01_every_voxel_says_where_it_lies(
    data: st.DataObject, step: int, order: Reorientation
) -> None:
    """However it is stored: affine and bytes alone lead to the value at each place."""
    stored, grid = order.array(STORED), order.grid(GRID)
    sides = [
        sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True)))
        for n in grid.shape
    ]
    box = ",".join(str(v) for v in [*(a for a, _ in sides), *(b for _, b in sides)])
    array, header = received(arrays.ct(stored, asked(grid, whole(grid.shape), box=box, step=step)))
    assert header["start"] == [a for a, _ in sides]
    matrix = np.asarray(header["affine_ras"])
    for k, j, i in np.ndindex(*array.shape):
        right, front, up, _ = matrix @ (i, j, k, 1)
        z, y, x = np.rint(GRID.to_index(np.array([[-right, -front, up]]))[0]).astype(int)
        assert array[k, j, i] == STORED[z, y, x]


@given(order=st.sampled_from(ORDERS))
def test_law_01_affines_are_those_of_any_orientation(order: Reorientation) -> None:
    grid = order.grid(GRID)
    corner = np.asarray([n - 1 for n in grid.shape], dtype=float)
    world = grid.to_world(corner[None])[0]
    lps = np.asarray(affine(grid, ras=False)) @ (*corner[::-1], 1)
    ras = np.asarray(affine(grid, ras=True)) @ (*corner[::-1], 1)
    np.testing.assert_allclose(lps[:3], world, atol=1e-9)
    np.testing.assert_allclose(ras[:3], world * (-1, -1, 1), atol=1e-9)


@given(axis=st.sampled_from("zyx"), part=st.floats(0, 1, exclude_max=True))
def test_a_slice_is_that_slice(axis: str, part: float) -> None:
    k = "zyx".index(axis)
    index = int(part * SHAPE[k])
    array, header = received(
        arrays.ct(STORED, asked(GRID, whole(GRID.shape), axis=axis, index=index))
    )
    np.testing.assert_array_equal(array, STORED.take([index], axis=k))
    assert header["start"] == [index if n == k else 0 for n in range(3)]


@pytest.mark.parametrize(
    "query",
    [{"box": "0,0,0,6,7,9"}, {"box": "0,0,0,0,7,9"}, {"box": "1,0,0,1,1,1"}, {"box": "0,0,0,5,7"},
     {"box": "-1,0,0,5,7,9"}, {"box": "0,0,0,5,7,9,1"}, {"box": "0,0,0,5,7,9e0"}, {"box": ""},
     {"box": "9" * 90}, {"box": "0,0,0,5,7,٩"}, {"axis": "z"}, {"index": 1},
     {"axis": "z", "index": 5}, {"axis": "x", "index": -1}, {"axis": "q", "index": 1}, {"step": 3},
     {"box": "0,0,0,5,7,9", "axis": "z", "index": 1}, {"box": "0,0,0,5,7," + "9" * 80}],
)  # fmt: skip
def test_what_lies_outside_is_refused(query: dict[str, object]) -> None:
    with pytest.raises(Refused):
        asked(GRID, whole(GRID.shape), **query)  # type: ignore[arg-type]


def test_packed_or_not_the_same_bytes() -> None:
    where = asked(GRID, whole(GRID.shape))
    one, _ = received(arrays.ct(STORED, where))
    two, _ = received(arrays.ct(STORED, where), gzipped=True)
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.dtype("<i2")


def test_hu_is_rounded_and_never_wraps() -> None:
    values = np.array([[[-40_000.0, -1024.4, 0.5001, 3071.6, 99_999.0]]], dtype=np.float32)
    grid = Grid.axial((1, 1, 5), (1.0, 1.0, 1.0))
    array, _ = received(arrays.ct(values, asked(grid, whole(grid.shape))))
    assert array.ravel().tolist() == [-32768, -1024, 1, 3072, 32767]


@given(largest=st.floats(1e-3, 500.0), seed=st.integers(0, 99))
def test_suv_is_kept_to_half_a_step_and_coverage_is_said(largest: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    suv = generator.uniform(0, largest, SHAPE).astype(np.float32)
    covered = generator.random(SHAPE) < 0.7
    array, header = received(arrays.pet(suv, covered, largest, asked(GRID, whole(GRID.shape))))
    assert header["not_covered"] == NOT_COVERED
    np.testing.assert_array_equal(array == NOT_COVERED, ~covered)
    slope = float(str(header["slope"]))
    assert np.abs(array * slope - suv)[covered].max() <= slope * 0.51


def test_no_uptake_at_all_is_zero() -> None:
    array, header = received(arrays.pet(np.zeros(SHAPE), None, 0.0, asked(GRID, whole(GRID.shape))))
    assert header["slope"] == 1.0
    assert not array.any()


def test_law_04_doubt_that_nobody_measured_is_marked() -> None:
    grid = Grid.axial((1, 1, 4), (1.0, 1.0, 1.0))
    values = np.array([[[0.0, math.log(3), 0.5, np.nan]]], dtype=np.float32)
    votes = np.array([[[10, 2, 1, 10]]])
    array, header = received(arrays.doubt(values, votes, asked(grid, whole(grid.shape))))
    assert array.ravel().tolist() == [0, NOT_SAMPLED - 1, NOT_SAMPLED, NOT_SAMPLED]
    assert header["not_sampled"] == NOT_SAMPLED
    assert float(str(header["slope"])) * (NOT_SAMPLED - 1) == pytest.approx(math.log(3))


def test_probability_is_kept_to_half_a_step() -> None:
    p = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    array, header = received(arrays.probability(p, asked(GRID, whole(GRID.shape))))
    assert np.abs(array * float(str(header["slope"])) - p).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", ["probability", "doubt"])
def test_memory_of_a_map_is_a_byte_a_voxel(name: str) -> None:
    grid = Grid.axial((64, 128, 128), (3.0, 1.0, 1.0))
    values = np.full(grid.shape, 0.5, dtype=np.float32)
    votes = np.full(grid.shape, 3, dtype=np.int16)
    where = asked(grid, whole(grid.shape))
    tracemalloc.start()
    try:
        if name == "doubt":
            arrays.doubt(values, votes, where)
        else:
            arrays.probability(values, where)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * values.size


def test_labels_are_copied_before_later_edits_show() -> None:
    labels = np.ones(SHAPE, dtype=np.uint8)
    array = arrays.labels(labels, exactly(GRID, (slice(1, 3), slice(0, 2), slice(4, 9))))
    labels[:] = 2
    found, header = received(array)
    assert found.shape == (2, 2, 5)
    assert header["start"] == [1, 0, 4]
    assert (found == 1).all()
