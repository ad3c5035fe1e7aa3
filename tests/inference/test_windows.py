"""Windows: laws, and examples to check by hand."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hnuiseg.errors import WrongCall
from hnuiseg.inference import gaussian_weight, predict_windows, window_starts
from hnuiseg.inference.windows import index_of

sides = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
NOTHING = torch.zeros(2)


@given(
    shape=sides,
    window=sides,
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.75]),
    batch=st.integers(1, 5),
)
@settings(deadline=None, max_examples=150)
def test_windows_give_back_a_volume_that_knows_its_place(
    shape: tuple[int, int, int], window: tuple[int, int, int], overlap: float, batch: int
) -> None:
    """Every voxel has its own value: a constant would hide a shifted window."""
    images = torch.arange(2 * math.prod(shape), dtype=torch.float32).reshape(2, *shape) + 1
    blended = predict_windows(
        lambda windows: windows, images, window, overlap, padding=NOTHING, batch=batch
    )
    torch.testing.assert_close(blended, images, rtol=1e-5, atol=0.0)


@given(shape=sides, window=sides, overlap=st.sampled_from([0.0, 0.25, 0.5]))
@settings(deadline=None)
def test_windows_cover_the_volume_with_the_overlap_asked_for(
    shape: tuple[int, int, int], window: tuple[int, int, int], overlap: float
) -> None:
    starts = window_starts(shape, window, overlap)
    assert len(set(starts)) == len(starts)
    for axis in range(3):
        firsts = sorted({start[axis] for start in starts})
        assert firsts[0] == 0
        assert firsts[-1] + window[axis] == max(shape[axis], window[axis])
        # rounding evenly spread starts may cost one voxel, or a window of one has no overlap
        allowed = max(1, window[axis] * (1 - overlap) + 1)
        assert all(b - a <= allowed for a, b in itertools.pairwise(firsts))


def test_starts_by_hand() -> None:
    assert window_starts((6, 4, 2), (4, 4, 4)) == [(0, 0, 0), (2, 0, 0)]
    assert window_starts((1, 1, 9), (1, 1, 4)) == [(0, 0, 0), (0, 0, 2), (0, 0, 3), (0, 0, 5)]


@given(
    cells=sides, window=sides, cell=st.sampled_from([2, 4, 8]), overlap=st.sampled_from([0.25, 0.5])
)
@settings(deadline=None)
def test_windows_of_whole_cells_lie_as_windows_of_voxels_do(
    cells: tuple[int, int, int], window: tuple[int, int, int], cell: int, overlap: float
) -> None:
    """A network that pools then sees the same cells in each, also in a volume cut off mid-cell."""
    shape = index_of([n * cell - 1 for n in cells])
    found = window_starts(shape, index_of([n * cell for n in window]), overlap, cell)
    assert found == [
        (z * cell, y * cell, x * cell) for z, y, x in window_starts(cells, window, overlap)
    ]


def test_full_scale_windows_overlap_by_half() -> None:
    """The paper's window on a usual CT of 300 slices of 512 by 512."""
    starts = window_starts((300, 512, 512), (160, 224, 224))
    assert sorted({z for z, _, _ in starts}) == [0, 70, 140]
    assert sorted({x for _, _, x in starts}) == [0, 96, 192, 288]


@given(window=sides)
@settings(deadline=None)
def test_weights_are_never_zero_and_the_same_from_both_ends(window: tuple[int, int, int]) -> None:
    weight = gaussian_weight(window)
    assert weight.shape == window
    assert float(weight.min()) > 0
    assert float(weight.max()) <= 1
    torch.testing.assert_close(weight, weight.flip(0, 1, 2), rtol=0, atol=0)


def test_sigma_is_an_eighth_of_the_side() -> None:
    weight = gaussian_weight((1, 1, 17))[0, 0]
    assert float(weight[8]) == 1.0
    assert float(weight[8 + 2]) == pytest.approx(np.exp(-0.5 * (2 / (17 / 8)) ** 2), rel=1e-6)


def test_two_windows_blend_by_their_weights() -> None:
    """Windows of 4 on 6 voxels answer 0 and 1: shared voxels lean to the nearer centre."""
    answers = iter([0.0, 1.0])

    def network(windows: Tensor) -> Tensor:
        return torch.full_like(windows, next(answers))

    blended = predict_windows(network, torch.zeros(1, 1, 1, 6), (1, 1, 4), padding=NOTHING[:1])
    edge, centre = np.exp(-0.5 * 3.0**2), np.exp(-0.5 * 1.0**2)  # 1.5 and 0.5 of 0.5 voxels
    shared = edge / (edge + centre)
    expected = [0, 0, shared, 1 - shared, 1, 1]
    np.testing.assert_allclose(blended[0, 0, 0].numpy(), expected, atol=1e-6)


def test_a_small_volume_is_seen_amid_its_padding() -> None:
    seen = []

    def network(windows: Tensor) -> Tensor:
        seen.append(windows.clone())
        return windows

    images = torch.full((2, 1, 2, 4), 5.0)
    predict_windows(network, images, (1, 4, 4), padding=torch.tensor([-1.0, 0.25]))
    assert len(seen) == 1
    assert seen[0][0, 0, 0, :, 0].tolist() == [-1.0, 5.0, 5.0, -1.0]
    assert seen[0][0, 1, 0, :, 0].tolist() == [0.25, 5.0, 5.0, 0.25]


def test_progress_rises_to_one() -> None:
    heard: list[float] = []
    images = torch.zeros(1, 4, 4, 9)
    predict_windows(
        lambda w: w, images, (4, 4, 4), padding=NOTHING[:1], progress=heard.append, batch=3
    )
    assert heard == [0.75, 1.0]


@pytest.mark.parametrize("overlap", [-0.1, 1.0])
def test_an_impossible_overlap_is_refused(overlap: float) -> None:
    with pytest.raises(WrongCall, match=rf"overlap of {overlap}; allowed: 0 ≤ overlap < 1"):
        window_starts((4, 4, 4), (2, 2, 2), overlap)
