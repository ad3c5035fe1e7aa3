"""The box around the patient holds every large piece, and neither table nor far air."""

import numpy as np
from scipy import ndimage

from hnuiseg.volume import Grid, Volume, body_box, holes_filled


def _scan(table: bool = True) -> Volume:
    """Two square legs of 42 mm in air over a table of one voxel."""
    grid = Grid.axial((20, 60, 80), (4.0, 3.0, 3.0))
    hu = np.full(grid.shape, -1000.0, dtype=np.float32)
    for start in (18, 48):
        hu[:, 23:37, start : start + 14] = 40.0
    if table:
        hu[:, 50] = 100.0
    return Volume(hu, grid, "HU")


def test_both_legs_are_inside_and_the_table_is_not() -> None:
    box = body_box(_scan(), 6.0)
    assert box == (slice(0, 20), slice(23 - 2, 37 + 2), slice(18 - 2, 62 + 2))  # 6 mm: 2 voxels
    assert box == body_box(_scan(table=False), 6.0)


def test_air_alone_gives_the_whole_image() -> None:
    grid = Grid.axial((4, 5, 6), (4.0, 3.0, 3.0))
    assert body_box(Volume(np.full(grid.shape, -1000.0), grid, "HU"), 6.0) == (
        slice(0, 4),
        slice(0, 5),
        slice(0, 6),
    )


def test_holes_are_those_of_each_plane() -> None:
    for chance in (0.3, 0.6, 0.9):
        mask = np.random.default_rng(7).random((9, 23, 31)) < chance
        planes = np.stack([ndimage.binary_fill_holes(plane) for plane in mask])
        assert (planes != mask).any() or chance == 0.3
        np.testing.assert_array_equal(holes_filled(mask), planes)
