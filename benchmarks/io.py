"""How long masks take to an RTSTRUCT and back.

    .venv/bin/python benchmarks/io.py

Ten lesions of 8 to 50 mm on a CT of 200 x 512 x 512 voxels. Each way is timed a few times on its
own, the first call apart, in wall and in processor seconds. Writes benchmarks/results/io.json.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom

from hnuiseg.dicom import (
    DicomReference,
    PatientStudy,
    label_structures,
    read_rtstruct,
    rtstruct,
    rtstruct_bytes,
)
from hnuiseg.volume import Grid

FRAME = "1.2.826.0.1.3680043.8.498.1"
GRID = Grid.axial((200, 512, 512), (2.0, 0.9765625, 0.9765625), (-250.0, -250.0, -1000.5), FRAME)
RADII_MM = (25.0, 20.0, 15.0, 12.0, 10.0, 8.0, 8.0, 6.0, 5.0, 4.0)
REPEATS = 3


def measure(run: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    """Wall and processor seconds of `run`, the first call apart; both, for busy machines."""
    wall, processor = [], []
    for _ in range(repeats + 1):
        start, start_processor = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_processor)
    rounded = {
        "first": wall[0],
        "median": statistics.median(wall[1:]),
        "best": min(wall[1:]),
        "processor, median": statistics.median(processor[1:]),
    }
    return {name: round(value, 3) for name, value in rounded.items()}


def contours() -> dict[str, object]:
    """Lesions to an RTSTRUCT's bytes, and back to masks, which must be the same."""
    labels, series = _lesions(), _series()

    def write() -> bytes:
        structures = label_structures(labels, {2: ("GTVn", (0, 150, 190))}, "lesion")
        dataset = rtstruct(
            structures,
            GRID,
            series,
            label="hnuiseg",
            description="",
            created=datetime(2026, 1, 2),
            uid_entropy="",
            software="",
        )
        return rtstruct_bytes(dataset)

    written = write()
    found = read_rtstruct(pydicom.dcmread(BytesIO(written)), GRID).masks
    together = np.logical_or.reduce(list(found.values()))
    if len(found) != len(RADII_MM) or not np.array_equal(together, labels == 2):
        raise SystemExit("the masks that came back aren't those that were written")
    return {
        "lesions": len(found),
        "voxels (z, y, x)": list(GRID.shape),
        "file bytes": len(written),
        "mask to RTSTRUCT, s": measure(write),
        "RTSTRUCT to masks, s": measure(
            lambda: read_rtstruct(pydicom.dcmread(BytesIO(written)), GRID)
        ),
    }


def _lesions() -> np.ndarray:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    z, y, x = (
        np.arange(n).reshape(shape) * step
        for n, shape, step in zip(
            GRID.shape, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), GRID.spacing, strict=True
        )
    )
    for k, radius in enumerate(RADII_MM):
        centre = 40.0 + 35.0 * k, 100.0 + 30.0 * k, 100.0 + 20.0 * k
        far = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        labels[far <= radius**2] = 2
    return labels


def _series() -> DicomReference:
    index = np.zeros((GRID.shape[0], 3))
    index[:, 0] = np.arange(GRID.shape[0])
    nobody = PatientStudy("Nobody^Ever", "0", "", "O", f"{FRAME}.3", "20260102", "", "1", "", "")
    return DicomReference(
        patient=nobody,
        series_instance_uid=f"{FRAME}.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uids=tuple(f"{FRAME}.2.{k + 1}" for k in range(GRID.shape[0])),
        image_positions_mm=tuple(
            (float(x), float(y), float(z)) for x, y, z in GRID.to_world(index)
        ),
        frame_of_reference=FRAME,
        position_reference_indicator="",
    )


PARTS: dict[str, Callable[[], object]] = {"RTSTRUCT": contours}


def main() -> None:
    """Print the figures and keep them under benchmarks/results."""
    result = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load of the last minute": round(os.getloadavg()[0], 1),
        **{name: part() for name, part in PARTS.items()},
    }
    text = json.dumps(result, indent=1)
    results = Path(__file__).with_name("results")
    results.mkdir(exist_ok=True)
    results.joinpath("io.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
