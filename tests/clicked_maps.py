"""Pairs of label maps for clicks: boxes of both classes, swaps, noise and ignored voxels."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool, UInt8

from hnuiseg.volume import Triple

Labels = UInt8[np.ndarray, "z y x"]
Pair = tuple[Labels, Labels]  # predicted, truth

SPACING: Triple = (3.27, 0.9, 1.17)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def row(text: str) -> Labels:
    """One row of voxels: `p` GTVp, `n` GTVn, `?` ignored, anything else background."""
    return np.array([[[{"p": 1, "n": 2, "?": 255}.get(c, 0) for c in text]]], dtype=np.uint8)


def _boxes(shape: tuple[int, int, int], boxes: list[tuple[int, ...]]) -> Labels:
    labels = np.zeros(shape, dtype=np.uint8)
    for z, y, x, depth, height, width, value in boxes:
        labels[z : z + depth, y : y + height, x : x + width] = value
    return labels


@st.composite
def maps(draw: st.DrawFn) -> Pair:
    """A prediction and a truth of one shape; the truth may ignore voxels, and touch the border."""
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))

    def one(values: list[int]) -> Labels:
        box = st.tuples(*[st.integers(0, 7)] * 3, *[st.integers(1, 6)] * 3, st.sampled_from(values))
        boxes = st.lists(box, max_size=5).map(lambda drawn: _boxes(shape, drawn))
        noise = hnp.arrays(np.uint8, shape, elements=st.sampled_from(values))
        return draw(st.one_of(boxes, noise))

    return one([0, 1, 2]), one([0, 1, 2, 255])


def component_at(mask: Bool[np.ndarray, "z y x"], start: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The 26-connected component of a voxel, by walking from neighbour to neighbour."""
    left = {tuple(int(i) for i in voxel) for voxel in np.argwhere(mask)}
    first = tuple(int(i) for i in start)
    reached, edge = {first}, [first]
    while edge:
        voxel = edge.pop()
        for step in np.ndindex(3, 3, 3):
            other = tuple(v + s - 1 for v, s in zip(voxel, step, strict=True))
            if other in left and other not in reached:
                reached.add(other)
                edge.append(other)
    return reached


def depth_mm(mask: Bool[np.ndarray, "z y x"], spacing: Triple, voxel: tuple[int, ...]) -> float:
    """Distance from a voxel to the nearest voxel outside the mask or the image, one by one."""
    outside = np.argwhere(~np.pad(mask, 1)) - 1
    return float(np.sqrt((((outside - np.array(voxel)) * spacing) ** 2).sum(axis=1)).min())
