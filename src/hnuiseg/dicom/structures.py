"""Regions of interest, and how a label map becomes some."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Integer
from scipy import ndimage

from hnuiseg.errors import WrongCall
from hnuiseg.volume import components

Rois = Literal["class", "lesion"]
ROIS: tuple[Rois, ...] = ("class", "lesion")
Colour = tuple[int, int, int]  # RGB, 0 to 255


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One region of interest."""

    name: str  # GTVp, GTVn, GTVn2; at most 16 characters (AAPM TG-263)
    number: int  # unique within the object
    mask: Bool[np.ndarray, "z y x"]
    colour: Colour
    interpreted_type: str = "GTV"  # (3006,00A4)
    algorithm: Literal["AUTOMATIC", "SEMIAUTOMATIC"] = "AUTOMATIC"
    offset_zyx: tuple[int, int, int] | None = None  # None: the mask is as large as the grid

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the mask lies within a grid of this shape, or is as large as it."""
        if self.offset_zyx is None:
            return self.mask.shape == shape
        boxes = zip(self.offset_zyx, self.mask.shape, shape, strict=True)
        return all(start >= 0 and start + size <= whole for start, size, whole in boxes)

    def trimmed(self) -> "Structure | None":
        """The smallest box that holds every voxel, with its offset; None without a voxel."""
        found = _box(self.mask)
        if found is None:
            return None
        z, y, x = self.offset_zyx or (0, 0, 0)
        box_z, box_y, box_x = found
        return Structure(
            self.name,
            self.number,
            self.mask[found],
            self.colour,
            self.interpreted_type,
            self.algorithm,
            (z + box_z.start, y + box_y.start, x + box_x.start),
        )


def label_structures(
    labels: Integer[np.ndarray, "z y x"],
    classes: Mapping[int, tuple[str, Colour]],
    rois: Rois = "class",
    *,
    algorithm: Literal["AUTOMATIC", "SEMIAUTOMATIC"] = "AUTOMATIC",
) -> tuple[Structure, ...]:
    """What is to be contoured of a label map; empty classes give nothing.

    `classes` maps a label to the name and colour of its region. "class" makes one region for
    each class, numbered by its label. "lesion" makes one for each 26-connected component:
    GTVn1, GTVn2, ... by falling volume, as in result.json, and as AAPM TG-263 numbers targets
    that lie apart. Raises WrongCall for other `rois`.
    """
    if rois not in ROIS:
        raise WrongCall(f"regions by {rois!r}", " or ".join(ROIS), "ask for one of them")
    parts = _by_class(labels, classes) if rois == "class" else _by_lesion(labels, classes)
    return tuple(
        Structure(name, number, mask, colour, algorithm=algorithm, offset_zyx=offset)
        for name, number, mask, colour, offset in parts
    )


_Part = tuple[str, int, Bool[np.ndarray, "z y x"], Colour, tuple[int, int, int]]


def _by_class(
    labels: Integer[np.ndarray, "z y x"], classes: Mapping[int, tuple[str, Colour]]
) -> Iterator[_Part]:
    for value, (name, colour) in classes.items():
        mask = labels == value
        box = _box(mask)
        if box is not None:
            yield name, value, mask[box], colour, _start(box)


def _by_lesion(
    labels: Integer[np.ndarray, "z y x"], classes: Mapping[int, tuple[str, Colour]]
) -> Iterator[_Part]:
    count = 0
    for name, _, mask, colour, offset in _by_class(labels, classes):
        numbered, _ = components(mask)
        boxes = ndimage.find_objects(numbered)
        for number, box in enumerate(boxes, start=1):
            count += 1
            start = _start(box)
            at = offset[0] + start[0], offset[1] + start[1], offset[2] + start[2]
            yield f"{name}{number}", count, numbered[box] == number, colour, at


def _start(box: tuple[slice, ...]) -> tuple[int, int, int]:
    z, y, x = box
    return z.start, y.start, x.start


def _box(mask: Bool[np.ndarray, "z y x"]) -> tuple[slice, slice, slice] | None:
    """Slice by slice: most of a scan is empty, and that is seen fastest so."""
    planes = [k for k in range(len(mask)) if mask[k].any()]
    if not planes:
        return None
    z = slice(planes[0], planes[-1] + 1)
    part = mask[z]
    rows = np.flatnonzero(part.any(axis=(0, 2)))
    columns = np.flatnonzero(part.any(axis=(0, 1)))
    return z, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
