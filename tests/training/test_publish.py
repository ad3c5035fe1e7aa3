"""From a run to a model file: calibrated on the unseen, the strictest licence, alone or several."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hnuiseg.cohorts import phantom, phantom_case
from hnuiseg.errors import InputRefused, ModelMismatch, WrongCall
from hnuiseg.export import export
from hnuiseg.inference import PredictOptions, predict
from hnuiseg.models import ModelFile, ensemble_bytes, read_model
from hnuiseg.training.calibrate_run import calibrate_run
from hnuiseg.training.data import parts_of
from hnuiseg.training.licence import all_licences, commercial_too, licence_text
from hnuiseg.training.publish import published, republished
from hnuiseg.training.run import Stage, run_stage
from hnuiseg.training.workers import Alone
from made_case import CREATED
from training.made_data import SHORT, TINY, data_set

CREW = Alone(torch.device("cpu"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_set(tmp_path_factory.mktemp("data") / "set", 10)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    recipe = replace(SHORT, epochs=6, validate_every=6)
    stage = Stage(1, recipe, TINY, parts_of([data], 0), "0", 7, "float32", None)
    run_stage(stage, folder, CREW, resume=False)
    calibrate_run(folder, [data], None, members=2, seed=3, device="cpu")
    return folder


def _written(content: bytes, folder: Path, name: str) -> ModelFile:
    file = folder / f"{name}.safetensors"
    file.write_bytes(content)
    return read_model(file)


def test_law_11_calibration_is_of_patients_used_for_nothing_else(data: Path, run: Path) -> None:
    for fold in range(5):
        parts = parts_of([data], fold)
        sides = (parts.training, parts.validation, parts.calibration)
        patients = [{ref.patient for ref in side} for side in sides]
        assert patients[2]
        assert sum(len(side) for side in patients) == len(set.union(*patients)) == 10
    said = json.loads((run / "stage1" / "calibration.json").read_text())
    assert said["cases"] == len(parts_of([data], 0).calibration)


def test_what_is_published_is_calibrated_and_keeps_every_label(run: Path, tmp_path: Path) -> None:
    plain = read_model(run / "stage1" / "model.safetensors")
    model = _written(published(run, None, "mine"), tmp_path, "mine")
    said = json.loads((run / "stage1" / "calibration.json").read_text())
    assert model.card.name == "mine"
    assert model.settings.temperatures == (
        said["PET/CT"]["temperature"],
        said["CT"]["temperature"],
    )
    case = phantom_case(phantom(31, 0, spacing=(8.0, 8.0, 8.0)))
    options = PredictOptions(members=2)
    before, after = (predict(case, one, options) for one in (plain, model))
    np.testing.assert_array_equal(before.labels, after.labels)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    assert before.temperature is None
    assert after.temperature == model.settings.temperatures[0]
    ct_alone = predict(replace(case, pet=None), model, options)
    assert ct_alone.temperature == model.settings.temperatures[1]


def test_a_kind_of_scan_that_nobody_calibrated_on_has_no_temperature(
    run: Path, tmp_path: Path
) -> None:
    import shutil

    other = tmp_path / "run"
    shutil.copytree(run, other)
    file = other / "stage1" / "calibration.json"
    said = json.loads(file.read_text()) | {"PET/CT": None}
    file.write_text(json.dumps(said))
    model = _written(published(other, None, "mine"), tmp_path, "mine")
    assert model.settings.temperatures == (None, said["CT"]["temperature"])
    assert "aren't calibrated for PET/CT" in model.card.limits
    case = phantom_case(phantom(31, 0, spacing=(8.0, 8.0, 8.0)))
    assert predict(case, model, PredictOptions(members=2)).temperature is None


def test_half_a_file_says_nearly_the_same(run: Path, tmp_path: Path) -> None:
    whole, half = (
        _written(published(run, None, "mine", half=half), tmp_path, f"half-{half}")
        for half in (False, True)
    )
    size = [(tmp_path / f"half-{half}.safetensors").stat().st_size for half in (False, True)]
    assert size[1] < 0.6 * size[0]
    case = phantom_case(phantom(31, 0, spacing=(8.0, 8.0, 8.0)))
    options = PredictOptions(uncertainty=False, precision="float32")
    first, second = (predict(case, one, options).probabilities for one in (whole, half))
    np.testing.assert_allclose(second, first, atol=0.01)
    assert not np.array_equal(second, first)


def test_law_4_calibrated_maps_have_names_of_their_own(run: Path, tmp_path: Path) -> None:
    from hnuiseg.files import read_image

    model = _written(published(run, None, None), tmp_path, "model")
    case = phantom_case(phantom(31, 0, spacing=(8.0, 8.0, 8.0)))
    found = predict(case, model, PredictOptions(members=2))
    export(
        case,
        found,
        model.card,
        tmp_path / "out",
        formats=["nifti"],
        started=CREATED,
        created=CREATED,
    )
    maps = {
        name: read_image(tmp_path / "out" / f"{name}.nii.gz", "1").array
        for name in (
            "gtvp_probability",
            "gtvn_probability",
            "gtvp_probability_calibrated",
            "gtvn_probability_calibrated",
            "entropy_calibrated",
        )
    }
    p, n = maps["gtvp_probability_calibrated"], maps["gtvn_probability_calibrated"]
    background = 1 - p.astype(np.float64) - n
    labels = read_image(tmp_path / "out" / "labels.nii.gz", "label").array
    calibrated = np.stack([background, p, n])
    top = np.take_along_axis(calibrated, labels[None].astype(int), axis=0)[0]
    assert (top >= calibrated.max(axis=0) - 1e-5).all()
    assert (maps["entropy_calibrated"] <= np.log(3) + 1e-5).all()
    assert (maps["entropy_calibrated"] >= -1e-6).all()
    assert (p != maps["gtvp_probability"]).any()


def test_the_strictest_licence_has_the_say(data: Path, tmp_path: Path) -> None:
    strict = data_set(tmp_path / "strict", 2, kind="strict", seed=22)
    manifest = json.loads((strict / "manifest.json").read_text())
    manifest |= {"commercial": False, "licence": "CC BY-NC 3.0"}
    (strict / "manifest.json").write_text(json.dumps(manifest))
    recipe = replace(SHORT, epochs=1)
    first = Stage(1, recipe, TINY, parts_of([data, strict], "all"), "all", 7, "float32", None)
    file = run_stage(first, tmp_path / "run", CREW, resume=False)
    second = Stage(2, recipe, TINY, parts_of([data], "all"), "all", 7, "float32", read_model(file))
    run_stage(second, tmp_path / "run", CREW, resume=False)
    card = _written(published(tmp_path / "run", 2, None), tmp_path, "model").card
    assert card.licence_of_training_data == "none needed; CC BY-NC 3.0 (no commercial use)"
    assert "Not for commercial use" in card.limits
    assert "aren't calibrated" in card.limits


def test_licences_by_hand() -> None:
    free, strict = licence_text("MIT", commercial=True), licence_text("NC", commercial=False)
    assert all_licences([free, strict, free]) == "MIT; NC (no commercial use)"
    assert all_licences([all_licences([free, strict]), strict]) == "MIT; NC (no commercial use)"
    assert commercial_too(free)
    assert not commercial_too(all_licences([free, strict]))


def test_a_calibration_of_other_weights_is_refused(run: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    file = copy / "stage1" / "calibration.json"
    file.write_text(file.read_text().replace('"model": "', '"model": "0'))
    with pytest.raises(InputRefused, match="other weights"):
        published(copy, 1, None)
    with pytest.raises(InputRefused, match="stage 2 isn't finished"):
        published(copy, 2, None)


def test_an_ensemble_asks_each_network_in_turn(run: Path, tmp_path: Path) -> None:
    """Its one pass is the mean of theirs; with as many members as networks, so is its answer."""
    one = read_model(run / "stage1" / "model.safetensors")
    other_weights = {name: value * np.float32(0.9) for name, value in one.weights.items()}
    from hnuiseg.models import model_bytes

    other = _written(model_bytes(one.card, one.settings, other_weights), tmp_path, "other")
    both = _written(ensemble_bytes([one, other], "two", "hnuiseg ensemble"), tmp_path, "two")
    case = phantom_case(phantom(31, 0, spacing=(8.0, 8.0, 8.0)))
    plain = PredictOptions(uncertainty=False)
    alone = [predict(case, model, plain).probabilities for model in (one, other)]
    np.testing.assert_allclose(
        predict(case, both, plain).probabilities, (alone[0] + alone[1]) / 2, atol=1e-5
    )
    doubt, less = (
        predict(case, model, PredictOptions(members=4)).mutual_information for model in (both, one)
    )
    assert doubt is not None
    assert less is not None
    assert np.nanmean(doubt) > np.nanmean(less)


def test_what_is_no_ensemble_is_refused(run: Path) -> None:
    one = read_model(run / "stage1" / "model.safetensors")
    with pytest.raises(WrongCall, match="at least two"):
        ensemble_bytes([one, one], "two", "")
    settings = replace(one.settings, ct_scheme="raw")
    with pytest.raises(ModelMismatch, match="prepare images"):
        ensemble_bytes([one, replace(one, settings=settings, sha256="1")], "two", "")


def test_a_least_volume_or_peak_goes_with_the_file_and_changes_nothing_else(
    run: Path, tmp_path: Path
) -> None:
    model = _written(published(run, None, None, least_ml=(1.0, 0.5)), tmp_path, "least")
    assert model.settings.least_ml == (1.0, 0.5)
    again = _written(republished(model, None, least_ml=(2.0, 0.0)), tmp_path, "again")
    assert again.settings.least_ml == (2.0, 0.0)
    assert again.card == model.card
    assert (
        republished(again, None, least_ml=(1.0, 0.5))
        == (tmp_path / "least.safetensors").read_bytes()
    )
    peak = _written(republished(model, None, least_peak=(0.9, 0.8)), tmp_path, "peak")
    assert peak.settings == replace(model.settings, least_peak=(0.9, 0.8))
    named = _written(republished(model, "mine"), tmp_path, "named")
    assert named.settings == model.settings
    assert named.card == replace(model.card, name="mine")
