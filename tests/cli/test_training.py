"""From a cohort on disk to a model file that segments, by the commands alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hnuiseg.cohorts.trees_of_dicom import write_hn1_tree
from hnuiseg.cohorts.trees_of_files import write_folder_tree, write_hecktor_tree

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hecktor")
    write_hecktor_tree(folder, 2025)
    return folder


def test_from_cohort_to_contours(call: Call, source: Path, tmp_path: Path) -> None:
    data, run, model = tmp_path / "data", tmp_path / "run", tmp_path / "mine.safetensors"
    status, out, _ = call("prepare", "hecktor", source, "--out", data)
    assert status == 0
    assert "4 cases of 4 patients: 3 with PET, 1 CT alone" in out
    assert "left out: CHUS-005: no label" in out
    assert (data / "sheet.html").is_file()
    again = ("prepare", "hecktor", source, "--out", data)
    assert call(*again)[0] == 6
    assert call(*again, "--resume")[0] == 0

    train = ("train", "paper", "--data", data, "--scale", "mini", "--epochs", 1, "--out", run)
    status, out, _ = call(*train, "--stage", 1)
    assert status == 0
    assert out.strip().endswith("model.safetensors")
    assert call(*train, "--stage", 1)[0] == 6
    assert call(*train, "--stage", 1, "--resume")[0] == 0
    status, _, err = call(*train, "--stage", 3)
    assert status == 3
    assert "stage 3 without a finished stage 2" in err

    status, out, _ = call("runs", run)
    assert status == 0
    assert "stage 1, paper, mini, fold 0: finished" in out
    assert "<img" in (run / "run.html").read_text()
    status, out, _ = call("runs", run, "--json")
    assert len(json.loads(out)[0]["losses"]) == 16

    status, _, err = call("calibrate", run, "--data", data)
    assert status == 3
    assert "nobody was kept for calibration" in err
    assert call("publish", run, "--out", model, "--name", "mine")[0] == 0
    assert call("publish", run, "--out", model)[0] == 6
    study = source / "Task 1" / "CHUM-001"
    status, out, _ = call(
        "segment",
        *("--ct", study / "CHUM-001__CT.nii.gz", "--pet", study / "CHUM-001__PT.nii.gz"),
        *("--pet-units", "suv", "--model", model, "--no-uncertainty", "--out", tmp_path / "out"),
    )
    assert status == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["model"]["name"] == "mine"
    assert "no redistribution" in result["model"]["licence_of_training_data"]


def test_regions_names_are_confirmed_by_a_person(call: Call, tmp_path: Path) -> None:
    write_hn1_tree(tmp_path / "source")
    prepare = ("prepare", "hn1", tmp_path / "source", "--out", tmp_path / "data")
    status, out, err = call(*prepare)
    assert status == 2
    assert "GTV-1" in out
    assert "read as" in out
    assert "nobody has confirmed" in err
    assert not (tmp_path / "data").exists()
    status, patterns, _ = call("prepare", "names")
    assert status == 0
    (tmp_path / "names.toml").write_text(patterns)
    assert call(*prepare, "--roi-names", tmp_path / "names.toml")[0] == 0


def test_a_folder_without_cases_is_refused_and_nothing_made(call: Call, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for kind in ("hecktor", "openkbp"):
        status, _, err = call("prepare", kind, tmp_path / "source", "--out", tmp_path / "out")
        assert status == 3
        assert "what to do" in err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_files_by_pattern(call: Call, tmp_path: Path) -> None:
    write_folder_tree(tmp_path / "source")
    status, out, _ = call(
        *("prepare", "folder", tmp_path / "source", "--out", tmp_path / "data"),
        *("--ct", "{id}/ct.nii.gz", "--labels", "{id}/mask.nii.gz", "--licence", "MIT"),
    )
    assert status == 0
    assert "2 cases of 2 patients" in out
    assert json.loads((tmp_path / "data" / "manifest.json").read_text())["licence"] == "MIT"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "neither --stage nor --all-stages"),
        (("--stage", 1, "--all-stages"), "both --stage and --all-stages"),
    ],
)
def test_which_stage_must_be_said(
    call: Call, tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    (tmp_path / "data").mkdir()
    train = ("train", "paper", "--data", tmp_path / "data", "--scale", "mini", "--out", tmp_path)
    status, _, err = call(*train, *options)
    assert status == 2
    assert said in err


def test_data_that_are_none_are_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    train = ("train", "paper", "--data", tmp_path / "data", "--scale", "mini")
    status, _, err = call(*train, "--stage", 1, "--out", tmp_path / "run")
    assert status == 3
    assert "manifest.json" in err
