"""`segment` end to end on a small plain file, with a network that knows nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from hnuiseg.files import read_image

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def segment(call: Call, ct_file: Path, model_file: Path, tmp_path: Path) -> Call:
    def called(*more: object) -> tuple[int, str, str]:
        return call(
            "segment",
            *("--ct", ct_file, "--model", model_file, "--out", tmp_path / "out", *more),
        )

    return called


def test_outputs_lie_on_the_ct(segment: Call, ct_file: Path, tmp_path: Path) -> None:
    status, out, _ = segment("--samples", 2, "--variance")
    assert status == 0
    assert "the CT alone" in out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    described = json.loads((tmp_path / "out" / "result.json").read_text())
    assert names == {*described["files"], "result.json"}
    ct = nibabel.load(ct_file)
    for name in (name for name in names if name.endswith(".nii.gz")):
        image = nibabel.load(tmp_path / "out" / name)
        assert image.shape == ct.shape
        np.testing.assert_allclose(image.affine, ct.affine, atol=1e-4)


def test_json_is_all_that_reaches_stdout(segment: Call, tmp_path: Path) -> None:
    status, out, err = segment("--json", "--no-uncertainty", "--formats", "nifti")
    assert status == 0
    described = json.loads(out)
    assert described == json.loads((tmp_path / "out" / "result.json").read_text())
    assert described["warnings"]  # a water cylinder is no head and neck, and that is said
    assert err.count("warning: ") == len(described["warnings"])
    assert "rtstruct.dcm" not in described["not_written"]  # it wasn't asked for


def test_strict_leaves_with_4_after_writing(segment: Call, tmp_path: Path) -> None:
    status, out, err = segment("--strict", "--json", "--no-uncertainty", "--formats", "nifti")
    assert status == 4
    assert json.loads(out)["warnings"]
    assert err.splitlines()[-1].startswith("error: ")
    assert (tmp_path / "out" / "labels.nii.gz").exists()


def test_no_tumour_found_is_a_result(
    call: Call, ct_file: Path, blind_model_file: Path, tmp_path: Path
) -> None:
    status, out, _ = call(
        "segment",
        *("--ct", ct_file, "--model", blind_model_file),
        *("--out", tmp_path / "out", "--no-uncertainty", "--formats", "nifti"),
    )
    assert status == 0
    assert "No tumour found" in out
    assert not read_image(tmp_path / "out" / "labels.nii.gz", "label").array.any()


def test_seed_decides_the_draws(segment: Call, tmp_path: Path) -> None:
    maps = []
    for seed in (3, 3, 4):
        assert segment("--samples", 2, "--seed", seed, "--formats", "nifti")[0] == 0
        maps.append(read_image(tmp_path / "out" / "gtvp_probability.nii.gz", "1").array)
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] != maps[2]).any()


def test_evaluating_a_result_with_itself_is_perfect(
    segment: Call, call: Call, tmp_path: Path
) -> None:
    assert segment("--no-uncertainty", "--formats", "nifti")[0] == 0
    labels = tmp_path / "out" / "labels.nii.gz"
    status, out, err = call("evaluate", labels, labels, "--json")
    assert (status, err) == (0, "")
    assert '"dsc": 1.0' in out.lower()
    status, out, _ = call("evaluate", labels, labels)
    assert status == 0
    assert "GTVp" in out
