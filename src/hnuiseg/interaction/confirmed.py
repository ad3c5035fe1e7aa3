"""Which lesions a person stands for: a word of theirs lies in it, or they accepted it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from hnuiseg.interaction.boxes import placed, shared
from hnuiseg.interaction.clicks import TUMOURS, Tumour
from hnuiseg.interaction.edits import (
    BoxEdit,
    BrushEdit,
    ClickEdit,
    Edit,
    MergeEdit,
    RelabelEdit,
    ScribbleEdit,
)
from hnuiseg.interaction.layers import Layer
from hnuiseg.interaction.lesions import Piece


def confirmed(layers: Sequence[Layer], piece: Piece, region: Tumour) -> bool:
    """Whether an edit that says "tumour of this class, here" set a voxel of the lesion.

    Positive clicks and scribbles, boxes, brushes, merges, and the relabelling of one lesion say so.
    A threshold and the relabelling of a class don't: they are meant for whatever there is.
    """
    return any(
        _said(layer, piece, region).any()
        for layer in layers
        # a layer far away needn't be unpacked
        if _says(layer.edit) == region and shared(layer.box, piece.box) is not None
    )


def accepted(layers: Sequence[Layer], piece: Piece) -> Bool[np.ndarray, "z y x"]:
    """What was accepted and not changed by any later edit."""
    found = np.zeros(piece.mask.shape, dtype=bool)
    for layer in layers:
        if layer.mark == "accept":
            found |= placed(layer.mask(), layer.box, piece.box)
        elif layer.packed_values is not None and layer.mark != "lock" and layer.count:
            found &= ~placed(layer.mask(), layer.box, piece.box)
    return found


def _says(edit: Edit) -> Tumour | None:
    match edit:
        case ClickEdit() | ScribbleEdit():
            return edit.region if edit.positive else None
        case BoxEdit() | BrushEdit() | MergeEdit():
            return edit.region
        case RelabelEdit():
            return None if edit.position_mm is None else edit.to
        case _:
            return None


def _said(layer: Layer, piece: Piece, region: Tumour) -> Bool[np.ndarray, "z y x"]:
    """The lesion's voxels to which the layer gave its class."""
    mask = layer.mask()
    mask[mask] = layer.values().labels == TUMOURS[region]
    return placed(mask, layer.box, piece.box) & piece.mask
