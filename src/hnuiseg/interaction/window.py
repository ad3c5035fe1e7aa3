"""The window through which a network looks at an edit: where it begins, and when it grows.

It lies on the working grid in multiples of the network's cell. It holds region R and what sways an
answer there; where the change that was clicked at reaches a face of the window behind which there
is more patient, it grows by half and the network is asked again.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from hnuiseg.interaction.boxes import Box, box_of, shape_of
from hnuiseg.interaction.clicks import Click, Index
from hnuiseg.models import ModelSettings

if TYPE_CHECKING:
    from hnuiseg.inference.engine import Engine

_CONTEXT = 16  # voxels round region R: what sways a network's answer lies nearer (inference.passes)
_GROWTH = 0.5  # of the window's side, all in all
_RIM = 1  # voxels from a face that count as at it


Seen = TypeVar("Seen")  # whatever a look brings


@dataclass(frozen=True, slots=True)
class Windows:
    """Which windows one network may have on one patient; voxels of the working grid, z, y, x."""

    shape: Index  # of the patient
    cell: int  # sides are multiples of it, but at the patient's far faces
    own: Index | None = None  # the size of a network that answers by windows of one size

    def first(self, low: Sequence[int], high: Sequence[int]) -> Box:
        """What holds the box from `low` up to, but not with, `high`, with its context.

        Empty where the box lies beside the patient.
        """
        context = 0 if self.own else _CONTEXT  # one of its own size has no less around
        start, stop = np.asarray(low) - context, np.asarray(high) + context
        missing = np.maximum(0, np.asarray(self.own or (0, 0, 0)) - (stop - start))
        return self._in_cells(start - missing // 2, stop + (missing + 1) // 2)

    def grown(self, window: Box) -> Box:
        """Half as large again, as far as the patient goes; the same where it holds all of it."""
        more = [max(1, round(_GROWTH / 2 * n)) for n in shape_of(window)]
        low = np.array([s.start - m for s, m in zip(window, more, strict=True)])
        high = np.array([s.stop + m for s, m in zip(window, more, strict=True)])
        return self._in_cells(low, high)

    def looked(
        self,
        window: Box,
        asked: Sequence[Index],
        look: Callable[[Box], tuple[Seen, Bool[np.ndarray, "z y x"]]],
    ) -> tuple[Box, Seen, int]:
        """The last window, what was seen in it, and how often it grew.

        `look` answers for a window, and says which of its voxels would change; `asked` are the
        voxels that were clicked.
        """
        grew = 0
        while True:
            seen, changed = look(window)
            larger = self.grown(window)
            if larger == window or not self._reaches(window, changed, asked):
                return window, seen, grew
            window, grew = larger, grew + 1

    def _reaches(
        self, window: Box, changed: Bool[np.ndarray, "z y x"], asked: Sequence[Index]
    ) -> bool:
        """Whether the change at a clicked voxel comes to a face with more patient behind it."""
        numbers, count = ndimage.label(changed, structure=np.ones((3, 3, 3), dtype=bool))
        if not count:
            return False
        wanted = {
            int(numbers[_from_its_start(at, window)]) for at in asked if _holds(window, at)
        } - {0}
        found = np.isin(numbers, list(wanted))
        for axis, (side, limit) in enumerate(zip(window, self.shape, strict=True)):
            planes = np.moveaxis(found, axis, 0)
            if side.start > 0 and planes[:_RIM].any():
                return True
            if side.stop < limit and planes[-_RIM:].any():
                return True
        return False

    def _in_cells(self, low: np.ndarray, high: np.ndarray) -> Box:
        shape = np.asarray(self.shape)
        first = np.clip(np.floor(low / self.cell).astype(int) * self.cell, 0, shape)
        last = np.clip(np.ceil(high / self.cell).astype(int) * self.cell, 0, shape)
        return box_of([int(v) for v in first], [int(v) for v in np.maximum(first, last)])


def clicks_in(window: Box, clicks: Iterable[Click]) -> tuple[Click, ...]:
    """The clicks within a window, at its own voxels."""
    return tuple(
        replace(click, index=_from_its_start(click.index, window))
        for click in clicks
        if _holds(window, click.index)
    )


def _holds(window: Box, at: Index) -> bool:
    return all(s.start <= i < s.stop for i, s in zip(at, window, strict=True))


def _from_its_start(at: Index, window: Box) -> Index:
    z, y, x = (i - s.start for i, s in zip(at, window, strict=True))
    return z, y, x


def windows_of(engine: "Engine", settings: ModelSettings, shape: Index) -> Windows:
    """The windows of a loaded model on a patient of that shape."""
    cell = math.gcd(engine.cell, *settings.window)
    return Windows(shape, cell, settings.window if engine.by_window else None)
