"""Law 4: 0 ≤ mutual information ≤ entropy ≤ ln 3; sums to 1; fewer than two votes, marked."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hnuiseg.inference import PredictOptions, predict
from small_model import small_case, small_model, small_network_registered

LN_3 = math.log(3)


@given(
    seed=st.integers(0, 2**31),
    members=st.integers(1, 7),
    gain=st.sampled_from([0.0, 0.3, 3.0, 100.0]),
    rate=st.sampled_from([0.0, 0.05, 0.5]),
    spacing=st.sampled_from([None, (2.0, 2.0, 3.0), (4.0, 0.7, 1.1)]),
    pet=st.booleans(),
    exact=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_law_04_doubt_is_honest_in_every_voxel(
    seed: int,
    members: int,
    gain: float,
    rate: float,
    spacing: tuple[float, float, float] | None,
    pet: bool,
    exact: bool,
) -> None:
    """From a network that knows nothing (gain 0) to one that is always sure."""
    model = small_model(seed=seed % 7, gain=gain, rate=rate, working_spacing=spacing)
    with small_network_registered():
        options = PredictOptions(members=members, seed=seed, variance=True, exact=exact)
        found = predict(small_case(seed=seed % 5, pet=pet), model, options)
    assert found.mutual_information is not None
    assert found.variance is not None
    assert found.votes is not None

    assert float(found.probabilities.min()) >= 0
    assert float(np.abs(found.probabilities.sum(axis=0) - 1).max()) <= 1e-5
    np.testing.assert_array_equal(found.labels, found.probabilities.argmax(axis=0))

    entropy = found.entropy.astype(np.float64)
    assert bool(((entropy >= 0) & (entropy <= LN_3)).all())

    assert int(found.votes.min()) >= 1  # member 0 never moves
    assert int(found.votes.max()) <= members
    sampled = found.votes >= 2
    np.testing.assert_array_equal(np.isnan(found.mutual_information), ~sampled)
    np.testing.assert_array_equal(np.isnan(found.variance), np.stack([~sampled] * 3))
    shared = found.mutual_information[sampled].astype(np.float64)
    assert bool(((shared >= 0) & (shared <= entropy[sampled])).all())
    spread = found.variance[:, sampled]
    assert bool(((spread >= 0) & (spread <= 0.25 + 1e-6)).all())


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_law_04_entropy_is_that_of_the_probability_shown(seed: int) -> None:
    """On the CT's grid too, after a change of spacing."""
    with small_network_registered():
        model = small_model(working_spacing=(2.0, 2.0, 3.0))
        found = predict(small_case(), model, PredictOptions(members=3, seed=seed, exact=True))
    shown = found.probabilities.astype(np.float64)
    logs = np.log(np.where(shown > 0, shown, 1.0))
    np.testing.assert_allclose(found.entropy, -(shown * logs).sum(axis=0), atol=1e-5)
