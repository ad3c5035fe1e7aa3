"""Lesions of the present state: 26-connected components of one class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy import ndimage

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.boxes import (
    Box,
    around,
    box_of,
    joined,
    moved,
    placed,
    shape_of,
    shared,
    start_of,
    tight,
    within,
)
from hnuiseg.interaction.clicks import TUMOURS, Index, Tumour
from hnuiseg.interaction.edits import LEAST_MM, MOST_MM, voxel
from hnuiseg.interaction.state import State
from hnuiseg.volume import Grid, Triple, components

_PER_RADIUS = 1.5  # of a lesion's equivalent radius: how far an edit at it reaches


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A set of voxels: a mask within a box of the volume."""

    box: Box
    mask: Bool[np.ndarray, "z y x"]

    @property
    def count(self) -> int:
        """Voxels."""
        return int(np.count_nonzero(self.mask))

    def on(self, box: Box) -> Bool[np.ndarray, "z y x"]:
        """Its mask in the array of another box."""
        return placed(self.mask, self.box, box)


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Every lesion of a class, numbered from 1 by falling volume, in one box."""

    box: Box
    numbers: Int[np.ndarray, "z y x"]  # 0: none
    count: int

    def at(self, index: Index) -> int:
        """The number at a voxel; 0 where there is no lesion."""
        if not all(s.start <= i < s.stop for s, i in zip(self.box, index, strict=True)):
            return 0
        return int(self.numbers[_relative(index, self.box)])

    def pieces(self) -> list[Piece]:
        """All of them, in their order."""
        found: list[Piece] = []
        if not self.count:  # find_objects looks for the largest number, and there is none
            return found
        for number, box in enumerate(ndimage.find_objects(self.numbers), start=1):
            found.append(Piece(moved(box, start_of(self.box)), self.numbers[box] == number))
        return found

    def piece(self, number: int) -> Piece:
        """One of them."""
        mask = self.numbers == number
        inner = tight(mask)
        assert inner is not None  # numbers are of voxels
        return Piece(moved(inner, start_of(self.box)), mask[inner])


def numbered(state: State, region: Tumour) -> Numbered:
    """The lesions of a class."""
    box = state.occupied
    mask = None if box is None else state.labels[box] == TUMOURS[region]
    inner = None if mask is None else tight(mask)
    if box is None or mask is None or inner is None:
        return Numbered(box_of((0, 0, 0), (0, 0, 0)), np.zeros((0, 0, 0), dtype=np.int32), 0)
    numbers, count = components(mask[inner])
    return Numbered(moved(inner, start_of(box)), numbers, count)


def lesion_at(state: State, region: Tumour, position_mm: Triple) -> Piece:
    """The lesion of a class in which a position lies; WrongCall where none does."""
    index = voxel(position_mm, state.grid)
    lesions = numbered(state, region)
    number = lesions.at(index)
    if not number:
        said = ", ".join(f"{v:.1f}" for v in position_mm)
        raise WrongCall(
            f"no {region} at ({said}) mm", f"a position in a lesion of {region}", "name one in it"
        )
    return lesions.piece(number)


def named(state: State, region: Tumour | None, position_mm: Triple | None) -> Piece:
    """The voxels of a lesion, a class, or both classes; WrongCall where there are none."""
    if region is not None and position_mm is not None:
        return lesion_at(state, region, position_mm)
    box = state.occupied or box_of((0, 0, 0), (0, 0, 0))
    labels = state.labels[box]
    mask = labels == TUMOURS[region] if region is not None else labels != 0
    inner = tight(mask)
    if inner is None:
        raise WrongCall(
            f"no voxel of {region or 'either class'}", "a class that is there", "name another"
        )
    return Piece(moved(inner, start_of(box)), mask[inner])


def reach_mm(voxels: int, voxel_ml: float) -> float:
    """How far an edit at a lesion of that size reaches: 1.5 × its equivalent radius, bounded."""
    equivalent = (3.0 * voxels * voxel_ml * 1000.0 / (4.0 * math.pi)) ** (1 / 3)
    return min(max(_PER_RADIUS * equivalent, LEAST_MM), MOST_MM)


def touched_radius(state: State, region: Tumour, index: Index) -> float:
    """Radius of the region of a click: from the lesion at it, or the nearest in whose reach it is.

    The smallest radius where it touches none.
    """
    grid, lesions = state.grid, numbered(state, region)
    if not lesions.count:
        return LEAST_MM
    sizes = np.bincount(lesions.numbers.ravel(), minlength=lesions.count + 1)
    number = lesions.at(index)
    if number:
        return reach_mm(int(sizes[number]), grid.voxel_ml)
    near = shared(around(index, reach_voxels(grid, MOST_MM), grid.shape), lesions.box)
    if near is None:
        return LEAST_MM
    numbers = lesions.numbers[within(near, lesions.box)]
    places = np.argwhere(numbers)
    if not places.size:
        return LEAST_MM
    steps = (places + start_of(near) - np.asarray(index)) * np.asarray(grid.spacing)
    distance = np.sqrt((steps**2).sum(axis=1))
    whose = numbers[tuple(places.T)]
    reach = np.array([reach_mm(int(voxels), grid.voxel_ml) for voxels in sizes])[whose]
    distance[distance > reach] = np.inf
    nearest = int(distance.argmin())
    return float(reach[nearest]) if math.isfinite(distance[nearest]) else LEAST_MM


def reach_voxels(grid: Grid, radius_mm: float) -> tuple[int, int, int]:
    """Voxels along each axis within a radius."""
    z, y, x = (math.floor(radius_mm / s + 1e-9) for s in grid.spacing)
    return z, y, x


def ball(grid: Grid, index: Index, radii_mm: Triple) -> Piece:
    """Voxels within an ellipsoid round one, clipped to the image; radii along the array's axes."""
    reach = [math.floor(r / s + 1e-9) for r, s in zip(radii_mm, grid.spacing, strict=True)]
    box = around(index, reach, grid.shape)
    distance = np.zeros(shape_of(box))
    for axis, (side, radius) in enumerate(zip(box, radii_mm, strict=True)):
        steps = (np.arange(side.start, side.stop) - index[axis]) * grid.spacing[axis] / radius
        along = [1, 1, 1]
        along[axis] = -1
        distance = distance + (steps**2).reshape(along)
    return Piece(box, distance <= 1.0 + 1e-9)


def balls(grid: Grid, places: Sequence[Index], radius_mm: float) -> Piece:
    """Voxels within a radius of any of the places; one mask for all, however many there are."""
    reach = reach_voxels(grid, radius_mm)
    box = around(places[0], reach, grid.shape)
    for place in places[1:]:
        box = joined(box, around(place, reach, grid.shape))
    mask = np.zeros(shape_of(box), dtype=bool)
    for place in places:
        one = ball(grid, place, (radius_mm, radius_mm, radius_mm))
        mask[within(one.box, box)] |= one.mask
    return Piece(box, mask)


def union(pieces: Sequence[Piece]) -> Piece:
    """All voxels of several."""
    box = pieces[0].box
    for piece in pieces[1:]:
        box = joined(box, piece.box)
    mask = np.zeros(shape_of(box), dtype=bool)
    for piece in pieces:
        mask[within(piece.box, box)] |= piece.mask
    return Piece(box, mask)


def _relative(index: Index, box: Box) -> Index:
    z, y, x = (i - s.start for i, s in zip(index, box, strict=True))
    return z, y, x
