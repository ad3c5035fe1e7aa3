"""Where clicks disagree, the nearer one decides: what an earlier one said isn't overturned."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from hnuiseg.interaction.boxes import Box, shape_of, start_of
from hnuiseg.interaction.clicks import TUMOURS, Click, Index
from hnuiseg.interaction.region import Region
from hnuiseg.volume import Triple


def overturned(
    clicks: Iterable[Click],
    before: UInt8[np.ndarray, "z y x"],
    box: Box,
    after: UInt8[np.ndarray, "a b c"],
) -> tuple[Click, ...]:
    """Clicks within a box that are true of the image's labels, and no longer of the box's new."""
    inside = [click for click in clicks if _holds(box, click.index)]
    return tuple(
        click
        for click in inside
        if _true(click, before[click.index]) and not _true(click, after[_from(box, click.index)])
    )


def nearer_part(
    region: Region, at: Sequence[Index], others: Sequence[Index], spacing: Triple
) -> Region:
    """What of a region lies as near to one of `at` as to any of `others`, or nearer (mm)."""
    near = _squared(region.box, at, spacing) <= _squared(region.box, others, spacing)
    return Region(region.box, region.mask & near, region.radius_mm)


def _true(click: Click, label: int) -> bool:
    return bool(label == TUMOURS[click.region]) == click.positive


def _holds(box: Box, index: Index) -> bool:
    return all(side.start <= i < side.stop for side, i in zip(box, index, strict=True))


def _from(box: Box, index: Index) -> Index:
    z, y, x = (i - start for i, start in zip(index, start_of(box), strict=True))
    return z, y, x


def _squared(box: Box, places: Sequence[Index], spacing: Triple) -> Float[np.ndarray, "z y x"]:
    """Squared distances in mm to the nearest place."""
    nearest: Float[np.ndarray, "z y x"] = np.full(shape_of(box), np.inf)
    for place in places:
        z, y, x = (
            ((np.arange(side.start, side.stop) - i) * mm) ** 2
            for side, i, mm in zip(box, place, spacing, strict=True)
        )
        np.minimum(nearest, z[:, None, None] + y[:, None] + x, out=nearest)
    return nearest
