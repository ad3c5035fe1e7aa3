"""Warnings about what an image holds: each on an image made for it, and on real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from hnuiseg.errors import InputRefused
from hnuiseg.study.field import looks_like_head_and_neck
from hnuiseg.study.gates import (
    coverage_notices,
    ct_notices,
    refuse_without_hu,
)
from hnuiseg.volume import Grid, Reorientation, Volume
from needs import data_folder, unpacked
from openkbp import planning_ct
from small_study import CT_GRID, neck


def _codes(ct: Volume) -> list[str]:
    return [n.code for n in ct_notices(ct)]


def test_a_neck_is_fine() -> None:
    refuse_without_hu(neck())
    assert _codes(neck()) == []


def test_a_limb_without_air_is_no_neck() -> None:
    array = neck().array.copy()
    array[array == -950.0 + np.arange(18)[:, None, None]] = 40.0
    assert _codes(Volume(array, CT_GRID, "HU")) == ["not-head-neck"]


def test_a_wide_trunk_and_one_cut_at_the_edge_are_no_neck() -> None:
    wide = Grid.axial(CT_GRID.shape, (5.0, 8.0, 8.0), CT_GRID.origin)
    assert not looks_like_head_and_neck(Volume(neck().array, wide, "HU"))
    cut = Grid.axial((18, 30, 30), CT_GRID.spacing, CT_GRID.origin)
    assert not looks_like_head_and_neck(Volume(neck().array[:, 9:39, 9:39], cut, "HU"))


@pytest.mark.parametrize("axes", [(1, 2, 0), (2, 1, 0), (1, 0, 2)])
def test_law_01_the_field_is_judged_the_same_in_any_stored_order(
    axes: tuple[int, int, int],
) -> None:
    turn = Reorientation(axes, (True, False, True))
    steps = np.empty((3, 3))
    for standing_axis, stored_axis in enumerate(axes):
        sign = -1.0 if turn.flips[standing_axis] else 1.0
        steps[stored_axis] = sign * CT_GRID.steps[standing_axis]
    stored = turn.undo(neck().array)
    a, b, c = stored.shape
    ct = Volume(stored, Grid.from_steps((a, b, c), steps, np.zeros(3)), "HU")
    assert looks_like_head_and_neck(ct)


def test_extreme_values_thick_slices_and_a_small_field_are_said() -> None:
    array = neck().array.copy()
    array[0, 0, 0] = -16989.0
    (extreme,) = ct_notices(Volume(array, CT_GRID, "HU"))
    assert extreme.code == "ct-extreme"
    assert extreme.text == (
        "CT values run from -16989 to 617 HU, beyond the usual -3024 to 3071: metal, or a wrong "
        "scale."
    )
    thick = Grid.axial(CT_GRID.shape, (5.5, 4.2, 4.2), CT_GRID.origin)
    (notice,) = ct_notices(Volume(neck().array, thick, "HU"))
    assert notice.code == "thick-slices"
    assert notice.text.startswith("Slices are 5.50 mm apart;")
    short = Grid.axial(CT_GRID.shape, (3.0, 4.2, 4.2), CT_GRID.origin)
    (notice,) = ct_notices(Volume(neck().array, short, "HU"))
    assert notice.code == "small-field"
    assert notice.text.startswith("The CT's field is small (202 x 202 mm, 54 mm from head to feet)")


@pytest.mark.parametrize(("low", "high"), [(0.0, 4095.0), (-1024.0, 90.0), (-190.0, 400.0)])
def test_values_that_cannot_be_hu_are_refused(low: float, high: float) -> None:
    array = np.linspace(low, high, 8, dtype=np.float32).reshape(2, 2, 2)
    with pytest.raises(InputRefused) as caught:
        refuse_without_hu(Volume(array, Grid.axial((2, 2, 2), (1.0, 1.0, 1.0)), "HU"))
    assert str(caught.value).startswith(f"the CT's values run from {low:g} to {high:g}: not a CT")


def test_coverage_is_never_rounded_up_to_all() -> None:
    reached = np.ones((10, 10, 100), dtype=bool)
    assert coverage_notices(reached) == ()
    reached[0, 0, 0] = False
    (notice,) = coverage_notices(reached)
    assert notice.text == "The PET covers 99.9 % of the CT; elsewhere only the CT was used."


@pytest.mark.parametrize("archive", ["ibsi_sts_001_ct", "ibsi_pat1", "lung1_001"])
def test_a_thigh_and_two_chests_are_no_head_and_neck(archive: str, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path) / "ct"
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = sitk.ReadImage(names)
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    a, b, c = array.shape
    grid = Grid.axial((a, b, c), image.GetSpacing()[::-1])
    assert not looks_like_head_and_neck(Volume(array, grid, "HU"))


def test_planning_cts_of_head_and_neck_are_head_and_neck() -> None:
    folder = data_folder() / "openkbp"
    patients = json.loads((folder / "index.json").read_text())["patients"]
    longer = [p["id"] for p in patients if p["ct_extent_mm"] > 100.0][::30]
    found = [looks_like_head_and_neck(planning_ct(folder / f"{p}.npz")) for p in longer]
    assert len(found) >= 5
    assert all(found)
