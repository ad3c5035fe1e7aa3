"""One edit with the voxels that it set, compressed without loss: a layer over what lies below.

Floats are stored byte plane by byte plane, because neighbours share sign and exponent: what the
user said shrinks to next to nothing, a network's answer to about half.
"""

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from hnuiseg.interaction.boxes import Box, box_of, shape_of, tight
from hnuiseg.interaction.edits import Edit
from hnuiseg.interaction.state import Values

Mark = Literal["", "lock", "unlock", "accept"]
_LEVEL = 1  # zlib: 3 times faster than 6 on float maps, and hardly larger
_FLOATS = 5  # probabilities of three classes, entropy, mutual information


@dataclass(frozen=True, slots=True)
class Report:
    """What an edit did, in ml; with the network's window and what it left alone."""

    changed_ml: float = 0.0  # voxels whose label is another one now
    moved_ml: float = 0.0  # of these: from one tumour class to the other
    forced: bool = False  # the network didn't agree: the click's own ball was set
    outside_ml: float = 0.0  # would have changed beyond region R without the guarantee
    radius_mm: float | None = None  # of region R; None where R is no ball
    zoomed_out: int = 0  # how often the network's window grew
    members: int = 0  # stochastic members that were asked; 0: none, 1: one pass without chance


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An edit, the box and voxels that it set, and what they have since; immutable."""

    edit_id: int
    edit: Edit
    report: Report
    box: Box
    packed_mask: bytes
    packed_values: bytes | None  # None: it only marks its voxels
    count: int  # voxels
    mark: Mark = ""

    @classmethod
    def of(
        cls,
        edit_id: int,
        edit: Edit,
        report: Report,
        box: Box,
        mask: Bool[np.ndarray, "z y x"],
        values: Values | None,
        mark: Mark = "",
    ) -> "Layer":
        """Compressed from a mask within its box and the values of its voxels in C order."""
        inner = tight(mask)
        if inner is None:
            start = [s.start for s in box]
            box, mask = box_of(start, start), np.zeros((0, 0, 0), dtype=bool)
        else:
            mask = mask[inner]
            low = [s.start + i.start for s, i in zip(box, inner, strict=True)]
            box = box_of(low, [a + n for a, n in zip(low, mask.shape, strict=True)])
        return cls(
            edit_id,
            edit,
            report,
            box,
            zlib.compress(np.packbits(mask).tobytes(), _LEVEL),
            None if values is None else _packed(values),
            int(np.count_nonzero(mask)),
            mark,
        )

    def mask(self) -> Bool[np.ndarray, "z y x"]:
        """Which voxels of its box it set."""
        shape = shape_of(self.box)
        size = int(np.prod(shape))
        bits = np.frombuffer(_unpacked(self.packed_mask, (size + 7) // 8), dtype=np.uint8)
        return np.unpackbits(bits, count=size).view(bool).reshape(shape)

    def values(self) -> Values:
        """What its voxels have, in C order."""
        if self.packed_values is None:
            raise ValueError("a layer that only marks voxels has no values")
        content = _unpacked(self.packed_values, self.count * (3 + 4 * _FLOATS))
        labels = np.frombuffer(content, dtype=np.uint8, count=self.count)
        votes = np.frombuffer(content, dtype="<i2", count=self.count, offset=self.count)
        planes = np.frombuffer(content, dtype=np.uint8, offset=3 * self.count)
        floats = _floats(planes, self.count)
        return Values(labels, floats[:3], floats[3], floats[4], votes)

    @property
    def nbytes(self) -> int:
        """Memory of what it holds."""
        return len(self.packed_mask) + len(self.packed_values or b"")

    def described(self) -> dict[str, Any]:
        """Box, count, mark and report as JSON."""
        return {
            "box": [[s.start, s.stop] for s in self.box],
            "count": self.count,
            "mark": self.mark,
            "report": asdict(self.report),
        }


def box_from_json(described: Sequence[Sequence[int]]) -> Box:
    """The box of `Layer.described`."""
    return box_of([int(a) for a, _ in described], [int(b) for _, b in described])


def _packed(values: Values) -> bytes:
    floats = np.empty((_FLOATS, values.labels.size), dtype="<f4")
    floats[:3], floats[3], floats[4] = (
        values.probabilities,
        values.entropy,
        values.mutual_information,
    )
    planes = floats.view(np.uint8).reshape(_FLOATS, -1, 4).transpose(0, 2, 1)
    content = b"".join(
        (
            values.labels.astype(np.uint8).tobytes(),
            values.votes.astype("<i2").tobytes(),
            planes.tobytes(),
        )
    )
    return zlib.compress(content, _LEVEL)


def _floats(planes: np.ndarray, count: int) -> Float[np.ndarray, "5 n"]:
    together = planes.reshape(_FLOATS, 4, count).transpose(0, 2, 1)
    return np.ascontiguousarray(together).view("<f4").reshape(_FLOATS, count)


def _unpacked(content: bytes, size: int) -> bytes:
    """Exactly so many bytes; ValueError otherwise, without unpacking more."""
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(content, size + 1)
    except zlib.error as error:
        raise ValueError("a layer that can't be unpacked") from error
    if len(found) != size or not unpacking.eof:
        raise ValueError("a layer of another size than it says")
    return found
