"""Lesions: 26-connected, by falling volume."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.volume import components


def test_voxels_that_touch_at_a_corner_are_one_lesion() -> None:
    mask = np.zeros((2, 2, 2), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    labels, count = components(mask)
    assert count == 1
    assert labels[0, 0, 0] == labels[1, 1, 1] == 1


def test_the_largest_comes_first() -> None:
    mask = np.zeros((1, 1, 9), dtype=bool)
    mask[0, 0, [0, 2, 3, 5, 6, 7]] = True
    labels, count = components(mask)
    assert count == 3
    np.testing.assert_array_equal(labels[0, 0], [3, 0, 2, 2, 0, 1, 1, 1, 0])


def test_nothing_has_no_lesions() -> None:
    labels, count = components(np.zeros((2, 3, 4), dtype=bool))
    assert count == 0
    assert not labels.any()


@given(
    mask=hnp.arrays(
        bool, st.tuples(*[st.integers(1, 9)] * 3), elements=st.sampled_from([False, False, True])
    )
)
@settings(max_examples=200)
def test_numbers_follow_volume_then_the_first_voxel_whatever_the_shape(
    mask: Bool[np.ndarray, "z y x"],
) -> None:
    labels, count = components(mask)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels > 0, mask)
    assert count == ndimage.label(mask, np.ones((3, 3, 3)))[1]
    flat = labels.ravel()
    keys = [(-int((flat == n).sum()), int(np.argmax(flat == n))) for n in range(1, count + 1)]
    assert keys == sorted(keys)
