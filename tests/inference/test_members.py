"""Members: what they do to a volume, and that it can be undone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from hnuiseg.inference import Flip, Member, Noise, Rotation, draw_members

AIR = torch.tensor([-1.0, 0.0, 0.0, 0.0])
SPACING = (3.0, 1.0, 2.0)


def _volume(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


def test_member_0_never_moves_and_others_move_as_documented() -> None:
    members = draw_members(200, seed=5)
    assert isinstance(members[0].transform, Noise)
    assert [m.index for m in members] == list(range(200))
    turned = [m.transform for m in members if isinstance(m.transform, Rotation)]
    flipped = [m.transform for m in members if isinstance(m.transform, Flip)]
    noisy = [m for m in members if isinstance(m.transform, Noise)]
    assert min(len(turned), len(flipped), len(noisy)) > 40  # of 200, about 67 each
    assert {t.axis for t in turned} == {0, 1, 2}
    assert max(abs(t.degrees) for t in turned) <= 5.0
    assert min(t.degrees for t in turned) < -3.0
    assert max(t.degrees for t in turned) > 3.0


@given(seed=st.integers(0, 2**31), few=st.integers(1, 10))
@settings(max_examples=20)
def test_more_members_never_change_the_earlier_ones(seed: int, few: int) -> None:
    assert draw_members(12, seed)[:few] == draw_members(few, seed)


def test_another_seed_draws_other_members() -> None:
    assert draw_members(10, 0)[1:] != draw_members(10, 1)[1:]


@given(shape=st.tuples(*[st.integers(1, 5)] * 3))
@settings(max_examples=30, deadline=None)
def test_a_flip_is_from_left_to_right_and_undone_exactly(shape: tuple[int, int, int]) -> None:
    volume = _volume((3, *shape))
    member = Member(1, Flip())
    seen = member.apply(volume, SPACING, coverage=None, padding=AIR)
    np.testing.assert_array_equal(seen.numpy(), volume.numpy()[..., ::-1])
    back, voted = member.undo(seen, SPACING)
    assert voted is None
    assert torch.equal(back, volume)


def test_a_quarter_turn_by_hand() -> None:
    """About z, from y to x: what lay ahead in y lies ahead in x afterwards."""
    plane = torch.zeros(1, 1, 3, 3)
    plane[0, 0, 2, 1] = 1.0  # y behind the centre
    turned = Rotation(0, 90.0).apply(plane, (1.0, 1.0, 1.0), AIR[:1] * 0)
    expected = torch.zeros(3, 3)
    expected[1, 2] = 1.0
    torch.testing.assert_close(turned[0, 0], expected, atol=1e-6, rtol=0)


def test_a_quarter_turn_in_millimetres() -> None:
    """Voxels of 1 mm in y and 2 mm in x: four in y are two in x."""
    plane = torch.zeros(1, 1, 9, 9)
    plane[0, 0, 8, 4] = 1.0
    turned = Rotation(0, 90.0).apply(plane, SPACING, AIR[:1] * 0)
    assert divmod(int(turned[0, 0].argmax()), 9) == (4, 6)


@given(
    axis=st.integers(0, 2),
    degrees=st.floats(-5, 5),
    spacing=st.tuples(*[st.sampled_from([0.9, 1.0, 3.0])] * 3),
)
@settings(max_examples=25, deadline=None)
def test_rotations_agree_with_scipy(
    axis: int, degrees: float, spacing: tuple[float, float, float]
) -> None:
    """Judge: scipy.ndimage.affine_transform with the same rotation about the centre."""
    volume = _volume((2, 7, 8, 9))
    turned = Rotation(axis, degrees).apply(volume, spacing, AIR[:2])
    first, second = (k for k in range(3) if k != axis)
    turn = np.eye(3)
    angle = np.radians(degrees)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[first, second], turn[second, first] = np.sin(angle), -np.sin(angle)
    scale = np.diag(spacing)
    matrix = np.linalg.inv(scale) @ turn @ scale  # from a seen voxel to where it came from
    centre = (np.array([7, 8, 9]) - 1) / 2
    for channel in range(2):
        expected = ndimage.affine_transform(
            volume[channel].numpy(), matrix, centre - matrix @ centre, order=1, mode="nearest"
        )
        position = np.argwhere(np.ones((7, 8, 9))).reshape(7, 8, 9, 3) - centre
        source = position @ matrix.T + centre
        outer = np.array([7, 8, 9]) - 0.5
        clear = np.minimum(np.abs(source + 0.5), np.abs(source - outer)).min(axis=-1) > 1e-3
        inside = ((source > -0.5) & (source < outer)).all(axis=-1)
        expected = np.where(inside, expected, AIR[channel].item())
        np.testing.assert_allclose(turned[channel].numpy()[clear], expected[clear], atol=1e-4)


@given(axis=st.integers(0, 2), degrees=st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_what_was_seen_goes_back_to_where_it_was(axis: int, degrees: float) -> None:
    """A smooth blob off the centre returns within a tenth of a voxel."""
    z, y, x = np.indices((17, 21, 19))
    blob = np.exp(-((z - 9) ** 2 + (y - 13) ** 2 + (x - 7) ** 2) / 18).astype(np.float32)
    images = torch.from_numpy(np.stack([blob, 1 - blob]))
    member = Member(3, Rotation(axis, degrees))
    seen = member.apply(images, SPACING, coverage=None, padding=AIR[:2])
    back, voted = member.undo(seen, SPACING)
    assert voted is not None
    assert bool(voted[9, 13, 7])
    before = ndimage.center_of_mass(np.where(blob > 0.1, blob, 0))
    after = back[0].numpy()
    np.testing.assert_allclose(
        ndimage.center_of_mass(np.where(after > 0.1, after, 0)), before, atol=0.1
    )


@given(axis=st.integers(0, 2), degrees=st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_probabilities_turned_back_sum_to_one(axis: int, degrees: float) -> None:
    probabilities = torch.softmax(9 * _volume((3, 6, 9, 8)), dim=0)
    back, voted = Rotation(axis, degrees).undo(probabilities, SPACING)
    assert voted.shape == back.shape[1:]
    assert float((back.sum(dim=0) - 1).abs().max()) < 1e-6
    assert float(back.min()) >= 0


def test_voxels_out_of_view_do_not_vote() -> None:
    """A 5° turn lifts the corners of a long plane out of it and leaves the middle."""
    _, voted = Rotation(0, 5.0).undo(torch.full((3, 2, 41, 41), 1 / 3), (3.0, 1.0, 1.0))
    assert not bool(voted[:, [0, 0, -1, -1], [0, -1, 0, -1]].any())
    assert bool(voted[:, 20].all())  # 20 · sin 5° = 1.7 voxels up of 20 that are there
    distance = np.hypot(*np.indices((41, 41)) - 20.0)
    assert bool(voted[:, torch.from_numpy(distance <= 20)].all())


def test_no_turn_lets_everybody_vote() -> None:
    _, voted = Rotation(1, 0.0).undo(torch.full((3, 2, 5, 4), 1 / 3), SPACING)
    assert bool(voted.all())


def test_what_a_rotation_brings_in_is_air_without_uptake_or_clicks() -> None:
    images = torch.ones(4, 2, 41, 41)
    seen = Rotation(0, 5.0).apply(images, (3.0, 1.0, 1.0), AIR)
    assert seen[:, 0, 0, 0].tolist() == [-1.0, 0.0, 0.0, 0.0]
    assert seen[:, 0, 20, 20].tolist() == [1.0, 1.0, 1.0, 1.0]


@given(degrees=st.floats(-5, 5), axis=st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_a_turned_prompt_is_still_a_prompt(degrees: float, axis: int) -> None:
    images = torch.zeros(4, 9, 9, 9)
    images[2, 2:7, 2:7, 2:7], images[3, 6:, 5:, 4:] = 1.0, -1.0
    seen = Rotation(axis, degrees).apply(images, SPACING, AIR)
    assert set(seen[2].flatten().tolist()) == {0.0, 1.0}
    assert set(seen[3].flatten().tolist()) == {-1.0, 0.0}


def test_noise_touches_images_only() -> None:
    images = _volume((4, 20, 30, 30))
    coverage = torch.zeros(20, 30, 30, dtype=torch.bool)
    coverage[5:] = True
    noisy = Noise(seed=1, index=4).apply(images, coverage)
    added = (noisy - images).numpy()
    assert added[0].std() == pytest.approx(0.02, rel=0.02)
    assert added[1, 5:].std() == pytest.approx(0.02, rel=0.02)
    assert abs(added[0].mean()) < 1e-3
    assert abs(np.corrcoef(added[0, 5:].ravel(), added[1, 5:].ravel())[0, 1]) < 0.05
    assert not added[1, :5].any()  # beyond the PET's coverage
    assert not added[2:].any()  # prompts


def test_an_absent_pet_gets_no_noise_and_the_ct_the_same_as_with_one() -> None:
    images = _volume((4, 3, 4, 5))
    everywhere = torch.ones(3, 4, 5, dtype=torch.bool)
    without = Noise(seed=1, index=0).apply(images, None)
    assert torch.equal(without[1], images[1])
    assert torch.equal(without[0], Noise(seed=1, index=0).apply(images, everywhere)[0])


def test_noise_is_its_members_own() -> None:
    images = torch.zeros(2, 3, 4, 5)
    assert torch.equal(Noise(1, 2).apply(images, None), Noise(1, 2).apply(images, None))
    assert not torch.equal(Noise(1, 2).apply(images, None), Noise(1, 3).apply(images, None))
    assert not torch.equal(Noise(1, 2).apply(images, None), Noise(2, 2).apply(images, None))


@pytest.mark.parametrize("index", range(12))
def test_the_volume_given_is_left_as_it_was(index: int) -> None:
    images = _volume((4, 5, 6, 7))
    before = images.clone()
    everywhere = torch.ones(5, 6, 7, dtype=torch.bool)
    draw_members(12, 3)[index].apply(images, SPACING, coverage=everywhere, padding=AIR)
    assert torch.equal(images, before)
