"""The predictor: what a case and a model give, and what it refuses."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch

from hnuiseg.errors import ModelMismatch, WrongCall
from hnuiseg.inference import Noise, Prediction, PredictOptions, draw_members, network_for, predict
from hnuiseg.models import ModelFile
from hnuiseg.preprocessing import images_for_network
from hnuiseg.study import searched
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid
from small_model import SmallNetwork, case_of, small_case, small_model, small_network_registered


def _predict(case: Case, model: ModelFile, **options: Any) -> Prediction:
    with small_network_registered():
        return predict(case, model, PredictOptions(**{"exact": True, **options}))


def test_one_pass_is_the_networks_own_softmax() -> None:
    """A volume of exactly one window: nothing is blended, moved or dropped."""
    case, model = small_case((6, 6, 6)), small_model()
    found = _predict(case, model, uncertainty=False)
    assert case.pet is not None
    images = np.zeros((4, 6, 6, 6), dtype=np.float32)
    images[:2] = images_for_network(
        case.ct.array, case.pet.on_ct.array, case.pet.coverage, "window_wide", "suv_0_50"
    )
    network = SmallNetwork().eval()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights.items()})
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(images)[None])[0], dim=0).numpy()
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    np.testing.assert_array_equal(found.labels, found.probabilities.argmax(axis=0))
    assert (found.members, found.mutual_information, found.variance, found.votes) == (
        1,
        None,
        None,
        None,
    )


def test_members_surround_the_one_pass() -> None:
    """The mean stays near the deterministic answer, and the members do differ."""
    case, model = small_case(), small_model(gain=1.0, rate=0.05)
    single = _predict(case, model, uncertainty=False)
    many = _predict(case, model, members=30, variance=True)
    assert many.variance is not None
    assert many.mutual_information is not None
    assert float(np.abs(many.probabilities - single.probabilities).mean()) < 0.1
    assert float(np.nanmax(many.variance)) > 1e-4
    assert float(np.nanmax(many.mutual_information)) > 1e-3


def test_arrays_lie_on_the_ct() -> None:
    case = small_case()
    found = _predict(case, small_model(), members=2, variance=True)
    shape = case.ct.grid.shape
    assert found.grid == case.ct.grid
    assert found.labels.shape == found.entropy.shape == shape
    assert found.probabilities.shape == (3, *shape)
    assert found.labels.dtype == np.uint8
    assert found.probabilities.dtype == found.entropy.dtype == np.float32
    assert found.mutual_information is not None
    assert found.variance is not None
    assert found.votes is not None
    assert (found.mutual_information.shape, found.variance.shape) == (shape, (3, *shape))
    assert int(found.votes.min()) >= 1
    assert int(found.votes.max()) == 2


def _pet_changes_nothing(case: Case) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Variance of a network that sees nothing but PET, without dropout and at every voxel."""
    found = _predict(case, small_model(pet_only=True, rate=0.0), members=8, variance=True)
    assert found.variance is not None
    return np.asarray(found.variance)


def test_an_absent_pet_is_the_same_to_every_member() -> None:
    """Nothing but the PET is seen, so any noise on it would show as variance."""
    assert float(np.nanmax(_pet_changes_nothing(small_case(pet=False)))) < 1e-6
    assert float(np.nanmax(_pet_changes_nothing(small_case(pet=True)))) > 1e-4


def test_voxels_the_pet_does_not_reach_get_no_noise() -> None:
    """Only noise members: beyond the coverage and a kernel's reach nothing differs."""
    shape = (12, 6, 6)
    coverage = np.zeros(shape, dtype=bool)
    coverage[8:] = True
    hu = np.zeros(shape, dtype=np.int16)
    case = case_of(Grid.axial(shape, (1, 1, 1)), hu, np.ones(shape, np.float32), coverage)
    model = small_model(pet_only=True, rate=0.0)
    seed = next(
        seed
        for seed in itertools.count()
        if all(isinstance(m.transform, Noise) for m in draw_members(3, seed))
    )
    found = _predict(case, model, members=3, seed=seed, variance=True)
    assert found.variance is not None
    assert float(found.variance[:, :7].max()) < 1e-6
    assert float(found.variance[:, 8:].max()) > 1e-6


def test_a_single_member_samples_nothing() -> None:
    found = _predict(small_case(), small_model(), members=1)
    assert found.votes is not None
    assert found.mutual_information is not None
    assert set(np.unique(found.votes)) == {1}
    assert bool(np.isnan(found.mutual_information).all())
    assert not np.isnan(found.entropy).any()


