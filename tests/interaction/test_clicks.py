"""The prompt encoding: balls of one size, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float

from clicked_maps import Pair, maps, rng
from hnuiseg.interaction import (
    RADIUS_VOXELS,
    Click,
    Tumour,
    correction_clicks,
    prompts,
    stage_one_clicks,
)

Shape = tuple[int, int, int]

shapes = st.tuples(*[st.integers(1, 11)] * 3)
clicks_anywhere = st.lists(
    st.builds(
        Click,
        region=st.sampled_from(["GTVp", "GTVn"]),
        positive=st.booleans(),
        index=st.tuples(*[st.integers(-8, 18)] * 3),
    ),
    max_size=5,
)


def _by_definition(shape: Shape, clicks: list[Click]) -> Float[np.ndarray, "2 z y x"]:
    channels = np.zeros((2, *shape), dtype=np.float32)
    for click in clicks:
        for voxel in np.ndindex(*shape):
            if sum((v - c) ** 2 for v, c in zip(voxel, click.index, strict=True)) <= 9:
                channel = 0 if click.region == "GTVp" else 1
                channels[channel][voxel] = 1.0 if click.positive else -1.0
    return channels


@given(shape=shapes, clicks=clicks_anywhere)
def test_every_voxel_is_as_defined(shape: Shape, clicks: list[Click]) -> None:
    """Borders, centres outside, overlaps and their order, all by the definition."""
    drawn = prompts(shape, clicks)
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, _by_definition(shape, clicks))


def test_a_ball_has_123_voxels() -> None:
    drawn = prompts((9, 8, 7), [Click("GTVn", True, (4, 4, 3))])
    assert RADIUS_VOXELS["ball"] == 3
    assert np.count_nonzero(drawn) == 123  # integer points within radius 3
    assert np.count_nonzero(drawn[0]) == 0


def test_no_click_is_exactly_zero() -> None:
    drawn = prompts((3, 4, 5), [])
    assert drawn.shape == (2, 3, 4, 5)
    assert drawn.tobytes() == bytes(drawn.nbytes)  # no negative zero either


@pytest.mark.parametrize("last", [True, False])
def test_the_later_of_two_clicks_on_one_voxel_counts(last: bool) -> None:
    pair = [Click("GTVp", not last, (2, 2, 2)), Click("GTVp", last, (2, 2, 2))]
    np.testing.assert_array_equal(prompts((5, 5, 5), pair), prompts((5, 5, 5), pair[1:]))


@pytest.mark.parametrize("region", ["GTVp", "GTVn"])
@pytest.mark.parametrize("far", [(-50, 2, 2), (2, 54, 2), (2, 2, -4), (2, 2, 9)])
def test_a_ball_wholly_outside_leaves_no_trace(region: Tumour, far: Shape) -> None:
    assert not prompts((5, 6, 6), [Click(region, True, far)]).any()


@given(pair=maps(), seed=st.integers(0, 99))
def test_law_11_a_prompt_never_leaks_truth_beyond_its_ball(pair: Pair, seed: int) -> None:
    """Whoever knows the clicks knows the prompts: the truth has no other way in."""
    predicted, truth = pair
    for clicks in (
        stage_one_clicks(truth, rng(seed)),
        correction_clicks(predicted, truth, rng(seed)),
    ):
        drawn = prompts(truth.shape, clicks)
        np.testing.assert_array_equal(drawn, _by_definition(truth.shape, list(clicks)))
        for channel, region in enumerate(("GTVp", "GTVn")):
            own = [click.index for click in clicks if click.region == region]
            for voxel in np.argwhere(drawn[channel]):
                assert any(((voxel - np.array(c)) ** 2).sum() <= 9 for c in own)


def test_law_11_two_truths_with_the_same_centres_give_the_same_prompts() -> None:
    """A lesion of one voxel and one that shares only its centre look alike to the network."""
    small = np.zeros((9, 10, 11), dtype=np.uint8)
    small[4, 5, 6] = 2
    large = small.copy()
    large[3:6, 3:8, 2:9] = 2
    centre = [Click("GTVn", True, (4, 5, 6))]
    assert stage_one_clicks(small, rng())[-1] == centre[0]
    np.testing.assert_array_equal(prompts(small.shape, centre), prompts(large.shape, centre))
    beyond = prompts(small.shape, centre)[1] != 0
    assert (beyond & (small != 2)).any()  # the ball isn't cut to the label
