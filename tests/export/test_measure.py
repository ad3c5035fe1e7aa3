"""Lesions and their figures, against values worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.export import measure, totals
from hnuiseg.export.measure import PEAK_RADIUS_MM, metabolic
from hnuiseg.study.case import Case, PetImage
from hnuiseg.volume import Grid, Volume
from made_case import GRID, ball_labels, made_case, made_prediction


def with_native(case: Case, native: Volume) -> Case:
    assert case.pet is not None
    return replace(case, pet=PetImage(case.pet.on_ct, case.pet.coverage, native, case.pet.suv))


def box_labels(*boxes: tuple[int, tuple[slice, slice, slice]]) -> np.ndarray:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    for value, box in boxes:
        labels[box] = value
    return labels


def test_lesions_are_numbered_by_falling_volume_within_their_class() -> None:
    found = measure(made_case(), made_prediction(ball_labels()))
    assert [(lesion.class_name, lesion.number) for lesion in found] == [
        ("GTVp", 1),
        ("GTVn", 1),
        ("GTVn", 2),
    ]
    assert found[1].volume_ml > found[2].volume_ml
    gtvp, gtvn = totals(found)
    assert (gtvp.lesions, gtvn.lesions) == (1, 2)
    assert gtvn.volume_ml == pytest.approx(found[1].volume_ml + found[2].volume_ml)


def test_diagonal_neighbours_are_one_lesion_and_gaps_part_two() -> None:
    labels = box_labels(
        (1, (slice(4, 5), slice(4, 5), slice(4, 5))),
        (1, (slice(5, 6), slice(5, 6), slice(5, 6))),  # touches by a corner
        (1, (slice(8, 9), slice(4, 5), slice(4, 5))),
    )
    found = measure(made_case(), made_prediction(labels))
    assert [lesion.voxels for lesion in found] == [2, 1]


def test_volume_centroid_and_flag_by_hand() -> None:
    labels = box_labels((2, (slice(2, 4), slice(10, 12), slice(20, 22))))  # 8 voxels of 12 mm³
    (lesion,) = measure(made_case(), made_prediction(labels))
    assert lesion.volume_ml == pytest.approx(0.096)
    assert lesion.below_0_1_ml
    # x: -47 + 2 * 20.5; y: -39 + 2 * 10.5; z: 100 + 3 * 2.5
    assert lesion.centroid_mm == pytest.approx((-6.0, -18.0, 107.5))
    assert lesion.mean_probability == pytest.approx(0.9)


def test_a_mirrored_grid_moves_nothing_in_mm() -> None:
    labels = box_labels((1, (slice(2, 4), slice(10, 12), slice(20, 22))))
    mirrored = replace(
        GRID,
        origin=(GRID.origin[0] + 2.0 * 47, *GRID.origin[1:]),
        direction=(*GRID.direction[:2], (-1.0, 0.0, 0.0)),
    )
    prediction = made_prediction(labels[:, :, ::-1], mirrored)
    (lesion,) = measure(made_case(mirrored), prediction)
    (as_stored,) = measure(made_case(), made_prediction(labels))
    assert lesion.centroid_mm == pytest.approx(as_stored.centroid_mm)
    assert lesion.pet is not None
    assert as_stored.pet is not None
    assert lesion.pet.suv_max == pytest.approx(as_stored.pet.suv_max)


def test_suv_is_measured_on_the_pets_own_grid() -> None:
    """Every PET voxel has its own value; those with a centre in the lesion are named by hand."""
    case = made_case()
    assert case.pet is not None
    own = case.pet.native.grid  # 4 mm voxels from (-46, -38, 100)
    values = np.arange(np.prod(own.shape), dtype=np.float32).reshape(own.shape)
    # CT box of x -47+2*[20..23] = [-7, -1], y -39+2*[10..13] = [-19, -13], z 100+3*[2..4]
    # with half a voxel more on each side: x (-8, 0), y (-20, -12), z (104.5, 113.5)
    # PET centres within: x -6, -2 (10, 11); y -18, -14 (5, 6); z 108, 112 (2, 3)
    labels = box_labels((1, (slice(2, 5), slice(10, 14), slice(20, 24))))
    (lesion,) = measure(with_native(case, Volume(values, own, "g/ml")), made_prediction(labels))
    expected = values[2:4, 5:7, 10:12]
    assert lesion.pet is not None
    assert lesion.pet.pet_voxels == 8
    assert lesion.pet.suv_max == expected.max()
    assert lesion.pet.suv_mean == pytest.approx(float(expected.mean()))
    assert not lesion.pet.nearest


def test_peak_is_the_highest_mean_of_a_1_ml_sphere() -> None:
    assert 4 / 3 * np.pi * PEAK_RADIUS_MM**3 == pytest.approx(1000.0)
    case = made_case()
    assert case.pet is not None
    own = case.pet.native.grid
    values = np.zeros(own.shape, dtype=np.float32)
    values[3, 6, 11] = 19.0
    labels = box_labels((1, (slice(3, 6), slice(11, 15), slice(20, 24))))
    (lesion,) = measure(with_native(case, Volume(values, own, "g/ml")), made_prediction(labels))
    # of 4 mm voxels, 6.2 mm reach the centre, 6 faces (4 mm) and 12 edges (5.66 mm): 19
    assert lesion.pet is not None
    assert lesion.pet.suv_max == 19.0
    assert lesion.pet.suv_peak == pytest.approx(1.0)


def test_a_lesion_between_pet_centres_is_measured_on_the_nearest() -> None:
    case = made_case()
    assert case.pet is not None
    coarse = Grid.axial((3, 5, 5), (20.0, 20.0, 20.0), (-45.0, -38.0, 100.0), "1.2.3")
    values = np.arange(75, dtype=np.float32).reshape(coarse.shape)
    # voxel (0, 3, 5): x -37, y -33, z 100; nearest PET centre (-45, -38, 100), value 0
    labels = box_labels((1, (slice(0, 1), slice(3, 4), slice(5, 6))))
    (lesion,) = measure(with_native(case, Volume(values, coarse, "g/ml")), made_prediction(labels))
    assert lesion.pet is not None
    assert lesion.pet.nearest
    assert lesion.pet.suv_max == values[0, 0, 0]


def test_outside_the_pet_there_are_no_figures() -> None:
    case = made_case()
    assert case.pet is not None
    far = Grid.axial((4, 4, 4), (4.0, 4.0, 4.0), (500.0, 500.0, 500.0), "1.2.3")
    native = Volume(np.ones(far.shape, dtype=np.float32), far, "g/ml")
    found = measure(with_native(case, native), made_prediction(ball_labels()))
    assert [lesion.pet for lesion in found] == [None, None, None]
    assert [total.suv_max for total in totals(found)] == [None, None]


def test_voxels_that_were_not_sampled_are_counted_and_left_out() -> None:
    labels = box_labels((1, (slice(2, 4), slice(10, 12), slice(20, 22))))
    made = made_prediction(labels)
    assert made.votes is not None
    assert made.mutual_information is not None
    votes, disagreement = made.votes.copy(), np.full(GRID.shape, 0.25, dtype=np.float32)
    votes[2, 10, 20] = 1
    disagreement[2, 10, 20] = np.nan
    prediction = replace(made, votes=votes, mutual_information=disagreement)
    (lesion,) = measure(made_case(), prediction)
    assert lesion.not_sampled_voxels == 1
    assert lesion.mean_disagreement == pytest.approx(0.25)


def test_no_tumour_is_a_legal_answer() -> None:
    empty = made_prediction(np.zeros(GRID.shape, dtype=np.uint8))
    assert measure(made_case(), empty) == ()
    assert [(t.lesions, t.volume_ml, t.suv_max) for t in totals(())] == [(0, 0.0, None)] * 2


def test_metabolic_volume_and_glycolysis_by_hand() -> None:
    """Four PET voxels of 64 mm³: 10, 4.1, 3 and 1 g/ml; a value at the threshold counts."""
    share, low, high = metabolic(np.array([10.0, 4.1, 3.0, 1.0]), 0.064)
    assert (share.threshold, low.threshold, high.threshold) == (
        "41 % of SUVmax",
        "SUV 2.5",
        "SUV 4.0",
    )
    assert share.suv == pytest.approx(4.1)
    assert (share.mtv_ml, share.tlg_g) == pytest.approx((2 * 0.064, 14.1 * 0.064))
    assert (low.mtv_ml, low.tlg_g) == pytest.approx((3 * 0.064, 17.1 * 0.064))
    assert (high.mtv_ml, high.tlg_g) == pytest.approx((2 * 0.064, 14.1 * 0.064))


@given(
    st.lists(st.floats(0.01, 60.0), min_size=1, max_size=40),
    st.floats(0.1, 10.0),
)
def test_glycolysis_lies_between_threshold_and_maximum_times_volume(
    values: list[float], factor: float
) -> None:
    """And the relative volume doesn't change with the scale of the SUV."""
    suv = np.array(values)
    for m in metabolic(suv, 0.05):
        assert m.suv is not None
        assert m.mtv_ml <= len(suv) * 0.05 + 1e-9
        assert m.suv * m.mtv_ml - 1e-9 <= m.tlg_g <= suv.max() * m.mtv_ml + 1e-9
    assert metabolic(suv * 2.0, 0.05)[0].mtv_ml == metabolic(suv, 0.05)[0].mtv_ml
    assert metabolic(suv, factor)[0].mtv_ml == pytest.approx(factor * metabolic(suv, 1.0)[0].mtv_ml)