def _ct_reader() -> ModelFile:
    """Says GTVp where the CT is above 0 HU, looking at one voxel."""
    model = small_model(working_spacing=(2.0, 2.0, 2.0), rate=0.0)
    weights = {name: np.zeros_like(value) for name, value in model.weights.items()}
    weights["first.weight"][0, 0, 1, 1, 1] = 1.0
    weights["last.weight"][1, 0] = 100.0
    weights["last.bias"][2] = -50.0
    return dataclasses.replace(model, weights=weights)


def test_another_working_spacing_keeps_the_place() -> None:
    """A slope along every axis in mm: its zero is found within half a working voxel."""
    grid = Grid.axial((9, 17, 15), (3.0, 1.0, 1.3), (10.0, -20.0, 30.0))
    indices = np.argwhere(np.ones(grid.shape))
    millimetres = indices * np.asarray(grid.spacing)
    plane = (millimetres - millimetres.mean(axis=0)) @ np.array([0.8, 0.5, 0.3])
    hu = (plane * 30).round().astype(np.int16).reshape(grid.shape)
    found = _predict(
        case_of(grid, hu, None, np.zeros(grid.shape, dtype=bool)), _ct_reader(), uncertainty=False
    )
    clear = np.abs(plane.reshape(grid.shape)) > 1.0
    np.testing.assert_array_equal(found.labels[clear], (hu > 0).astype(np.uint8)[clear])
    assert found.grid == grid


def test_the_border_is_answered_at_any_working_spacing() -> None:
    """Working voxels may end short of the CT's: no invented background, no unsampled rim."""
    grid = Grid.axial((7, 9, 11), (1.0, 1.0, 1.0))
    hu = np.full(grid.shape, 500, dtype=np.int16)
    case = case_of(grid, hu, None, np.zeros(grid.shape, dtype=bool))
    model = dataclasses.replace(
        _ct_reader(),
        settings=dataclasses.replace(_ct_reader().settings, working_spacing=(3.2, 2.0, 2.6)),
    )
    found = _predict(case, model, members=2, seed=15)
    assert found.votes is not None
    assert bool((found.labels == 1).all())
    assert set(np.unique(found.votes)) == {2}


def test_progress_never_falls_and_ends_at_one() -> None:
    heard: list[tuple[float, str]] = []
    with small_network_registered():
        predict(
            small_case(),
            small_model(),
            PredictOptions(members=3),
            lambda done, said: heard.append((done, said)),
        )
    fractions = [done for done, _ in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert heard[-1][1] == "member 3 of 3"


def test_provenance_says_what_was_run() -> None:
    settings = _predict(small_case(), small_model(), members=2).settings
    assert settings["model"] == "small"
    assert settings["model sha256"] == "0" * 64
    assert settings["device"] == "cpu"
    assert settings["precision"] == "float32"
    assert settings["working spacing (z, y, x; mm)"] == "3 × 1 × 2, the CT's own"
    assert settings["window (z, y, x; voxels)"] == "6 × 6 × 6"
    assert settings["window overlap"] == "0.5"
    assert settings["dropout rate"] == "0.2"
    assert settings["noise (SD, scaled units)"] == "0.02"
    assert settings["torch threads"] == str(torch.get_num_threads())
    once = _predict(small_case(), small_model(), uncertainty=False).settings
    assert "dropout rate" not in once


def test_bfloat16_is_near_and_still_sums_to_one() -> None:
    case, model = small_case(), small_model(gain=1.0)
    full = _predict(case, model, uncertainty=False)
    half = _predict(case, model, uncertainty=False, precision="bfloat16")
    assert 0 < float(np.abs(full.probabilities - half.probabilities).max()) < 0.05
    assert float(np.abs(half.probabilities.sum(axis=0) - 1).max()) < 1e-5


def test_half_precision_weights_are_run_in_float32() -> None:
    model = small_model()
    halved = {name: value.astype(np.float16) for name, value in model.weights.items()}
    with small_network_registered():
        network = network_for(dataclasses.replace(model, weights=halved))
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert not network.training


def _changed(**changes: np.ndarray[Any, Any] | None) -> ModelFile:
    model = small_model()
    weights = {**model.weights, **changes}
    return dataclasses.replace(model, weights={k: v for k, v in weights.items() if v is not None})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (_changed(**{"last.bias": None}), "first last.bias: none in the file, .3,. in the network"),
        (_changed(spare=np.zeros(2)), "first spare: .2,. in the file, none in the network"),
        (_changed(**{"last.bias": np.zeros(2)}), "first last.bias: .2,. in the file, .3,. in the"),
    ],
)
def test_weights_of_another_network_are_refused(model: ModelFile, said: str) -> None:
    with small_network_registered(), pytest.raises(ModelMismatch, match=said):
        network_for(model)


