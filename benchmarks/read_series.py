"""How long a CT series takes to be read, beside SimpleITK's series reader; and large folders.

    .venv/bin/python benchmarks/read_series.py

A CT of 200 x 512 x 512 voxels: the folder scanned and the series read, against SimpleITK's
GetGDCMSeriesFileNames and Execute, in turns, in wall and processor seconds, the first turn
apart; both must give the same values. Then the headers of a folder of 5,000 files.
Writes benchmarks/results/read_series.json.
"""

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import generate_uid

from hnuiseg.dicom import NewSeries, PatientStudy, read_series, scan_folder, write_ct_series
from hnuiseg.volume import Grid, Volume

FRAME = "1.2.826.0.1.3680043.8.498.1"
GRID = Grid.axial((200, 512, 512), (2.0, 0.9765625, 0.9765625), (-250.0, -250.0, -200.0), FRAME)
REPEATS = 5
FILES = 5000


def _write(folder: Path, grid: Grid, uid: str) -> None:
    rng = np.random.default_rng(1)
    hu = rng.integers(-1000, 2000, grid.shape, dtype=np.int16).astype(np.float32)
    patient = PatientStudy("", "1", "", "", "1.2.826.0.1.3680043.8.498.2", "", "", "", "", "")
    new = NewSeries(patient, uid, 1, "benchmark", FRAME, uid)
    write_ct_series(Volume(hu, grid, "HU"), folder, new)


def _ours(folder: Path) -> np.ndarray:
    return read_series(scan_folder(folder).series[0]).array


def _theirs(folder: Path) -> np.ndarray:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayFromImage(reader.Execute())


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def side_by_side(folder: Path) -> dict[str, object]:
    np.testing.assert_array_equal(_ours(folder), _theirs(folder))
    times: dict[str, list[tuple[float, float]]] = {"hnuiseg": [], "SimpleITK": []}
    for _ in range(REPEATS):  # in turns, so that a busy machine is busy for both
        times["hnuiseg"].append(_timed(lambda: _ours(folder)))
        times["SimpleITK"].append(_timed(lambda: _theirs(folder)))
    found: dict[str, object] = {}
    for name, pairs in times.items():
        found[name] = {
            "wall, best": round(min(w for w, _ in pairs), 3),
            "wall, median": round(statistics.median(w for w, _ in pairs), 3),
            "processor, best": round(min(p for _, p in pairs), 3),
            "processor, median": round(statistics.median(p for _, p in pairs), 3),
        }
    for k, name in enumerate(("wall", "processor")):
        a, b = (statistics.median(pair[k] for pair in pairs) for pairs in times.values())
        found[f"ratio of medians, {name}"] = round(a / b, 2)
    return found


def large_folder(folder: Path) -> dict[str, object]:
    """Copies of one small slice, each an image of its own, in 25 series."""
    _write(folder / "one", Grid.axial((1, 16, 16), (2.0, 1.0, 1.0), (0, 0, 0), FRAME), "1.2.3")
    image = pydicom.dcmread(next((folder / "one").iterdir()))
    series = [generate_uid() for _ in range(25)]
    (folder / "many").mkdir()
    for k in range(FILES):
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.SeriesInstanceUID, image.ImagePositionPatient = series[k % 25], [0, 0, 2 * k]
        image.save_as(folder / "many" / f"{k}.dcm")
    wall, processor = _timed(lambda: scan_folder(folder / "many"))
    return {"files": FILES, "wall": round(wall, 2), "processor": round(processor, 2)}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name) / "ct", GRID, "1.2.826.0.1.3680043.8.498.3")
        result = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, load "
            f"{os.getloadavg()[0]:.1f}",
            "CT voxels (z, y, x)": list(GRID.shape),
            "repeats": REPEATS,
            "seconds": side_by_side(Path(name) / "ct"),
            "headers of a large folder, seconds": large_folder(Path(name)),
        }
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("results").mkdir(exist_ok=True)
    Path(__file__).with_name("results").joinpath("read_series.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
