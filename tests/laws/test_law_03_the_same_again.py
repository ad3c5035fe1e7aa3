"""Law 3: same input, model, seed and threads, the same bytes; other batches within 1e-5."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hnuiseg.inference import Prediction, PredictOptions, network_for, predict, predict_windows
from small_model import small_case, small_model, small_network_registered


def _predicted(seed: int, members: int = 4) -> Prediction:
    with small_network_registered():
        options = PredictOptions(members=members, seed=seed, variance=True)
        return predict(small_case(), small_model(), options)


def _bytes(found: Prediction) -> list[bytes]:
    arrays = [
        found.labels,
        found.probabilities,
        found.entropy,
        found.mutual_information,
        found.variance,
        found.votes,
    ]
    return [array.tobytes() for array in arrays if array is not None]


@given(seed=st.integers(0, 2**63))
@settings(max_examples=10, deadline=None)
def test_law_03_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    assert _bytes(_predicted(seed)) == _bytes(_predicted(seed))


def test_law_03_another_seed_gives_another_answer() -> None:
    assert _bytes(_predicted(0)) != _bytes(_predicted(1))


def test_law_03_global_random_state_is_neither_read_nor_moved() -> None:
    np.random.seed(1)
    torch.manual_seed(1)
    first = _predicted(0)
    drawn = np.random.random()
    np.random.seed(1)
    assert drawn == np.random.random()
    torch.manual_seed(2)
    assert _bytes(_predicted(0)) == _bytes(first)


@pytest.mark.parametrize("batch", [2, 3, 50])
def test_law_03_batches_change_nothing_beyond_rounding(batch: int) -> None:
    with small_network_registered():
        network = network_for(small_model(gain=1.0))

    def answer(windows: Tensor) -> Tensor:
        with torch.inference_mode():
            return torch.softmax(network(windows), dim=1)

    images = torch.from_numpy(
        np.random.default_rng(0).normal(size=(4, 9, 11, 10)).astype(np.float32)
    )
    air = torch.tensor([-1.0, 0.0, 0.0, 0.0])
    one = predict_windows(answer, images, (6, 6, 6), padding=air)
    many = predict_windows(answer, images, (6, 6, 6), padding=air, batch=batch)
    torch.testing.assert_close(many, one, atol=1e-5, rtol=0)
