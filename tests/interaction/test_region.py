"""Region R: bounds, what it holds, and that it follows from edit and state alone."""

import math

import numpy as np
import pytest

from hnuiseg.errors import WrongCall
from hnuiseg.interaction import (
    BoxEdit,
    BrushEdit,
    Canvas,
    ClickEdit,
    DeleteEdit,
    LockEdit,
    MergeEdit,
    ScribbleEdit,
    Start,
    State,
    ThresholdEdit,
    change_of,
    region_of,
)
from hnuiseg.interaction.edits import position
from hnuiseg.interaction.lesions import Piece, ball
from hnuiseg.volume import Grid, Triple

GRID = Grid.axial((60, 60, 60), (2.0, 2.0, 2.0))
AT: Triple = (60.0, 60.0, 60.0)  # voxel (30, 30, 30)


def state_of(*pieces: tuple[int, Piece], grid: Grid = GRID) -> State:
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for value, piece in pieces:
        labels[piece.box][piece.mask] = value
    return Canvas(Start.from_array(labels, grid, {})).state


def lesion(radius_mm: float, index: tuple[int, int, int] = (30, 30, 30)) -> Piece:
    return ball(GRID, index, (radius_mm, radius_mm, radius_mm))


def equivalent_mm(piece: Piece) -> float:
    return float((3 * piece.count * GRID.voxel_ml * 1000 / (4 * math.pi)) ** (1 / 3))


@pytest.mark.parametrize("radius_mm", [3.0, 12.0, 20.0, 38.0])
def test_a_click_reaches_one_and_a_half_radii_within_bounds(radius_mm: float) -> None:
    piece = lesion(radius_mm)
    region = region_of(ClickEdit("GTVp", AT), state_of((1, piece)))
    assert region.radius_mm == pytest.approx(min(max(1.5 * equivalent_mm(piece), 15.0), 40.0))
    assert region.radius_mm is not None
    places = np.argwhere(region.mask) + [s.start for s in region.box]
    distance = np.linalg.norm((places - 30) * 2.0, axis=1)
    assert distance.max() <= region.radius_mm + 1e-6
    whole = np.linalg.norm((np.indices(GRID.shape).reshape(3, -1).T - 30) * 2.0, axis=1)
    assert region.count == int((whole <= region.radius_mm + 1e-6).sum())


def test_a_click_near_a_lesion_takes_its_reach_and_one_far_off_the_least() -> None:
    piece = lesion(16.0)
    state = state_of((1, piece))
    reach = 1.5 * equivalent_mm(piece)
    near = position((30, 30, 30 + 12), GRID)  # 8 mm from its surface
    far = position((5, 5, 5), GRID)
    assert region_of(ClickEdit("GTVp", near), state).radius_mm == pytest.approx(reach)
    assert region_of(ClickEdit("GTVp", far), state).radius_mm == 15.0
    assert region_of(ClickEdit("GTVn", near), state).radius_mm == 15.0, "another class's lesion"


def test_the_nearest_lesion_counts_not_the_largest() -> None:
    state = state_of((1, lesion(20.0, (30, 30, 20))), (1, lesion(4.0, (30, 30, 50))))
    at = position((30, 30, 50), GRID)
    assert region_of(ClickEdit("GTVp", at), state).radius_mm == 15.0


def test_a_stated_radius_is_taken_within_bounds() -> None:
    state = state_of()
    assert region_of(ClickEdit("GTVp", AT, True, 33.0), state).radius_mm == 33.0
    with pytest.raises(WrongCall, match="15 to 40 mm"):
        change_of(ClickEdit("GTVp", AT, True, 41.0), state, [])


def test_a_region_is_clipped_to_the_image_and_leaves_out_what_is_locked() -> None:
    corner = position((0, 0, 0), GRID)
    region = region_of(ClickEdit("GTVp", corner), state_of())
    assert [s.start for s in region.box] == [0, 0, 0]
    canvas = Canvas(Start.from_array(state_of((1, lesion(6.0))).labels.copy(), GRID, {}))
    lock = LockEdit("GTVp")
    canvas.put(change_of(lock, canvas.state, []).layer(1, lock))
    region = region_of(ClickEdit("GTVn", position((30, 30, 36), GRID)), canvas.state)
    placed = np.zeros(GRID.shape, dtype=bool)
    placed[region.box] = region.mask
    assert not (placed & canvas.state.locked).any()
    assert canvas.state.locked.any()


def test_lesion_edits_have_the_lesion_s_voxels() -> None:
    one, two = lesion(8.0, (30, 30, 20)), lesion(6.0, (30, 30, 45))
    state = state_of((2, one), (2, two))
    region = region_of(DeleteEdit("GTVn", position((30, 30, 20), GRID)), state)
    assert region.count == one.count
    assert region_of(DeleteEdit("GTVn"), state).count == one.count + two.count
    with pytest.raises(WrongCall, match="no GTVn at"):
        region_of(DeleteEdit("GTVn", position((1, 1, 1), GRID)), state)
    with pytest.raises(WrongCall, match="no voxel of GTVp"):
        region_of(DeleteEdit("GTVp"), state)


def test_a_threshold_has_the_lesion_and_where_it_passes_nearby() -> None:
    state = state_of((1, lesion(8.0, (30, 30, 20))), (1, lesion(6.0, (30, 30, 32))))
    probabilities = state.probabilities.copy()
    probabilities[1, 30, 30, 20:58] = 0.7
    state = State(
        state.labels,
        probabilities,
        state.entropy,
        state.mutual_information,
        state.votes,
        state.locked,
        GRID,
        state.occupied,
    )
    at = position((30, 30, 20), GRID)
    region = region_of(ThresholdEdit("GTVp", 0.6, at), state)
    placed = np.zeros(GRID.shape, dtype=bool)
    placed[region.box] = region.mask
    assert placed[30, 30, 26], "passes, within the lesion's reach"
    assert not placed[30, 30, 40:].any(), "beyond its reach"
    assert not placed[30, 30, 30], "another lesion"
    assert region_of(ThresholdEdit("GTVp", 0.6), state).mask.any()


def test_box_brush_and_scribble() -> None:
    state = state_of()
    low, high = position((10, 11, 12), GRID), position((14, 16, 18), GRID)
    assert region_of(BoxEdit("GTVp", low, high), state).count == 5 * 6 * 7
    with pytest.raises(WrongCall, match="side of 120 mm"):
        region_of(BoxEdit("GTVp", position((0, 0, 0), GRID), position((59, 1, 1), GRID)), state)
    brush = region_of(BrushEdit("GTVp", (AT,), 4.0), state)
    assert brush.count == lesion(4.0).count
    line = (AT, position((30, 30, 50), GRID))
    assert region_of(ScribbleEdit("GTVp", line), state).box[2] == slice(23, 58)


def test_a_long_scribble_is_refused_and_a_long_stroke_is_not() -> None:
    many = tuple((float(k % 50), 20.0, 20.0) for k in range(1001))
    with pytest.raises(WrongCall, match="1001 positions"):
        change_of(ScribbleEdit("GTVp", many), state_of(), [])
    assert change_of(BrushEdit("GTVp", many, 3.0), state_of(), []).report.changed_ml > 1.0


def test_lesions_far_apart_are_not_merged() -> None:
    state = state_of((1, lesion(4.0, (30, 30, 10))), (1, lesion(4.0, (30, 30, 45))))
    edit = MergeEdit("GTVp", position((30, 30, 10), GRID), "GTVp", position((30, 30, 45), GRID))
    with pytest.raises(WrongCall, match="62 mm apart"):
        region_of(edit, state)
