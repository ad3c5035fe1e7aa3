"""Running sums: by hand, and equal to what all members at once would give."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from hnuiseg.inference import Accumulator, entropy

SHAPE = (1, 1, 1)


def _voxel(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(len(values), 1, 1, 1)


def test_two_sure_members_that_contradict_each_other() -> None:
    """All uncertainty is disagreement: ln 2 of ln 2."""
    sums = Accumulator(SHAPE, variance=True)
    sums.add(_voxel(1, 0, 0))
    sums.add(_voxel(0, 1, 0))
    assert sums.mean().flatten().tolist() == [0.5, 0.5, 0.0]
    assert sums.entropy().item() == pytest.approx(math.log(2), abs=1e-6)
    assert sums.mutual_information().item() == pytest.approx(math.log(2), abs=1e-6)
    assert sums.variance().flatten().tolist() == [0.25, 0.25, 0.0]
    assert sums.votes.item() == 2


def test_two_unsure_members_that_agree() -> None:
    """No uncertainty is disagreement, and entropy never exceeds ln 3 by rounding."""
    sums = Accumulator(SHAPE)
    sums.add(_voxel(1 / 3, 1 / 3, 1 / 3))
    sums.add(_voxel(1 / 3, 1 / 3, 1 / 3))
    assert sums.entropy().item() == pytest.approx(math.log(3), abs=1e-6)
    assert sums.entropy().item() <= math.log(3)
    assert sums.mutual_information().item() == pytest.approx(0.0, abs=1e-6)


def test_who_does_not_vote_has_no_say() -> None:
    sums = Accumulator((1, 1, 2), variance=True)
    sums.add(torch.tensor([[1.0, 1.0], [0, 0], [0, 0]]).reshape(3, 1, 1, 2))
    absent = torch.full((3, 1, 1, 2), math.nan)
    absent[:, 0, 0, 0] = torch.tensor([0.0, 1.0, 0.0])
    sums.add(absent, torch.tensor([[[True, False]]]))
    assert sums.votes.flatten().tolist() == [2, 1]
    assert sums.mean()[:, 0, 0, 1].tolist() == [1.0, 0.0, 0.0]
    assert sums.entropy()[0, 0, 1].item() == 0.0
    assert math.isnan(sums.mutual_information()[0, 0, 1].item())  # one vote: not sampled
    assert bool(sums.variance()[:, 0, 0, 1].isnan().all())
    assert not math.isnan(sums.mutual_information()[0, 0, 0].item())


def test_without_a_vote_nothing_is_said() -> None:
    assert bool(Accumulator(SHAPE).mean().isnan().all())
    assert bool(Accumulator(SHAPE).entropy().isnan().all())


def test_variance_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="variance=True"):
        Accumulator(SHAPE).variance()


@given(seed=st.integers(0, 2**31), members=st.integers(2, 12), sureness=st.floats(0.1, 30))
@settings(max_examples=40, deadline=None)
def test_sums_equal_the_stack_of_all_members(seed: int, members: int, sureness: float) -> None:
    """Judge: numpy and scipy in float64, all members in memory."""
    generator = np.random.default_rng(seed)
    shape = (11, 2, 3)
    logits = torch.from_numpy(sureness * generator.normal(size=(members, 3, *shape)))
    stack = torch.softmax(logits, dim=1).float()
    voted = torch.from_numpy(generator.random((members, *shape)) < 0.7)
    voted[:2] = True
    sums = Accumulator(shape, variance=True)
    for one, where in zip(stack, voted, strict=True):
        sums.add(one, where)
    every = np.where(voted[:, None], stack.double(), np.nan)
    mean = np.nanmean(every, axis=0)
    predictive = scipy_entropy(mean, axis=0)
    own = np.nanmean(np.where(voted, scipy_entropy(stack.double().numpy(), axis=1), np.nan), axis=0)
    np.testing.assert_allclose(sums.mean().numpy(), mean, atol=1e-6)
    np.testing.assert_allclose(sums.entropy().numpy(), predictive, atol=2e-6)
    np.testing.assert_allclose(sums.mutual_information().numpy(), predictive - own, atol=3e-6)
    np.testing.assert_allclose(sums.variance().numpy(), np.nanvar(every, axis=0), atol=1e-6)
    np.testing.assert_array_equal(sums.votes.numpy(), voted.sum(dim=0).numpy())


def test_entropy_of_certainty_and_of_nan() -> None:
    assert entropy(_voxel(0, 1, 0)).item() == 0.0
    assert math.isnan(entropy(_voxel(math.nan, 1, 0)).item())
