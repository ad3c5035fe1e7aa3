"""A rim of what nobody knows is no invention; all else is judged as before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hnuiseg.evaluation import judged_truth
from hnuiseg.study import IGNORE

SHAPE = (6, 14, 14)
LABELS = arrays.arrays(np.uint8, SHAPE, elements=st.integers(0, 2))


@given(st.integers(0, 10_000))
def test_only_background_under_a_prediction_can_become_unknown(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels, truth = (np.zeros(SHAPE, dtype=np.uint8) for _ in range(2))
    truth[:, :, : int(generator.integers(3, 12))] = IGNORE
    for array, values in ((truth, (1, 2)), (labels, (1, 2, 1, 2))):
        for value in values:
            z, y, x = (int(generator.integers(n - 2)) for n in SHAPE)
            array[z : z + 2, y : y + 3, x : x + int(generator.integers(1, 9))] = value
    judged = judged_truth(labels, truth)
    changed = judged != truth
    assert (judged[changed] == IGNORE).all()
    assert (truth[changed] == 0).all()
    assert (labels[changed] != 0).all()
    assert np.array_equal(judged_truth(labels, judged), judged)
    for axis in range(3):
        turned = judged_truth(np.flip(labels, axis), np.flip(truth, axis))
        assert np.array_equal(np.flip(turned, axis), judged)


@given(LABELS)
def test_where_all_is_known_all_is_judged(labels: np.ndarray) -> None:
    truth = np.zeros(SHAPE, dtype=np.uint8)
    assert judged_truth(labels, truth) is truth


def _lesion(unsaid: int) -> tuple[np.ndarray, np.ndarray]:
    """Eight voxels in a row, so many of them where nobody knows; and another lesion far off."""
    labels, truth = (np.zeros((1, 12, 14), dtype=np.uint8) for _ in range(2))
    labels[0, 2, 2:10] = 2
    truth[0, 2, 2 : 2 + unsaid] = IGNORE
    labels[0, 10, 10:13] = 2
    return labels, truth


def test_a_lesion_is_unknown_from_three_quarters_on() -> None:
    for unsaid in range(1, 9):
        labels, truth = _lesion(unsaid)
        judged = judged_truth(labels, truth)
        assert (judged[0, 2, 2:10] == IGNORE).all() == (unsaid >= 6)
        assert (judged[0, 10] == 0).all(), "what lies where all is known is an invention"


def test_what_holds_a_voxel_of_a_lesion_is_judged_whole() -> None:
    for value in (1, 2):
        labels, truth = _lesion(7)
        truth[0, 2, 9] = value
        assert np.array_equal(judged_truth(labels, truth), truth)
