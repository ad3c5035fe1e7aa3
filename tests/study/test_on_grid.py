"""Labels are put on an image's voxels by position; nothing is resampled, nothing lost unsaid."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from hnuiseg.errors import InputRefused
from hnuiseg.study import LabelMap, on_grid
from hnuiseg.volume import Grid, Reorientation, Volume

GRID = Grid.axial((5, 6, 7), (3.0, 1.0, 1.5), (-4.0, 7.0, 11.0))
DRAWN = np.random.default_rng(3).integers(0, 3, GRID.shape).astype(np.uint8)
WHOLE = LabelMap(Volume(DRAWN, GRID, "label"), True)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_law_1_order_of_storage_changes_nothing(axes: tuple[int, int, int]) -> None:
    for flips in product((False, True), repeat=3):
        turn = Reorientation(axes, (flips[0], flips[1], flips[2]))
        turned = Volume(turn.array(DRAWN), turn.grid(GRID), "label")
        np.testing.assert_array_equal(on_grid(LabelMap(turned, True), GRID).volume.array, DRAWN)


def test_a_row_too_many_is_placed_by_position() -> None:
    """As in 48 of 524 label maps of HECKTOR 2022: 513 rows for 512."""
    larger = replace(GRID.cropped((0, -1, 0), (5, 7, 8)))
    more = np.zeros(larger.shape, np.uint8)
    more[:, 1:, :7] = DRAWN
    found = on_grid(LabelMap(Volume(more, larger, "label"), True), GRID)
    np.testing.assert_array_equal(found.volume.array, DRAWN)
    assert found.volume.grid == GRID
    assert found.notes == ()
    more[:2, 0, 0] = 1
    (note,) = on_grid(LabelMap(Volume(more, larger, "label"), True), GRID).notes
    assert "0.01 ml of the labels lie where the CT has ended" in note  # 2 of 4.5 mm³


def test_what_the_labels_do_not_reach_is_background() -> None:
    part = Volume(DRAWN[1:3, 2:, :4], GRID.cropped((1, 2, 0), (2, 4, 4)), "label")
    wanted = np.zeros_like(DRAWN)
    wanted[1:3, 2:, :4] = DRAWN[1:3, 2:, :4]
    np.testing.assert_array_equal(on_grid(LabelMap(part, True), GRID).volume.array, wanted)


def test_voxels_elsewhere_are_refused() -> None:
    x, y, z = GRID.origin
    for grid in (replace(GRID, origin=(x + 0.4, y, z)), GRID.resized((3.0, 1.1, 1.5))):
        other = LabelMap(Volume(np.zeros(grid.shape, np.uint8), grid, "label"), True)
        with pytest.raises(InputRefused, match="another grid than the CT's"):
            on_grid(other, GRID)
    frames = [replace(GRID, frame_of_reference=uid) for uid in ("1.2", "1.3")]
    with pytest.raises(InputRefused, match="frames of reference"):
        on_grid(LabelMap(Volume(DRAWN, frames[0], "label"), True), frames[1])


def test_labels_beyond_the_image_altogether_are_said() -> None:
    far = Volume(DRAWN, GRID.cropped((50, 0, 0), GRID.shape), "label")
    found = on_grid(LabelMap(far, True), GRID)
    assert not found.volume.array.any()
    assert "left out" in found.notes[0]
