"""`evaluate` on a SEG and an RTSTRUCT, as a user calls it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.dicom import (
    Made,
    Structure,
    binary_seg,
    dicom_bytes,
    read_series,
    scan_folder,
)
from pretend import CREATED, contours_file
from small_study import CT_GRID, write_ct

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CT, and one pair of masks as RTSTRUCT and as SEG."""
    folder = tmp_path_factory.mktemp("drawings")
    write_ct(folder / "ct")
    reference = read_series(scan_folder(folder / "ct").series[0]).reference
    primary, nodes = np.zeros(CT_GRID.shape, dtype=bool), np.zeros(CT_GRID.shape, dtype=bool)
    primary[5:9, 20:28, 18:24] = True
    nodes[3:6, 10:14, 30:36] = True
    contours = contours_file(CT_GRID, reference, GTVp=primary, GTVn=nodes, Cord=~primary)
    (folder / "rs.dcm").write_bytes(contours)
    segments = [
        Structure("GTVp", 1, primary, (255, 64, 0)),
        Structure("GTVn", 2, nodes, (0, 160, 255)),
    ]
    made = Made(CREATED, "a test", "hnuiseg 0.1.0")
    seg = binary_seg(segments, CT_GRID, reference, made)
    (folder / "seg.dcm").write_bytes(dicom_bytes(seg))
    return folder


def test_a_segmentation_against_contours(call: Call, folder: Path) -> None:
    status, out, _ = call(
        "evaluate", folder / "seg.dcm", folder / "rs.dcm", "--ct", folder / "ct", "--json"
    )
    assert status == 0
    found = json.loads(out)
    assert [c["dsc"] for c in found["classes"].values()] == [1.0, 1.0]
    assert found["resampled"] is False
    assert any("Cord" in note for note in found["notes"])


def test_contours_without_their_ct_are_a_wrong_call(call: Call, folder: Path) -> None:
    status, out, err = call("evaluate", folder / "seg.dcm", folder / "rs.dcm")
    assert (status, out) == (2, "")
    assert "--ct FOLDER" in err


def test_names_of_ones_own(call: Call, folder: Path, tmp_path: Path) -> None:
    rules = tmp_path / "names.toml"
    rules.write_text(
        '[[rule]]\nregion = "GTVp"\ncertain = true\npatterns = ["GTVn"]\n', encoding="utf-8"
    )
    seg, contours = folder / "seg.dcm", folder / "rs.dcm"
    status, out, _ = call(
        "evaluate", seg, contours, "--ct", folder / "ct", "--roi-names", rules, "--json"
    )
    assert status == 0
    found = json.loads(out)["classes"]
    assert found["GTVp"]["truth_ml"] == pytest.approx(3 * 4 * 6 * CT_GRID.voxel_ml)
    assert found["GTVp"]["dsc"] == 1.0
