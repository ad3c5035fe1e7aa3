"""An answer that moves the right way, made as strong as the click needs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.interaction import Answer, Canvas, Start
from hnuiseg.interaction.boxes import whole
from hnuiseg.interaction.strengthen import MOST, strengthened
from hnuiseg.volume import Grid

SHAPE = (3, 4, 5)
AT = (1, 2, 3)


def _random(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).dirichlet((1, 1, 1), SHAPE)
    return np.ascontiguousarray(np.moveaxis(drawn, -1, 0)).astype(np.float32)


def _start(probabilities: np.ndarray) -> Start:
    labels = probabilities.argmax(0).astype(np.uint8)
    entropy = -(probabilities * np.log(probabilities)).sum(0)
    return Start(
        "automatic", labels, probabilities, entropy, None, None, Grid.axial(SHAPE, (1.0, 1.0, 1.0))
    )


def _answer(probabilities: np.ndarray) -> Answer:
    entropy = -(probabilities * np.log(probabilities)).sum(0)
    votes = np.ones(SHAPE, dtype=np.int16)
    return Answer(whole(SHAPE), probabilities, entropy, entropy / 2, votes)


@given(st.integers(0, 10**6), st.sampled_from((1, 2)), st.booleans())
def test_it_says_what_was_clicked_or_is_as_it_was(seed: int, value: int, positive: bool) -> None:
    before, after = _random(seed), _random(seed + 1)
    state = Canvas(_start(before)).state
    answer = _answer(after)
    found = strengthened(state, answer, value, positive=positive, at=(AT,))
    if found is answer:
        return
    assert (state.labels[AT] == value) != positive, "what is true already needs no strength"
    assert (answer.labels()[AT] == value) != positive, "what is strong enough stays"
    assert (found.labels()[AT] == value) == positive
    np.testing.assert_allclose(found.probabilities.sum(0), 1.0, atol=1e-5)
    assert found.mutual_information is not None
    assert (found.mutual_information <= found.entropy).all()
    # along the line from before to after, in logits: the same number of times everywhere
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(p[1:]) - np.log(p[0]) for p in (before, after, found.probabilities)]
        times = (logs[2] - logs[0]) / (logs[1] - logs[0])
    firm = (np.abs(logs[1] - logs[0]) > 0.5) & (found.probabilities > 1e-3).all(0)
    if firm.any():
        assert 1.0 < times[firm].mean() <= MOST
        np.testing.assert_allclose(times[firm], times[firm].mean(), rtol=0.02)


@pytest.mark.parametrize(("after", "found"), [(0.55, 0), (0.501, 0), (0.598, 1), (0.7, 1)])
def test_half_a_step_of_the_right_kind_is_made_whole(after: float, found: int) -> None:
    """GTVp of 0.6 throughout, and a negative click."""

    def everywhere(tumour: float) -> np.ndarray:
        values = np.array([1 - tumour - 0.001, tumour, 0.001], dtype=np.float32)
        return np.broadcast_to(values[:, None, None, None], (3, *SHAPE)).copy()

    state = Canvas(_start(everywhere(0.6))).state
    answer = strengthened(state, _answer(everywhere(after)), 1, positive=False, at=(AT,))
    assert (answer.labels() == found).all()


def test_a_contour_from_elsewhere_is_not_argued_away() -> None:
    """The network is sure of the lesion, if less than whoever drew it."""
    labels = np.ones(SHAPE, dtype=np.uint8)
    state = Canvas(Start.from_array(labels, Grid.axial(SHAPE, (1.0, 1.0, 1.0)), {})).state
    said = np.full((3, *SHAPE), 0.1, dtype=np.float32)
    said[1] = 0.8
    answer = _answer(said)
    assert strengthened(state, answer, 1, positive=False, at=(AT,)) is answer
