"""Masks that hypothesis makes: anisotropic spacing, anything from empty to full."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool

from hnuiseg.volume import Triple

Pair = tuple[Bool[np.ndarray, "z y x"], Bool[np.ndarray, "z y x"]]

spacings: st.SearchStrategy[Triple] = st.tuples(
    *[st.sampled_from([0.61, 0.9765625, 1.17, 1.5, 3.27])] * 3
)


def _blobs(shape: tuple[int, int, int], boxes: list[list[int]]) -> Bool[np.ndarray, "z y x"]:
    mask = np.zeros(shape, dtype=bool)
    for z, y, x, depth, height, width, filled in boxes:
        mask[z : z + depth, y : y + height, x : x + width] = bool(filled)
    return mask


@st.composite
def pairs(draw: st.DrawFn, empty: bool = True) -> Pair:
    """Two masks of one shape: boxes added and cut out, or noise; also at the border."""
    shape = draw(st.tuples(*[st.integers(2, 8)] * 3))
    box = st.tuples(*[st.integers(0, 6)] * 3, *[st.integers(1, 6)] * 3, st.integers(0, 1))
    blobs = st.lists(box, max_size=4).map(lambda boxes: _blobs(shape, [list(b) for b in boxes]))
    noise = hnp.arrays(np.bool_, shape)
    first, second = (draw(st.one_of(blobs, noise)) for _ in range(2))
    if not empty:
        first, second = first.copy(), second.copy()
        first[draw(st.tuples(*[st.integers(0, n - 1) for n in shape]))] = True
        second[draw(st.tuples(*[st.integers(0, n - 1) for n in shape]))] = True
    return first, second
