"""A layer gives back every bit that it was given, in memory and through its file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.interaction import DeleteEdit, Layer, Report, Values
from hnuiseg.interaction.boxes import Box, box_of
from hnuiseg.interaction.session_file import layer_bytes, layer_from
from hnuiseg.volume import Grid

GRID = Grid.axial((9, 10, 11), (1.0, 1.0, 1.0))


def made(seed: int, share: float) -> tuple[Box, np.ndarray, Values, Layer]:
    generator = np.random.default_rng(seed)
    low = [int(generator.integers(0, 4)) for _ in range(3)]
    shape = [int(generator.integers(1, n - a)) for a, n in zip(low, GRID.shape, strict=True)]
    box = box_of(low, [a + n for a, n in zip(low, shape, strict=True)])
    mask = generator.random(shape) < share
    count = int(mask.sum())
    bits = generator.integers(0, 2**32, (5, count), dtype=np.uint32).view(np.float32)  # nan too
    values = Values(
        generator.integers(0, 3, count).astype(np.uint8),
        bits[:3],
        bits[3],
        bits[4],
        generator.integers(0, 1000, count).astype(np.int16),
    )
    report = Report(1.5, 0.5, True, 0.25, 17.0, 2, 4)
    layer = Layer.of(7, DeleteEdit("GTVp", (1.0, 2.0, 3.0)), report, box, mask, values, "lock")
    return box, mask, values, layer


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 1.0]))
def test_every_bit_comes_back(seed: int, share: float) -> None:
    box, mask, values, layer = made(seed, share)
    for one in (layer, layer_from(layer_bytes(layer), GRID)):
        found = np.zeros(GRID.shape, dtype=bool)
        found[one.box] = one.mask()
        expected = np.zeros(GRID.shape, dtype=bool)
        expected[box] = mask
        np.testing.assert_array_equal(found, expected)
        again = one.values()
        for name in ("labels", "votes"):
            np.testing.assert_array_equal(getattr(again, name), getattr(values, name))
        for name in ("probabilities", "entropy", "mutual_information"):
            a, b = (np.ascontiguousarray(getattr(v, name)) for v in (again, values))
            np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))
        assert (one.edit, one.report, one.mark, one.edit_id) == (
            layer.edit,
            layer.report,
            "lock",
            7,
        )


def test_a_layer_that_says_more_than_it_holds_is_refused() -> None:
    _, _, _, layer = made(1, 0.5)
    content = layer_bytes(layer)
    for wrong in (
        content[:-1],
        content + b"\0",
        content.replace(f'"count": {layer.count}'.encode(), b'"count": 999999999999'),
        content.replace(b'"mark": "lock"', b'"mark": "look"'),
        content.replace(b"hnuiseg layer 1", b"hnuiseg layer 2"),
        content.replace(b'"box": [[', b'"box": [[9'),
    ):
        assert wrong != content
        with pytest.raises((ValueError, TypeError, LookupError)):
            layer_from(wrong, GRID)