def test_totals_add_what_the_lesions_have() -> None:
    found = measure(made_case(), made_prediction(ball_labels()))
    gtvp, gtvn = totals(found)
    assert found[0].pet is not None
    assert gtvp.metabolic == found[0].pet.metabolic
    for k, summed in enumerate(gtvn.metabolic):
        own = [lesion.pet.metabolic[k] for lesion in found[1:] if lesion.pet]
        assert len(own) == 2
        assert summed.mtv_ml == pytest.approx(sum(m.mtv_ml for m in own))
        assert summed.tlg_g == pytest.approx(sum(m.tlg_g for m in own))
    assert [t.metabolic for t in totals(())] == [(), ()]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("last", [False, True])
def test_a_lesion_at_any_face_of_the_image_or_the_field_is_said(axis: int, last: bool) -> None:
    middle = [slice(6, 8), slice(18, 20), slice(20, 22)]
    (inner,) = measure(
        made_case(), made_prediction(box_labels((1, (middle[0], middle[1], middle[2]))))
    )
    assert not inner.at_edge
    end = GRID.shape[axis]
    middle[axis] = slice(end - 2, end) if last else slice(0, 2)
    (outer,) = measure(
        made_case(), made_prediction(box_labels((1, (middle[0], middle[1], middle[2]))))
    )
    assert outer.at_edge
    field = [slice(0, n) for n in GRID.shape]
    field[axis] = slice(0, end - 2) if last else slice(2, end)
    middle[axis] = slice(end - 4, end - 2) if last else slice(2, 4)
    case = replace(made_case(), field=(field[0], field[1], field[2]))
    (cut,) = measure(case, made_prediction(box_labels((1, (middle[0], middle[1], middle[2])))))
    assert cut.at_edge
