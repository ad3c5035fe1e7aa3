"""dcmqi reads our segmentations and maps to the same voxels."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK

from hnuiseg.dicom import (
    ENTROPY,
    Made,
    Structure,
    binary_seg,
    dicom_bytes,
    fractional_seg,
    parametric_map,
)
from hnuiseg.volume import Grid
from needs import program
from pretend import CREATED, FRAME, reference

GRID = Grid.axial((6, 20, 17), (3.0, 0.9765625, 1.17), (-249.51171875, 20.3, -1234.1235), FRAME)
MADE = Made(CREATED, "a test", "hnuiseg 0.1.0", "phantom-compact")
COLOURS = {"GTVp": (255, 64, 0), "GTVn": (0, 160, 255)}


def converted(tool: str, content: bytes, folder: Path) -> dict[str, np.ndarray]:
    """Every image that dcmqi makes of an object, on our grid; beyond its frames there is 0."""
    (folder / "object.dcm").write_bytes(content)
    beside = Path(sys.executable).with_name(tool)  # it comes with pip
    command = [str(beside) if beside.exists() else program(tool), "--inputDICOM", "object.dcm"]
    command += ["--outputDirectory", ".", "--prefix", "p", "-t", "nrrd"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    found = {}
    for path in folder.glob("p-*.nrrd"):
        image = SimpleITK.ReadImage(str(path))
        array = SimpleITK.GetArrayFromImage(image)
        start = GRID.to_index(np.array([image.GetOrigin()]))[0]
        assert np.abs(start - np.rint(start)).max() < 1e-4
        whole = np.zeros(GRID.shape, dtype=array.dtype)
        z, y, x = np.rint(start).astype(int)
        whole[z : z + array.shape[0], y : y + array.shape[1], x : x + array.shape[2]] = array
        found[path.stem.removeprefix("p-")] = whole
    return found


def test_binary_masks_and_codes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    primary, nodes = rng.random(GRID.shape) < 0.4, rng.random(GRID.shape) < 0.3
    primary[[0, 3]] = False
    structures = [
        Structure("GTVp", 1, primary, COLOURS["GTVp"]),
        Structure("GTVn", 2, nodes, COLOURS["GTVn"]),
    ]
    content = dicom_bytes(binary_seg(structures, GRID, reference(GRID), MADE))
    found = converted("segimage2itkimage", content, tmp_path)
    described = json.loads((tmp_path / "p-meta.json").read_text("utf-8"))
    segments = [item for group in described["segmentAttributes"] for item in group]
    assert [s["SegmentLabel"] for s in segments] == ["GTVp", "GTVn"]
    assert [s["SegmentedPropertyTypeCodeSequence"]["CodeMeaning"] for s in segments] == [
        "Neoplasm, Primary",
        "Neoplasm, Secondary",
    ]
    masks = [np.any([array == s["labelID"] for array in found.values()], axis=0) for s in segments]
    np.testing.assert_array_equal(masks[0], primary)
    np.testing.assert_array_equal(masks[1], nodes)


def test_fractions(tmp_path: Path) -> None:
    p = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    dataset = fractional_seg({"GTVp": p}, COLOURS, GRID, reference(GRID), MADE)
    (found,) = converted("segimage2itkimage", dicom_bytes(dataset), tmp_path).values()
    scale = 255.0 if found.max() > 1 else 1.0
    assert np.abs(found / scale - p).max() <= 1 / 510 + 1e-6


def test_entropy(tmp_path: Path) -> None:
    entropy = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    dataset = parametric_map(entropy, ENTROPY, GRID, reference(GRID), MADE)
    found = converted("paramap2itkimage", dicom_bytes(dataset), tmp_path)
    np.testing.assert_array_equal(found["pmap"], entropy)
    described = json.loads((tmp_path / "p-meta.json").read_text("utf-8"))
    assert described["MeasurementUnitsCode"]["CodeValue"] == "{nat}"
    assert float(described["RealWorldValueSlope"]) == 1.0
