"""All 48 stored orders of one patient."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.volume import Grid, Reorientation, Volume, body_mask, standing

EVERY = [
    Reorientation((a, b, c), (d, e, f))
    for a, b, c in permutations(range(3))
    for d, e, f in product((False, True), repeat=3)
]
UPRIGHT = Volume(
    np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5),
    Grid.axial((3, 4, 5), (3.0, 2.0, 1.5), (-10.0, 5.0, 70.0), "1.2.3"),
    "HU",
)


def stored_as(turn: Reorientation, upright: Volume) -> Volume:
    """The volume stored so that `turn` makes it upright again, worked out by index alone."""
    index = np.stack(
        np.meshgrid(*[np.arange(n) for n in upright.grid.shape], indexing="ij"), axis=-1
    )
    stored = turn.undo(upright.array)
    places = np.stack([turn.undo(index[..., k]) for k in range(3)], axis=-1)
    origin = upright.grid.to_world(places[0, 0, 0][None].astype(float))[0]
    ends = [places[1, 0, 0], places[0, 1, 0], places[0, 0, 1]]
    steps = np.array([upright.grid.to_world(e[None].astype(float))[0] - origin for e in ends])
    a, b, c = stored.shape
    grid = Grid.from_steps((a, b, c), steps, origin, upright.grid.frame_of_reference)
    return Volume(stored, grid, upright.unit)


def test_there_are_48() -> None:
    assert len(EVERY) == 48
    assert len({stored_as(t, UPRIGHT).array.tobytes() for t in EVERY}) == 48


@pytest.mark.parametrize("turn", EVERY, ids=str)
def test_law_01_any_stored_order_stands_up_to_the_same_volume(turn: Reorientation) -> None:
    stored = stored_as(turn, UPRIGHT)
    assert Reorientation.of(stored.grid) == turn
    upright = standing(stored)
    np.testing.assert_array_equal(upright.array, UPRIGHT.array)
    assert upright.grid.same_place(UPRIGHT.grid, 1e-9)
    assert upright.grid.frame_of_reference == "1.2.3"
    np.testing.assert_array_equal(turn.undo(upright.array), stored.array)
    assert turn.grid(stored.grid).same_place(upright.grid, 1e-9)


@pytest.mark.parametrize("turn", EVERY, ids=str)
def test_an_oblique_grid_stays_oblique_and_goes_to_the_nearest_order(turn: Reorientation) -> None:
    lean = np.array(sitk.VersorTransform((0.6, 0.0, 0.8), np.radians(20)).GetMatrix()).reshape(3, 3)
    steps = (lean @ UPRIGHT.grid.steps.T).T
    oblique = Volume(
        UPRIGHT.array, Grid.from_steps((3, 4, 5), steps, np.array([1.0, 2.0, 3.0])), "HU"
    )
    upright = standing(stored_as(turn, oblique))
    np.testing.assert_array_equal(upright.array, oblique.array)
    assert upright.grid.same_place(oblique.grid, 1e-9)


@pytest.mark.parametrize("turn", EVERY[::5], ids=str)
def test_law_01_the_body_is_the_same_in_any_stored_order(turn: Reorientation) -> None:
    """A tube open to head and feet: only axial slices enclose its air."""
    hu = np.full((6, 24, 28), -1000.0, dtype=np.float32)
    hu[:, 2:18, 4:24] = 0.0
    hu[:, 8:12, 10:14] = -1000.0
    hu[:, 20, :] = 100.0  # a table, 1 voxel thick
    ct = Volume(hu, Grid.axial(hu.shape, (5.0, 3.0, 2.5)), "HU")
    mask = body_mask(ct)
    assert mask[0, 10, 12]
    assert not mask[:, 20].any()
    assert mask.sum() == 6 * 16 * 20
    np.testing.assert_array_equal(turn.array(body_mask(stored_as(turn, ct))), mask)


def test_an_empty_scan_has_no_body() -> None:
    air = Volume(np.full((3, 4, 5), -1000.0), Grid.axial((3, 4, 5), (1.0, 1.0, 1.0)), "HU")
    assert not body_mask(air).any()
