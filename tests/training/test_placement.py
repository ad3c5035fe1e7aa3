"""Patches hold the voxels of their place: by index where they lie straight, else by formula."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hnuiseg.cohorts import write_array
from hnuiseg.training.intensity import Intensity, changed
from hnuiseg.training.placement import Patch, Placement, cut, random_turn
from hnuiseg.training.sample_store import StoredSample

SHAPE = (9, 12, 14)
SPACING = (3.0, 1.0, 1.5)
AIR = -1.0


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> StoredSample:
    folder = tmp_path_factory.mktemp("sample")
    generator = np.random.default_rng(0)
    images = generator.normal(size=(2, *SHAPE)).astype(np.float32)
    marks = np.stack([generator.integers(0, 3, SHAPE), generator.random(SHAPE) < 0.8])
    marks[0, 0, 0, :3] = 255
    images[1][marks[1] == 0] = 0
    write_array(images, folder / "images.b2nd")
    write_array(marks.astype(np.uint8), folder / "marks.b2nd")
    return StoredSample("a", "p", SHAPE, SPACING, folder, {})


sizes = st.tuples(*[st.integers(1, 16)] * 3)
starts = st.tuples(*[st.integers(-20, 20)] * 3)
mirrors = st.tuples(*[st.booleans()] * 3)


@settings(max_examples=60, deadline=None)
@given(size=sizes, start=starts, mirrored=mirrors)
def test_straight_patches_are_slices_of_a_padded_volume(
    sample: StoredSample,
    size: tuple[int, int, int],
    start: tuple[int, int, int],
    mirrored: tuple[bool, bool, bool],
) -> None:
    images, marks = sample.images(sample.whole), sample.marks(sample.whole)
    first = (marks[0] + 1) % 3
    wide = [(0, 0), *[(40, 40)] * 3]
    padded = np.pad(np.concatenate([images, marks, first[None]]), wide)
    padded[0] = np.pad(images[0], 40, constant_values=AIR)
    box = tuple(slice(s + 40, s + 40 + n) for s, n in zip(start, size, strict=True))
    wanted = padded[(slice(None), *box)]
    wanted = np.flip(wanted, tuple(k + 1 for k in range(3) if mirrored[k]))
    found = cut(sample, Placement(start, size, mirrored), AIR, first.astype(np.uint8))
    assert found.first is not None
    np.testing.assert_allclose(found.images, wanted[:2], atol=1e-6)
    np.testing.assert_array_equal(found.labels, wanted[2])
    np.testing.assert_array_equal(found.coverage, wanted[3])
    np.testing.assert_array_equal(found.first, wanted[4])


@settings(max_examples=30, deadline=None)
@given(size=sizes, start=starts, mirrored=mirrors, seed=st.integers(0, 99))
def test_turned_patches_hold_what_scipy_interpolates(
    sample: StoredSample,
    size: tuple[int, int, int],
    start: tuple[int, int, int],
    mirrored: tuple[bool, bool, bool],
    seed: int,
) -> None:
    turn = random_turn(np.random.default_rng(seed), 40.0)
    placement = Placement(start, size, mirrored, turn)
    source = placement.source(SPACING)
    found = cut(sample, placement, AIR)
    ct = np.pad(sample.images(sample.whole)[0] - AIR, 1)  # zeros beyond, as air is
    wanted = AIR + ndimage.affine_transform(
        ct, source[:, :3], source[:, 3] + 1, size, order=1, mode="constant", prefilter=False
    )
    np.testing.assert_allclose(found.images[0], wanted, atol=2e-4)


def test_a_turn_by_nothing_is_none(sample: StoredSample) -> None:
    straight = Placement((2, 3, 4), (5, 6, 7), (False, True, True))
    one, same = (cut(sample, p, AIR) for p in (straight, replace(straight, turn=np.eye(3))))
    np.testing.assert_allclose(one.images, same.images, atol=1e-4)
    np.testing.assert_array_equal(one.labels, same.labels)


def test_a_turn_moves_points_by_mm_not_by_voxels() -> None:
    """A quarter about z: what lay 6 mm towards y lies 6 mm towards x; 6 voxels and 4 voxels."""
    quarter = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    placement = Placement((0, 0, 0), (1, 13, 13), turn=quarter)
    source = placement.source(SPACING)
    middle = np.array([0.0, 6.0, 6.0])
    moved = source[:, :3] @ (middle + np.array([0.0, 6.0, 0.0])) + source[:, 3] - middle
    np.testing.assert_allclose(moved, [0.0, 0.0, 6.0 * 1.0 / 1.5], atol=1e-12)


def test_turns_are_rotations_of_at_most_so_much() -> None:
    for seed in range(50):
        turn = random_turn(np.random.default_rng(seed), 15.0)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1.0)
        assert np.rad2deg(np.arccos((np.trace(turn) - 1) / 2)) <= 15.0 + 1e-6


def _patch(covered: bool) -> Patch:
    images = torch.randn(2, 6, 7, 8, generator=torch.Generator().manual_seed(1))
    coverage = torch.zeros(6, 7, 8, dtype=torch.uint8)
    if covered:
        coverage[:3] = 1
    images[1][coverage == 0] = 0
    return Patch(images, coverage, torch.zeros(6, 7, 8, dtype=torch.uint8))


@pytest.mark.parametrize("covered", [True, False])
def test_intensity_changes_never_touch_an_absent_pet(covered: bool) -> None:
    patch = _patch(covered)
    found = changed(patch, Intensity(), np.random.default_rng(2))
    assert torch.equal(found.images[1][patch.coverage == 0], patch.images[1][patch.coverage == 0])
    assert bool((found.images[0] != patch.images[0]).any())
    if covered:
        assert bool((found.images[1][:3] != patch.images[1][:3]).any())


def test_without_noise_intensity_is_a_line_within_its_ranges() -> None:
    patch, how = _patch(True), Intensity(scale=0.2, shift=0.1, noise=0.0)
    for seed in range(20):
        found = changed(patch, how, np.random.default_rng(seed)).images
        slope, offset = np.polyfit(patch.images[0].flatten(), found[0].flatten(), 1)
        assert 0.8 - 1e-4 <= slope <= 1.2 + 1e-4
        assert abs(offset) <= 0.1 + 1e-4
        np.testing.assert_allclose(found[0], slope * patch.images[0] + offset, atol=1e-4)
