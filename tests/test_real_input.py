"""`segment` from end to end on real studies: geometry, SUV, gates and outputs must be right.

The shipped model knows phantoms only, so nothing is asked of what it finds.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest

from command_line import Call
from hnuiseg.dicom import read_rtstruct, write_ct_series
from hnuiseg.files import read_image, write_nifti
from hnuiseg.study import read_study
from hnuiseg.volume import Grid
from needs import data_folder, program, unpacked
from openkbp import planning_ct
from pretend import FRAME, new_ct

PATIENT = "pt_40"  # a long field: vertex to chest


def _checked(out: Path, grid: Grid, *ct_files: Path) -> dict[str, Any]:
    """Every map on the CT's grid and within its bounds; returns result.json."""
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    labels = read_image(out / "labels.nii.gz", "label")
    assert labels.grid.same_place(grid, 1e-3)
    assert set(np.unique(labels.array)) <= {0, 1, 2}
    for name in ("gtvp_probability", "gtvn_probability"):
        probability = read_image(out / f"{name}.nii.gz", "1")
        assert probability.grid.same_place(grid, 1e-3)
        assert probability.array.min() >= 0
        assert probability.array.max() <= 1
    entropy = read_image(out / "entropy.nii.gz", "nat").array
    assert entropy.min() >= 0
    assert entropy.max() <= np.log(3) + 1e-6
    # with the slashes: four letters alone turn up by chance in a picture's base64
    assert not re.search("https?://", (out / "report.html").read_text())
    if (out / "rtstruct.dcm").exists():
        drawn = read_rtstruct(out / "rtstruct.dcm", grid).masks
        for value, name in ((1, "GTVp"), (2, "GTVn")):
            expected = labels.array == value
            assert np.array_equal(drawn[name], expected) if expected.any() else name not in drawn
        # what a CT gets wrong of patient and study is repeated as it came
        assert _errors(out / "rtstruct.dcm") <= {e for path in ct_files for e in _errors(path)}
    else:
        said = result["provenance"]["source"] == "files" or "object-refused" in _codes(result)
        assert said or not labels.array.any()
    return result


def _a_ct(study: Path) -> Path:
    files = sorted(p for p in study.rglob("*") if p.is_file())
    return next(p for p in files if pydicom.dcmread(p, force=True).get("Modality") == "CT")


def _errors(path: Path) -> set[str]:
    checked = subprocess.run(
        [program("dciodvfy"), path], capture_output=True, text=True, check=False
    )
    return {line for line in checked.stderr.splitlines() if line.startswith("Error")}


def _codes(result: dict[str, Any]) -> set[str]:
    return {notice["code"] for notice in result["warnings"]}


def test_the_pet_ct_of_a_thigh(call: Call, tmp_path: Path) -> None:
    study = tmp_path / "study"
    unpacked("sts_001_raw", study)
    unpacked("ibsi_sts_001_ct", study)
    (study / "published_mask.nii.gz").unlink()
    status, _, err = call("segment", study, "--out", tmp_path / "out", "--samples", 2)
    assert status == 0, err
    result = _checked(tmp_path / "out", read_study(study).ct.grid, _a_ct(study))
    assert "not-head-neck" in _codes(result)
    assert result["suv"]["factors"][0] == pytest.approx(0.000242902976615, rel=1e-6)
    shared = nibabel.load(tmp_path / "out" / "mutual_information.nii.gz").get_fdata()
    assert np.nanmin(shared) >= 0


@pytest.mark.parametrize("archive", ["lung1_001", "ibsi_pat1"])
def test_chests_from_the_ct_alone(call: Call, tmp_path: Path, archive: str) -> None:
    study = unpacked(archive, tmp_path / "study")
    status, _, err = call("segment", study, "--out", tmp_path / "out", "--no-uncertainty")
    assert status == 0, err
    result = _checked(tmp_path / "out", read_study(study).ct.grid, _a_ct(study))
    assert {"not-head-neck", "ct-only"} <= _codes(result)


def test_a_head_and_neck_as_plain_file_and_as_study(call: Call, tmp_path: Path) -> None:
    """The same CT by two ways gives the same labels."""
    ct = planning_ct(data_folder() / "openkbp" / f"{PATIENT}.npz", FRAME)
    write_nifti(ct, tmp_path / "ct.nii.gz")
    status, _, err = call(
        "segment", "--ct", tmp_path / "ct.nii.gz", "--out", tmp_path / "plain", "--no-uncertainty"
    )
    assert status == 0, err
    write_ct_series(ct, tmp_path / "study", new_ct())
    status, _, err = call(
        "segment", tmp_path / "study", "--out", tmp_path / "dicom", "--no-uncertainty"
    )
    assert status == 0, err
    plain = _checked(tmp_path / "plain", ct.grid)
    dicom = _checked(tmp_path / "dicom", ct.grid)
    for result in (plain, dicom):
        assert "not-head-neck" not in _codes(result)
    first = read_image(tmp_path / "plain" / "labels.nii.gz", "label").array
    assert np.array_equal(first, read_image(tmp_path / "dicom" / "labels.nii.gz", "label").array)
