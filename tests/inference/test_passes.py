"""Without --exact: larger windows where a network allows them, and the same answer."""

import math
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hnuiseg.inference import Prediction, PredictOptions, passes, predict
from hnuiseg.inference.passes import large_window
from hnuiseg.models import ModelFile
from small_model import SmallNetwork, small_case, small_model, small_network_registered

SHAPE = (30, 34, 38)
DOUBT = ("probabilities", "entropy", "mutual_information", "variance")


def _found(model: ModelFile, *, exact: bool) -> Prediction:
    with small_network_registered():
        options = PredictOptions(6, variance=True, precision="float32", exact=exact)
        return predict(small_case(SHAPE), model, options)


@pytest.mark.parametrize("most", [2**22, 24**3])
def test_larger_windows_give_the_exact_answer_where_only_neighbours_count(most: int) -> None:
    """But at a window's faces, which weigh under a thousandth of its middle."""
    model = small_model(gain=1.5, window=(16, 16, 16))
    with mock.patch.multiple(passes, _MOST_AT_ONCE=most, _SEAM=10):
        quick = _found(model, exact=False)
    exact = _found(model, exact=True)
    assert quick.settings["window (z, y, x; voxels)"] != exact.settings["window (z, y, x; voxels)"]
    np.testing.assert_array_equal(quick.votes, exact.votes)
    for name in DOUBT:
        np.testing.assert_allclose(getattr(quick, name), getattr(exact, name), atol=5e-3)
    assert float((quick.labels == exact.labels).mean()) > 0.99


class _ByWindow(SmallNetwork):
    """The answer depends on all of the window."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(self.first, nn.GroupNorm(6, 6, affine=False))  # type: ignore[assignment]


def test_a_network_that_normalises_by_window_keeps_its_own() -> None:
    model = small_model(window=(16, 16, 16))
    weights = {name.replace("first.", "first.0."): w for name, w in model.weights.items()}
    with mock.patch("small_model.SmallNetwork", _ByWindow):
        quick, exact = (_found(replace(model, weights=weights), exact=e) for e in (False, True))
    for name in DOUBT:
        np.testing.assert_array_equal(getattr(quick, name), getattr(exact, name))


@given(
    shape=st.tuples(*[st.integers(1, 700)] * 3),
    cell=st.sampled_from([1, 8, 16]),
    most=st.sampled_from([2**18, 2**22]),
)
@settings(deadline=None)
def test_a_large_window_holds_the_volume_or_as_much_as_memory_allows(
    shape: tuple[int, int, int], cell: int, most: int
) -> None:
    with mock.patch.object(passes, "_MOST_AT_ONCE", most):
        window = large_window(shape, cell)
    whole = [math.ceil(n / cell) * cell for n in shape]
    assert all(side % cell == 0 and side <= n for side, n in zip(window, whole, strict=True))
    assert math.prod(window) <= most
    if math.prod(whole) <= most:
        assert list(window) == whole
    else:  # not much less than allowed, or there would be more seams than needed
        assert math.prod(window) > most / 4


def test_threads_are_as_asked_and_put_back() -> None:
    before = torch.get_num_threads()
    with small_network_registered():
        found = predict(small_case(), small_model(), PredictOptions(1, threads=1))
    assert found.settings["torch threads"] == "1"
    assert torch.get_num_threads() == before
