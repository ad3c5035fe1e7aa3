"""From a label map to regions: by class and by lesion."""

from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from jaxtyping import Integer

from hnuiseg.dicom import Structure, label_structures
from hnuiseg.errors import OutputFailed, WrongCall
from hnuiseg.volume import Grid, components
from pretend import FRAME, reference, structures_file

CLASSES = {1: ("GTVp", (220, 50, 32)), 2: ("GTVn", (0, 150, 190))}
Labels = Integer[np.ndarray, "z y x"]
label_maps = arrays(
    np.uint8,
    array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
    elements=st.integers(0, 2),
)


def whole(structure: Structure, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    start = structure.offset_zyx or (0, 0, 0)
    box = tuple(slice(s, s + n) for s, n in zip(start, structure.mask.shape, strict=True))
    mask[box] = structure.mask
    return mask


@given(label_maps)
def test_regions_by_class_are_the_classes(labels: Labels) -> None:
    found = {s.number: whole(s, labels.shape) for s in label_structures(labels, CLASSES)}
    assert set(found) == set(np.unique(labels)) - {0}
    for value, mask in found.items():
        assert np.array_equal(mask, labels == value)


@given(label_maps)
def test_regions_by_lesion_are_the_components(labels: Labels) -> None:
    """GTVn2 is the second largest lesion of its class, as in result.json."""
    found = label_structures(labels, CLASSES, "lesion")
    assert [s.number for s in found] == list(range(1, len(found) + 1))
    by_name = {s.name: whole(s, labels.shape) for s in found}
    assert len(by_name) == len(found)
    for value, (name, _) in CLASSES.items():
        numbered, count = components(labels == value)
        assert [n for n in by_name if n.startswith(name)] == [
            f"{name}{k}" for k in range(1, count + 1)
        ]
        for k in range(1, count + 1):
            assert np.array_equal(by_name[f"{name}{k}"], numbered == k)


def test_other_regions_are_a_wrong_call() -> None:
    wrong: Any = "organ"
    with pytest.raises(WrongCall, match="class or lesion"):
        label_structures(np.ones((1, 1, 1), dtype=np.uint8), CLASSES, wrong)


def test_a_file_with_a_region_a_lesion() -> None:
    labels = np.zeros((3, 9, 9), dtype=np.uint8)
    labels[1, 1:4, 1:4] = 2
    labels[1, 6, 6] = 2
    labels[2, 7:9, 0:2] = 1
    grid = Grid.axial(labels.shape, (3.0, 1.0, 1.0), (-10.0, 5.0, 7.0), FRAME)
    found = label_structures(labels, CLASSES, "lesion")
    dataset = pydicom.dcmread(BytesIO(structures_file(grid, reference(grid), *found)))
    assert [r.ROIName for r in dataset.StructureSetROISequence] == ["GTVp1", "GTVn1", "GTVn2"]
    assert [r.ROINumber for r in dataset.StructureSetROISequence] == [1, 2, 3]


@pytest.mark.parametrize("offset", [(0, 0, 1), (-1, 0, 0), (2, 0, 0)])
def test_a_box_beyond_the_grid_is_not_written(offset: tuple[int, int, int]) -> None:
    grid = Grid.axial((3, 4, 5), (3.0, 1.0, 1.0), frame_of_reference=FRAME)
    box = Structure("GTVp", 1, np.ones((2, 4, 5), dtype=bool), (1, 2, 3), offset_zyx=offset)
    with pytest.raises(OutputFailed, match="masks of"):
        structures_file(grid, reference(grid), box)
