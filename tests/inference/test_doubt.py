"""Looking only where doubt is: nothing wanted is left out, and what is looked at is the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool, Float
from torch import Tensor

from hnuiseg.inference import Prediction, PredictOptions, draw_members, predict
from hnuiseg.inference.doubt import SETTLED, Showing, doubtful, looks
from hnuiseg.models import ModelFile
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid
from small_model import case_of, small_model, small_network_registered

SHOWINGS = {
    "a window": Showing((8, 12, 16), (2, 3, 4)),
    "what is near": Showing((4, 4, 4), (5, 5, 5), 4),
}


def _random_mask(seed: int, share: float) -> Bool[Tensor, "z y x"]:
    generator = np.random.default_rng(seed)
    shape = tuple(int(n) for n in generator.integers(3, 40, 3))
    return torch.from_numpy(generator.random(shape) < share)


@pytest.mark.parametrize("name", sorted(SHOWINGS))
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.0005, 0.005, 0.2]))
@settings(deadline=None)
def test_every_voxel_of_the_mask_is_taken_once_with_context_around(
    name: str, seed: int, share: float
) -> None:
    mask, showing = _random_mask(seed, share), SHOWINGS[name]
    count = torch.zeros(mask.shape, dtype=torch.int32)
    for piece in looks(mask, showing):
        count[piece.taken] += 1
        for axis, (taken, shown) in enumerate(zip(piece.taken, piece.shown, strict=True)):
            length, context = mask.shape[axis], showing.context[axis]
            assert 0 <= shown.start <= taken.start < taken.stop <= shown.stop <= length
            size = shown.stop - shown.start
            assert size >= min(showing.least[axis], length)
            assert shown.start % showing.cell == 0
            assert shown.stop % showing.cell == 0 or shown.stop == length
            assert taken.start - shown.start >= context or shown.start == 0
            assert shown.stop - taken.stop >= context or shown.stop == length
    assert bool((count[mask] == 1).all())
    assert int(count.max()) <= 1


@pytest.mark.parametrize("showing", SHOWINGS.values(), ids=SHOWINGS.keys())
def test_neighbours_share_a_piece_and_strangers_do_not(showing: Showing) -> None:
    mask = torch.zeros((30, 40, 60), dtype=torch.bool)
    mask[10, 20, 20] = mask[11, 21, 22] = True
    assert len(looks(mask, showing)) == 1
    mask[28, 2, 55] = True
    assert len(looks(mask, showing)) == 2


@given(seed=st.integers(0, 10_000), index=st.integers(0, 12))
@settings(deadline=None)
def test_a_member_needs_no_more_than_it_says(seed: int, index: int) -> None:
    """Whatever stands in the other voxels, the wanted ones come back the same."""
    member = draw_members(13, seed % 50)[index]
    generator = torch.Generator().manual_seed(seed)
    wanted = _random_mask(seed, 0.01)
    spacing = (3.0, 1.0, 1.4)
    needed = member.needed(wanted, spacing)
    right = torch.softmax(torch.randn((3, *wanted.shape), generator=generator), dim=0)
    other = torch.softmax(torch.randn((3, *wanted.shape), generator=generator), dim=0)
    mixed = torch.where(needed, right, other)
    (expected, voted), (found, _) = member.undo(right, spacing), member.undo(mixed, spacing)
    seen = wanted if voted is None else wanted & voted
    assert torch.equal(found[:, seen], expected[:, seen])


def test_all_that_one_pass_calls_tumour_is_doubtful() -> None:
    logits = 4.0 * torch.randn((3, 9, 9, 9), generator=torch.Generator().manual_seed(1))
    probabilities = torch.softmax(logits, dim=0)
    doubt = doubtful(probabilities, (3.0, 2.0, 0.5))
    assert bool(doubt[probabilities[0] < SETTLED].all())
    alone = torch.zeros((3, 9, 9, 9))
    alone[0] = 1.0
    alone[:, 4, 4, 4] = torch.tensor([0.9, 0.1, 0.0])
    marked = doubtful(alone, (3.0, 2.0, 0.5)).nonzero()
    assert (marked.min(dim=0).values - 4).tolist() == [-1, -2, -4]  # 3 mm, cut at the border
    assert (marked.max(dim=0).values - 4).tolist() == [1, 2, 4]


def _lesion() -> Case:
    """Air, with a hot dense ball: a network that sees it alone leaves little doubt elsewhere."""
    grid = Grid.axial((24, 28, 26), (2.0, 2.0, 2.0))
    far = np.linalg.norm(np.argwhere(np.ones(grid.shape)) - [10, 12, 14], axis=1)
    ball = np.clip(2.5 - far.reshape(grid.shape), 0.0, 1.0)
    hu = (-1000 + 1040 * ball).astype(np.int16)
    return case_of(grid, hu, (9.0 * ball).astype(np.float32), np.ones(grid.shape, dtype=bool))


def _reader(window: tuple[int, int, int]) -> ModelFile:
    """Sees the CT in one voxel and the PET in its neighbours: air and no uptake say nothing."""
    model = small_model(seed=3, gain=2.0, rate=0.2, window=window)
    weights = {name: np.array(value) for name, value in model.weights.items()}
    centre = weights["first.weight"][:, 0, 1, 1, 1].copy()
    weights["first.weight"][:, 0] = 0.0
    weights["first.weight"][:, 0, 1, 1, 1] = 0.3 * centre
    weights["first.bias"] = 0.3 * centre  # cancels air, which is -1
    weights["last.weight"] *= 3.0
    weights["last.bias"] = np.array([6.0, 0.0, 0.0], dtype=np.float32)
    return replace(model, weights=weights)


def _found(model: ModelFile, *, exact: bool) -> Prediction:
    with small_network_registered():
        options = PredictOptions(8, variance=True, precision="float32", exact=exact)
        return predict(_lesion(), model, options)


def test_what_is_sampled_is_what_all_members_would_have_said() -> None:
    """Against one window over everything, where no window's face can be felt."""
    exact, quick = (
        _found(_reader((32, 32, 32)), exact=True),
        _found(_reader((20, 20, 20)), exact=False),
    )
    assert quick.votes is not None
    assert exact.votes is not None
    sampled = quick.votes >= 2
    assert 0.005 < sampled.mean() < 0.3
    assert int((exact.labels > 0).sum()) > 10
    assert len(np.unique(exact.labels[sampled])) > 1
    np.testing.assert_array_equal(quick.votes[sampled], exact.votes[sampled])
    np.testing.assert_array_equal(quick.labels, exact.labels)
    pairs: list[tuple[Float[np.ndarray, ...], Float[np.ndarray, ...]]] = [
        (quick.probabilities[:, sampled], exact.probabilities[:, sampled]),
        (quick.entropy[sampled], exact.entropy[sampled]),
    ]
    assert quick.mutual_information is not None
    assert exact.mutual_information is not None
    pairs.append((quick.mutual_information[sampled], exact.mutual_information[sampled]))
    assert quick.variance is not None
    assert exact.variance is not None
    pairs.append((quick.variance[:, sampled], exact.variance[:, sampled]))
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_is_settled_is_background_and_marked_as_not_sampled() -> None:
    quick = _found(_reader((20, 20, 20)), exact=False)
    assert quick.votes is not None
    assert quick.mutual_information is not None
    settled = quick.votes == 0
    assert settled.mean() > 0.5
    assert not quick.labels[settled].any()
    assert float(quick.probabilities[0][settled].min()) >= SETTLED - 1e-6
    assert bool(np.isnan(quick.mutual_information[settled]).all())
    assert not np.isnan(quick.entropy).any()


@pytest.mark.parametrize("uncertainty", [False, True])
def test_a_study_without_doubt_needs_no_second_look(uncertainty: bool) -> None:
    """An empty mask has no pieces, and nothing is found."""
    grid = Grid.axial((24, 28, 26), (2.0, 2.0, 2.0))
    air = case_of(grid, np.full(grid.shape, -1000, np.int16), None, np.zeros(grid.shape, bool))
    with small_network_registered():
        found = predict(
            air, _reader((12, 12, 12)), PredictOptions(4, uncertainty=uncertainty, exact=False)
        )
    assert not found.labels.any()
    if uncertainty:
        assert found.votes is not None
        assert int(found.votes.max()) == 0
