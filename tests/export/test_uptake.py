"""What lies outside the searched field: listed where it is, never what was searched."""

from dataclasses import replace

import numpy as np
import pytest

from hnuiseg.export.measure import measure
from hnuiseg.export.notices import answer_notices
from hnuiseg.export.uptake import searched_grid, uptake_outside
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid, Volume
from made_case import GRID, ball_labels, made_case, made_prediction


def _with_native(array: np.ndarray, grid: Grid) -> Case:
    case = made_case()
    assert case.pet is not None
    return replace(case, pet=replace(case.pet, native=Volume(array, grid, "g/ml")))


def test_nothing_within_the_searched_field_is_listed() -> None:
    """The hot ball of the made case lies within its CT; cut the field, and it lies outside."""
    case = made_case()
    assert uptake_outside(case) == ()
    assert answer_notices((), ()) == ()
    cut = replace(case, field=(slice(0, 2), slice(0, 40), slice(0, 48)))
    (found,) = uptake_outside(cut)
    assert found.suv_max == 9.0
    assert found.location.startswith("left (15 mm from the midline), middle third")
    (notice,) = answer_notices((), (found,))
    assert notice.text.startswith("1 piece of uptake (SUV 4 or more, at least 1 ml) outside")
    assert uptake_outside(made_case(with_pet=False)) == ()


def test_uptake_beyond_the_ct_is_measured_on_the_pets_grid() -> None:
    tall = Grid.axial((60, 20, 24), (4.0, 4.0, 4.0), (-46.0, -38.0, 100.0), "1.2.3")
    suv = np.ones(tall.shape, dtype=np.float32)
    suv[40:44, 8:12, 8:12] = 7.0  # z 260 to 272 mm; the CT ends at 146.5
    suv[50:52, 8:10, 8:10] = 12.0  # 0.5 ml: too small to list
    (found,) = uptake_outside(_with_native(suv, tall))
    assert found.volume_ml == pytest.approx(64 * 0.064)
    assert found.centroid_mm == pytest.approx((-8.0, 0.0, 266.0))
    assert found.location == "outside the CT"


def test_the_searched_grid_is_the_field_in_place() -> None:
    case = made_case()
    assert searched_grid(case) is case.ct.grid
    part = searched_grid(replace(case, field=(slice(4, 10), slice(0, 40), slice(3, 48))))
    assert part.shape == (6, 40, 45)
    assert part.origin == pytest.approx(tuple(GRID.to_world(np.array([[4.0, 0.0, 3.0]]))[0]))


def test_lesions_at_the_edge_are_named_and_counted() -> None:
    lesions = measure(made_case(), made_prediction(ball_labels()))
    cut = tuple(replace(lesion, at_edge=True) for lesion in lesions * 2)
    assert [n.code for n in answer_notices(lesions, ())] == []
    (notice,) = answer_notices(cut, ())
    assert notice.text.endswith("GTVp 1, GTVn 1, GTVn 2 and 3 more.")
