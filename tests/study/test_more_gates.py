"""Warnings about whom and what: children, metal, a PET beside its CT, a long scan."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hnuiseg.study import inspect_study, read_study, searched
from hnuiseg.study.age import age_years
from hnuiseg.study.agreement import agreement
from hnuiseg.study.field import head_neck_field
from hnuiseg.study.gates import agreement_notices, ct_notices, field_notices, weight_notices
from hnuiseg.study.metal import metal
from hnuiseg.volume import Grid, Reorientation, Volume
from made_case import made_case
from small_study import CT_GRID, bend, neck, write_ct, write_pet


def _header(**values: str) -> pydicom.Dataset:
    header = pydicom.Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are not what pydicom takes for a date or an age
        for keyword, value in values.items():
            setattr(header, keyword, value)
    return header


def test_age_is_the_headers_or_unknown() -> None:
    assert age_years(_header(PatientAge="009Y")) == 9.0
    assert age_years(_header(PatientAge="006M")) == pytest.approx(0.5)
    born = _header(PatientBirthDate="20100101", StudyDate="20260101")
    assert age_years(born) == pytest.approx(16.0, abs=0.01)
    assert age_years(_header(PatientBirthDate="00000000", StudyDate="20260101")) is None
    assert age_years(_header(PatientBirthDate="20270101", StudyDate="20260101")) is None
    assert age_years(_header(PatientAge="old")) is None
    assert age_years(_header()) is None


def test_a_childs_header_is_a_warning_and_the_same_in_both_commands(tmp_path: Path) -> None:
    write_ct(tmp_path / "ct")
    write_pet(tmp_path / "pet", weight_kg=28.0)

    def child(image: pydicom.Dataset) -> None:
        image.PatientAge = "009Y"

    bend(tmp_path / "ct", child)
    said = [n.text for n in read_study(tmp_path).notices if n.code == "paediatric"]
    assert said[0].startswith("The patient is 9 years old")
    assert said[1].startswith("A weight of 28 kg is a child's, or wrong")
    assert [n.text for n in inspect_study(tmp_path).notices if n.code == "paediatric"] == said
    assert weight_notices(35.0) == weight_notices(None) == ()


def test_metal_is_measured_in_ml_and_in_mm_of_slices() -> None:
    array = neck().array.copy()
    array[4:7, 20:23, 20:23] = 3071.0
    found = metal(Volume(array, CT_GRID, "HU"))
    assert found.volume_ml == pytest.approx(27 * 5.0 * 4.2 * 4.2 / 1000)
    assert found.length_mm == pytest.approx(15.0)
    (notice,) = ct_notices(Volume(array, CT_GRID, "HU"))
    assert notice.code == "metal"
    assert notice.text.startswith("2.4 ml of metal: ")
    assert "15 mm of slices" in notice.text
    assert metal(neck()).volume_ml == 0.0


def _pet(shift_voxels: int = 0, tracer: float = 1.0) -> Volume:
    suv = np.where(neck().array > -300, 0.8, 0.02).astype(np.float32) * np.float32(tracer)
    return Volume(np.roll(suv, shift_voxels, axis=2), CT_GRID, "g/ml")


@pytest.mark.parametrize("tracer", [0.3, 1.0, 4.0])
def test_one_body_in_one_place_agrees_whatever_the_tracer(tracer: float) -> None:
    everywhere = np.ones(CT_GRID.shape, dtype=bool)
    found = agreement(neck(), _pet(tracer=tracer), everywhere)
    assert found is not None
    assert found.dice > 0.97
    assert found.apart_mm < 1.0
    assert agreement_notices(neck(), _pet(tracer=tracer), everywhere) == ()


@pytest.mark.parametrize(("voxels", "warned"), [(1, False), (2, False), (4, True), (8, True)])
def test_a_pet_beside_its_ct_is_said_with_the_distance(voxels: int, warned: bool) -> None:
    everywhere = np.ones(CT_GRID.shape, dtype=bool)
    found = agreement(neck(), _pet(voxels), everywhere)
    assert found is not None
    assert found.apart_mm == pytest.approx(4.2 * voxels, abs=1.0)
    codes = [n.code for n in agreement_notices(neck(), _pet(voxels), everywhere)]
    assert codes == (["pet-ct-disagree"] if warned else [])


def test_law_01_agreement_is_the_same_in_any_stored_order() -> None:
    """On a grid so fine that only every few voxels are looked at."""
    fine = replace(CT_GRID, spacing=(1.5, 1.3, 1.3))
    ct, pet = Volume(neck().array, fine, "HU"), Volume(_pet(3).array, fine, "g/ml")
    covered = np.indices(fine.shape)[1] < 40
    expected = agreement(ct, pet, covered)
    assert expected is not None
    for axes, flips in (((1, 2, 0), (False, True, True)), ((0, 2, 1), (True, True, False))):
        turn = Reorientation(axes, flips)
        grid = turn.grid(fine)
        ct_, pet_ = (Volume(turn.array(v.array), grid, v.unit) for v in (ct, pet))
        assert agreement(ct_, pet_, turn.array(covered)) == expected


def test_another_body_disagrees_and_a_pet_without_air_is_not_judged() -> None:
    everywhere = np.ones(CT_GRID.shape, dtype=bool)
    _, y, x = np.indices(CT_GRID.shape)
    thin = np.where(np.hypot(y - 23.5, x - 23.5) < 9, 1.0, 0.0).astype(np.float32)
    (notice,) = agreement_notices(neck(), Volume(thin, CT_GRID, "g/ml"), everywhere)
    assert "0 mm apart" in notice.text
    flat = Volume(np.ones(CT_GRID.shape, dtype=np.float32), CT_GRID, "g/ml")
    assert agreement(neck(), flat, everywhere) is None
    assert agreement(neck(), _pet(), ~everywhere) is None


LONG = Grid.axial((200, 48, 48), (5.0, 8.4, 8.4), (-197.4, -197.4, 0.0))


def _whole_body() -> Volume:
    """From the feet: narrow legs without air, a wide trunk, a neck and head with an airway."""
    z, y, x = np.indices(LONG.shape)
    place = LONG.to_world(np.stack([z, y, x], axis=-1).reshape(-1, 3).astype(float))
    left, back = (place[:, k].reshape(LONG.shape) for k in (0, 1))
    radius = np.select([z < 70, z < 150], [70.0, 165.0], 70.0)
    hu = np.where(np.hypot(left, back) < radius, 40.0, -1000.0)
    hu[np.hypot(left, back - 30.0) < 20.0] = 600.0
    hu[(np.hypot(left, back + 30.0) < 14.0) & (z >= 70)] = -950.0
    return Volume(hu.astype(np.float32), LONG, "HU")


def test_head_and_neck_are_found_in_a_whole_body() -> None:
    """Not the legs, though they are as narrow; and down to below the clavicles."""
    field = head_neck_field(_whole_body())
    assert field is not None
    assert field[0].stop == 200
    assert field[0].start == 150 - 150 / 5
    assert field[1:] == (slice(0, 48), slice(0, 48))
    (notice,) = field_notices(_whole_body(), field)
    assert notice.code == "whole-body"
    assert "The CT is 1000 mm long; only the 400 mm around head and neck" in notice.text
    assert "not-head-neck" not in [n.code for n in ct_notices(_whole_body())]
    assert head_neck_field(neck()) is None
    assert field_notices(neck(), None) == ()


def test_law_01_the_field_is_the_same_place_in_any_stored_order() -> None:
    whole = _whole_body()
    expected = head_neck_field(whole)
    assert expected is not None
    marked = np.zeros(LONG.shape, dtype=bool)
    marked[expected] = True
    for axes, flips in (((1, 2, 0), (False, True, True)), ((0, 2, 1), (True, True, False))):
        turn = Reorientation(axes, flips)
        stored = Volume(turn.array(whole.array), turn.grid(LONG), "HU")
        field = head_neck_field(stored)
        assert field is not None
        turned = np.zeros(stored.grid.shape, dtype=bool)
        turned[field] = True
        np.testing.assert_array_equal(turned, turn.array(marked))


def test_what_lies_beyond_the_field_is_air_without_pet() -> None:
    whole = made_case()
    assert searched(whole) is whole
    box = (slice(4, 12), slice(0, 40), slice(0, 48))
    case = replace(whole, field=box)
    seen = searched(case)
    assert seen.ct.grid == case.ct.grid
    assert seen.pet is not None
    assert case.pet is not None
    np.testing.assert_array_equal(seen.ct.array[box], case.ct.array[box])
    np.testing.assert_array_equal(seen.pet.on_ct.array[box], case.pet.on_ct.array[box])
    for outside in (slice(0, 4), slice(12, 16)):
        assert (seen.ct.array[outside] == -1000).all()
        assert not seen.pet.on_ct.array[outside].any()
        assert not seen.pet.coverage[outside].any()


def test_a_short_scan_without_head_and_neck_is_searched_as_a_whole() -> None:
    legs = Volume(_whole_body().array[:70], replace(LONG, shape=(70, 48, 48)), "HU")
    assert head_neck_field(legs) is None
    empty = Grid.axial((120, 8, 8), (5.0, 5.0, 5.0))
    ct = Volume(np.full(empty.shape, -1000.0, dtype=np.float32), empty, "HU")
    assert head_neck_field(ct) is None
