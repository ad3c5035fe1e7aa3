"""Planning CTs of real heads and necks, out of their packed files."""

import lzma
from pathlib import Path

import numpy as np

from hnuiseg.volume import Grid, Volume


def planning_ct(path: Path, frame_of_reference: str = "") -> Volume:
    """HU = stored value - 1000; stored axes run to the back, to the left and to the feet."""
    with np.load(path) as packed:
        high, low = np.split(
            np.frombuffer(lzma.decompress(packed["ct_xz"].tobytes()), dtype=np.uint8), 2
        )
        back, left, feet = (float(s) for s in packed["spacing"])
    q = high.astype(np.int32) * 256 + low
    steps = np.where(q % 2 == 0, q // 2, -(q + 1) // 2).reshape(128, 128, 128)
    hu = np.cumsum(steps, axis=-1).transpose(2, 0, 1)[::-1].astype(np.float32) - 1000.0
    grid = Grid.axial((128, 128, 128), (feet, back, left), frame_of_reference=frame_of_reference)
    return Volume(hu, grid, "HU")
