"""Law 7: mask to RTSTRUCT and back is the identity, for any mask and any orientation."""

from io import BytesIO
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from jaxtyping import Bool, Float, Integer

from hnuiseg.dicom import (
    Structure,
    label_structures,
    map_roi_names,
    read_rtstruct,
    read_series,
    roi_name_rules,
    scan_folder,
    write_ct_series,
)
from hnuiseg.errors import OutputFailed
from hnuiseg.volume import Grid, Volume
from pretend import FRAME, contours_file, new_ct, reference, structures_file

masks = arrays(bool, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))
ORIENTATIONS = [
    np.eye(3)[list(axes)] * np.array(signs)[:, None]
    for axes in permutations(range(3))
    for signs in product((1.0, -1.0), repeat=3)
]


def back(
    grid: Grid, drawn: Bool[np.ndarray, "z y x"], smoothing_mm: float = 0.0
) -> Bool[np.ndarray, "z y x"]:
    structure = Structure("GTVp", 1, drawn, (255, 64, 0))
    written = structures_file(grid, reference(grid), structure, smoothing_mm=smoothing_mm)
    found = read_rtstruct(pydicom.dcmread(BytesIO(written)), grid)
    assert found.notes == ()
    assert list(found.masks) == ["GTVp"]
    return found.masks["GTVp"]


def grid_of(
    shape: tuple[int, ...], direction: Float[np.ndarray, "3 3"], spacing: tuple[float, ...]
) -> Grid:
    z, y, x = shape
    origin = np.array([-249.51171875, 1024.123456, -1283.7])
    return Grid.from_steps((z, y, x), direction * np.array(spacing)[:, None], origin, FRAME)


@settings(max_examples=150)
@given(
    masks,
    st.tuples(st.floats(0.5, 6.0), st.floats(0.1, 5.0), st.floats(0.1, 5.0)),
)
def test_any_mask_on_an_axial_grid(
    drawn: Bool[np.ndarray, "z y x"], spacing: tuple[float, float, float]
) -> None:
    assume(drawn.any())
    grid = grid_of(drawn.shape, np.eye(3)[::-1], spacing)
    assert np.array_equal(back(grid, drawn), drawn)


@given(
    masks,
    st.tuples(st.floats(0.5, 6.0), st.floats(0.1, 5.0), st.floats(0.1, 5.0)),
    st.floats(0.0, 9.0),
)
def test_any_mask_with_smoothed_contours(
    drawn: Bool[np.ndarray, "z y x"], spacing: tuple[float, float, float], smoothing_mm: float
) -> None:
    assume(drawn.any())
    grid = grid_of(drawn.shape, np.eye(3)[::-1], spacing)
    assert np.array_equal(back(grid, drawn, smoothing_mm), drawn)


@given(arrays(np.uint8, (3, 6, 5), elements=st.integers(0, 2)))
def test_a_label_map_by_lesions(labels: Integer[np.ndarray, "z y x"]) -> None:
    """The lesions' masks, put together again, are the classes."""
    assume(labels.any())
    grid = grid_of(labels.shape, np.eye(3)[::-1], (3.0, 0.9765625, 1.17))
    lesions = label_structures(labels, {1: ("GTVp", (1, 1, 1)), 2: ("GTVn", (2, 2, 2))}, "lesion")
    written = structures_file(grid, reference(grid), *lesions)
    found = read_rtstruct(pydicom.dcmread(BytesIO(written)), grid)
    names = map_roi_names(found.masks, roi_name_rules())
    for value, name in ((1, "GTVp"), (2, "GTVn")):
        own = [mask for roi, mask in found.masks.items() if names.region(roi) == name]
        assert np.array_equal(np.any([np.zeros(grid.shape, bool), *own], axis=0), labels == value)


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_any_of_the_48_orientations(direction: Float[np.ndarray, "3 3"]) -> None:
    drawn = np.random.default_rng(7).random((3, 6, 5)) < 0.6
    grid = grid_of(drawn.shape, direction, (3.0, 0.9765625, 1.17))
    assert np.array_equal(back(grid, drawn), drawn)


@given(st.integers(0, 2**32 - 1))
def test_oblique_slices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    direction, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    drawn = rng.random((3, 5, 6)) < 0.5
    grid = grid_of(drawn.shape, direction, (2.5, 0.8, 1.1))
    assert np.array_equal(back(grid, drawn), drawn)


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_by_way_of_a_series_on_disk(tmp_path: Path, direction: Float[np.ndarray, "3 3"]) -> None:
    """A written series is read back in its place, and contours on it give their masks back."""
    rng = np.random.default_rng(1)
    grid = grid_of((3, 6, 5), direction, (3.0, 0.9765625, 1.17))
    ct = Volume(rng.integers(-1024, 3072, grid.shape).astype(np.int16), grid, "HU")
    write_ct_series(ct, tmp_path, new_ct())
    stored = read_series(scan_folder(tmp_path).series[0])
    there = stored.grid.to_index(grid.to_world(np.indices(grid.shape).reshape(3, -1).T))
    voxel = np.rint(there).astype(int)
    assert np.abs(there - voxel).max() < 1e-6
    assert np.array_equal(stored.array[tuple(voxel.T)], ct.array.ravel())
    drawn = rng.random(grid.shape) < 0.6
    written = contours_file(stored.grid, stored.reference, GTVp=drawn)
    found = read_rtstruct(pydicom.dcmread(BytesIO(written)), stored.grid)
    assert np.array_equal(found.masks["GTVp"], drawn)


def test_no_tumour_no_file() -> None:
    grid = grid_of((2, 3, 4), np.eye(3)[::-1], (3.0, 1.0, 1.0))
    with pytest.raises(OutputFailed, match="write no RTSTRUCT where no tumour was found"):
        contours_file(grid, reference(grid), GTVp=np.zeros(grid.shape, dtype=bool))
