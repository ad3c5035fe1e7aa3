"""The way back to the CT."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hnuiseg.inference import likeliest

FEW = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.75, 1.0])  # many ties


@given(arrays(np.float32, (3, 2, 3, 4), elements=FEW))
def test_the_likeliest_class_is_the_first_of_the_greatest(probabilities: np.ndarray) -> None:
    np.testing.assert_array_equal(likeliest(probabilities), probabilities.argmax(axis=0))


def test_where_nobody_voted_nothing_is_drawn() -> None:
    assert not likeliest(np.full((3, 1, 1, 2), np.nan, dtype=np.float32)).any()