def test_answers_that_are_no_numbers_are_refused() -> None:
    broken = _changed(**{"last.bias": np.full(3, np.nan, dtype=np.float32)})
    with pytest.raises(ModelMismatch, match="aren't numbers"):
        _predict(small_case(), broken, uncertainty=False)


def test_a_network_of_other_classes_is_refused() -> None:
    model = small_model()
    two = {"last.weight": model.weights["last.weight"][:2], "last.bias": np.zeros(2, np.float32)}
    settings = dataclasses.replace(model.settings, network_settings={"outputs": 2})
    wrong = dataclasses.replace(model, weights={**model.weights, **two}, settings=settings)
    with pytest.raises(ModelMismatch, match="gave 2 classes"):
        _predict(small_case(), wrong, members=2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"members": 0}, "0 members; allowed: 1 to 1000"),
        ({"seed": -1}, "seed -1"),
        ({"precision": "float16"}, "precision 'float16' on cpu; allowed: auto, float32, bfloat16"),
        ({"device": "tpu"}, "device 'tpu'; allowed: cpu, cuda or auto"),
        ({"overlap": 1.0}, "window overlap of 1.0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongCall, match=said):
        _predict(small_case(), small_model(), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_a_wrong_call() -> None:
    with pytest.raises(WrongCall, match=r"finds no GPU here.*use --device cpu"):
        _predict(small_case(), small_model(), device="cuda")
    auto = _predict(small_case(), small_model(), device="auto", uncertainty=False)
    assert auto.settings["device"] == "cpu"


def test_a_full_gpu_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(SmallNetwork, "forward", full)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (0, 8 * 2**30))
    with pytest.raises(WrongCall, match=r"the GPU's 8 GiB.*use --device cpu"):
        _predict(small_case(), small_model(), uncertainty=False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_answer() -> None:
    case, model = small_case(), small_model(gain=1.0)
    cpu = _predict(case, model, members=6, variance=True)
    gpu = _predict(case, model, members=6, variance=True, device="cuda")
    again = _predict(case, model, members=6, variance=True, device="cuda")
    np.testing.assert_allclose(gpu.probabilities, cpu.probabilities, atol=1e-5)
    np.testing.assert_array_equal(gpu.votes, cpu.votes)
    np.testing.assert_array_equal(gpu.probabilities, again.probabilities)


def test_the_air_around_a_patient_is_background_and_said_to_be_unsampled() -> None:
    """A patient in the middle of a wide field: 84 ml of tissue, much air."""
    shape = (9, 24, 30)
    hu = np.full(shape, -1000, dtype=np.int16)
    hu[:, 6:15, 8:20] = 40
    grid = Grid.axial(shape, (4.0, 5.0, 5.0))
    case = case_of(grid, hu, None, np.zeros(shape, dtype=bool))
    found = _predict(case, small_model(), members=6, variance=True)
    assert found.votes is not None
    assert found.mutual_information is not None
    body = np.s_[:, 6:15, 8:20]
    assert (found.votes[body] >= 2).all()
    assert np.isfinite(found.mutual_information[body]).all()
    far = np.ones(shape, dtype=bool)
    far[:, 3:18, 5:23] = False  # 15 mm around the patient is still looked at
    assert (found.votes[far] == 0).all()
    assert np.isnan(found.mutual_information[far]).all()
    assert (found.labels[far] == 0).all()
    assert (found.probabilities[0][far] == 1).all()
    assert (found.entropy[far] == 0).all()
    sampled = ~far
    assert (found.votes[sampled] >= 1).all()


def test_only_the_field_of_a_case_is_looked_at() -> None:
    whole = small_case()
    z, y, x = whole.ct.grid.shape
    case = dataclasses.replace(whole, field=(slice(z // 2, z), slice(0, y), slice(0, x)))
    found, expected, everywhere = (
        _predict(c, small_model(), uncertainty=False).probabilities
        for c in (case, searched(case), whole)
    )
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, everywhere)
