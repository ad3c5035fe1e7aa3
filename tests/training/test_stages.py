"""The three stages: each learns, goes on as if never stopped, and sees the clicks it should."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hnuiseg.cohorts import read_cached, write_array
from hnuiseg.errors import InputRefused, ModelMismatch, OutputFailed, TrainingStopped
from hnuiseg.files import atomic_write
from hnuiseg.models import Card, ModelFile, read_model
from hnuiseg.networks import build
from hnuiseg.training.data import EVERYONE, parts_of, samples_of
from hnuiseg.training.first_masks import FirstMasks
from hnuiseg.training.loop import LOSSES, STOPPED
from hnuiseg.training.patches import Patches
from hnuiseg.training.recipe import PAPER, SCALES
from hnuiseg.training.run import Stage, learnt_by, model_before, run_stage
from hnuiseg.training.validation import validation_rows
from hnuiseg.training.workers import Alone
from training.made_data import SHORT, TINY, Killed, data_set, killed_after

CREW = Alone(torch.device("cpu"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_set(tmp_path_factory.mktemp("data") / "set", 5)


def _stage(data: Path, number: int = 1, run: Path | None = None, **changes: object) -> Stage:
    begin = None if run is None else model_before(run, number)
    stage = Stage(number, SHORT, TINY, parts_of([data], 0), "0", 7, "float32", begin)
    return replace(stage, **changes)  # type: ignore[arg-type]


def _losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / LOSSES).read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    for number in (1, 2, 3):
        stage = _stage(data, number, run)
        longer = replace(stage, recipe=replace(SHORT, epochs=10, validate_every=5))
        run_stage(longer, run, CREW, resume=False)
    return run


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_stage_learns_and_says_how(trained: Path, number: int) -> None:
    folder = trained / f"stage{number}"
    losses = _losses(folder)
    assert len(losses) == 30
    if number == 1:
        assert np.mean(losses[-6:]) < 0.9 * np.mean(losses[:6])
    rows = validation_rows(folder)
    assert [row["step"] for row in rows] == [15, 30]
    assert all(("dice after clicks" in row) == (number == 3) for row in rows)
    assert list((folder / "pictures").glob("*.png"))
    model = read_model(folder / "model.safetensors")
    assert model.card.licence_of_training_data == "none needed"
    assert model.settings == TINY.settings


def test_a_stage_starts_from_the_one_before(trained: Path, data: Path) -> None:
    record = json.loads((trained / "stage2" / "run.json").read_text())
    assert record["begins with"] == read_model(trained / "stage1" / "model.safetensors").sha256
    with pytest.raises(InputRefused, match="without a finished stage 1"):
        _stage(data, 2, trained / "elsewhere")


@pytest.mark.parametrize("killed_at", [1, 4, 9])
def test_law_3_resumed_equals_never_stopped(data: Path, tmp_path: Path, killed_at: int) -> None:
    """Weights and losses bit for bit."""
    stage = _stage(data)

    told = killed_after(killed_at)

    import hnuiseg.training.run as run_module

    schedule = replace(stage.schedule, checkpoint_every=2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_module.Stage, "schedule", schedule)
        whole = run_stage(stage, tmp_path / "whole", CREW, resume=False)
        with pytest.raises(Killed):
            run_stage(stage, tmp_path / "parts", CREW, resume=False, told=told)
        parts = run_stage(stage, tmp_path / "parts", CREW, resume=True)
    assert whole.read_bytes() == parts.read_bytes()
    assert _losses(whole.parent) == _losses(parts.parent)
    assert validation_rows(whole.parent) == validation_rows(parts.parent)


def test_another_call_is_not_gone_on_with(trained: Path, data: Path) -> None:
    stage = _stage(data)
    longer = replace(stage, recipe=replace(SHORT, epochs=10, validate_every=5))
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*") if p.is_file()}
    with pytest.raises(OutputFailed, match="--resume"):
        run_stage(longer, trained, CREW, resume=False)
    changes: list[tuple[str, dict[str, object]]] = [
        ("recipe", {"recipe": replace(SHORT, epochs=9)}),
        ("seed", {"seed": 8}),
        ("data", {"parts": parts_of([data], 1)}),
    ]
    for word, change in changes:
        with pytest.raises(OutputFailed, match=f"another .*{word}"):
            run_stage(replace(longer, **change), trained, CREW, resume=True)  # type: ignore[arg-type]
    run_stage(longer, trained, CREW, resume=True)  # finished: nothing to do
    after = {p: p.stat().st_mtime_ns for p in trained.rglob("*") if p.is_file()}
    assert before == after


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_state(
    data: Path, tmp_path: Path
) -> None:
    stage = _stage(data, recipe=replace(SHORT, warm_up_epochs=0))
    wild = replace(stage, scale=replace(TINY, learning_rate=1e30))
    with pytest.raises(TrainingStopped, match="loss became"):
        run_stage(wild, tmp_path, CREW, resume=False)
    assert json.loads((tmp_path / "stage1" / STOPPED).read_text())["step"] > 0
    assert not (tmp_path / "stage1" / "model.safetensors").exists()


def _patches(data: Path, number: int, masks: FirstMasks | None = None) -> Patches:
    samples = samples_of(parts_of([data], EVERYONE).training, TINY.settings)
    return Patches(samples, SHORT, TINY, number, 3, masks)


def test_same_seed_same_patches_whoever_makes_them(data: Path) -> None:
    patches = _patches(data, 1)
    stream = patches.batches(4, [0, 1])
    for step in (4, 5):
        images, labels = next(stream)
        for number in (1, 0):
            one, truth = patches.batch(step, [number])
            assert torch.equal(one[0], images[number])
            assert torch.equal(truth[0], labels[number])
    stream.close()
    assert not torch.equal(patches.batch(4, [0])[0], replace(patches, seed=4).batch(4, [0])[0])


def test_every_case_comes_once_a_round(data: Path) -> None:
    patches = _patches(data, 1)
    rounds = [[patches._who(5 * k + n) for n in range(5)] for k in range(4)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_law_11_prompts_of_each_stage(data: Path, tmp_path: Path) -> None:
    """Half of the patches in stage 1, never in stage 2; in stage 3 wherever the first mask errs."""
    first, second = _patches(data, 1), _patches(data, 2)
    prompted = [bool(first.batch(step, [0])[0][:, 2:].any()) for step in range(60)]
    with_tumour = [bool((first.batch(step, [0])[1] > 0).any()) for step in range(60)]
    share = sum(prompted) / sum(with_tumour)
    assert 0.25 < share < 0.75
    assert all(not second.batch(step, [0])[0][:, 2:].any() for step in range(20))

    samples = first.samples
    perfect, empty = (FirstMasks(tmp_path / name, samples) for name in ("perfect", "empty"))
    for sample in samples:
        truth = sample.marks(sample.whole)[0]
        for name, mask in (("perfect", truth), ("empty", np.zeros_like(truth))):
            (tmp_path / name).mkdir(exist_ok=True)
            write_array(mask, tmp_path / name / f"{sample.name}.b2nd")
    for step in range(20):
        nothing, labels = _patches(data, 3, perfect).batch(step, [0])
        assert not nothing[:, 2:].any()
        missed, _ = _patches(data, 3, empty).batch(step, [0])
        for channel, value in ((2, 1), (3, 2)):
            there = bool((labels == value).any())
            assert bool((missed[:, channel] > 0).any()) == there
            assert not bool((missed[:, channel] < 0).any())


def test_no_pet_stays_exactly_zero(data: Path) -> None:
    patches = _patches(data, 1)
    (without,) = (k for k, s in enumerate(patches.samples) if s.name.endswith("case-2"))
    only = replace(patches, samples=(patches.samples[without],))
    for step in range(20):
        assert not only.batch(step, [0])[0][0, 1].any()


def test_law_11_no_patient_on_two_sides(data: Path, tmp_path: Path) -> None:
    for fold in range(5):
        parts = parts_of([data], fold)
        sides = [{ref.patient for ref in side} for side in (parts.training, parts.validation)]
        assert not sides[0] & sides[1]
        assert len(sides[0] | sides[1]) == 5
    other = data_set(tmp_path / "again", 5, kind="made", seed=22)
    splits = json.loads((other / "splits.json").read_text())
    splits["folds"] = splits["folds"][1:] + splits["folds"][:1]
    atomic_write(other / "splits.json", json.dumps(splits).encode())
    with pytest.raises(InputRefused, match="in one data set and in"):
        parts_of([data, other], 0)


def _misses_one(splits: dict[str, list[list[str]]]) -> None:
    next(fold for fold in splits["folds"] if fold).pop()


def _twice(splits: dict[str, list[list[str]]]) -> None:
    splits["folds"][1].append(splits["folds"][0][0])


@pytest.mark.parametrize(
    ("harm", "said"), [(_misses_one, "miss patient"), (_twice, "is in two folds")]
)
def test_a_bad_fold_file_is_refused(
    tmp_path: Path, harm: Callable[[dict[str, list[list[str]]]], None], said: str
) -> None:
    folder = data_set(tmp_path / "set", 3)
    splits = json.loads((folder / "splits.json").read_text())
    harm(splits)
    atomic_write(folder / "splits.json", json.dumps(splits).encode())
    with pytest.raises(InputRefused, match=said):
        parts_of([folder], 0)
    with pytest.raises(InputRefused):
        parts_of([tmp_path], 0)


def test_the_papers_numbers() -> None:
    """Section 2.2: 300 epochs, 10 of them warm-up, prompts in half of stage 1's samples."""
    assert (PAPER.epochs, PAPER.warm_up_epochs) == (300, 10)
    assert PAPER.prompted == (0.5, 0.0, 1.0)


def test_full_scale_makes_a_step(data: Path, tmp_path: Path) -> None:
    """The paper's network and way to prepare images; a smaller patch, as this is no GPU."""
    full = replace(SCALES["full"], patch=(16, 32, 32), batch=1, steps_an_epoch=1)
    assert SCALES["full"].patch == (160, 224, 224)  # section 3.3, z y x
    recipe = replace(SHORT, epochs=1, validate_every=9)
    parts = replace(parts_of([data], EVERYONE), validation=())
    stage = Stage(1, recipe, full, parts, EVERYONE, 7, "float32", None)
    file = run_stage(stage, tmp_path, CREW, resume=False)
    assert len(_losses(file.parent)) == 1
    settings = read_model(file).settings
    assert settings.working_spacing is None  # section 3.2: the CT's own
    ct = read_cached(parts.training[0].folder).case.ct
    sample = parts.training[0].sample(settings)
    assert sample.spacing == ct.grid.spacing
    hu = (sample.images(sample.whole)[0] * 1000).round(1)
    there = np.isin(hu, ct.array.clip(-1024, 3071).round(1))
    assert there.mean() > 0.99  # voxels as they are: nothing interpolated


def test_law_11_nobody_held_back_was_learnt_from_in_a_stage_before(
    data: Path, tmp_path: Path
) -> None:
    recipe = replace(SHORT, epochs=1, validate_every=9)
    first = Stage(1, recipe, TINY, parts_of([data], 0), "0", 7, "float32", None)
    file = run_stage(first, tmp_path, CREW, resume=False)
    other = Stage(2, recipe, TINY, parts_of([data], 1), "1", 7, "float32", read_model(file))
    with pytest.raises(InputRefused, match="was learnt from before and is held back in stage 2"):
        run_stage(other, tmp_path, CREW, resume=False)
    second = Stage(2, recipe, TINY, parts_of([data], 0), "0", 7, "float32", read_model(file))
    before = run_stage(second, tmp_path, CREW, resume=True)
    third = Stage(3, recipe, TINY, parts_of([data], 1), "1", 7, "float32", read_model(before))
    with pytest.raises(InputRefused, match="was learnt from before"):
        run_stage(third, tmp_path, CREW, resume=False)


def test_law_11_holds_for_the_runs_that_feed_a_run(data: Path, tmp_path: Path) -> None:
    """A first task's weights carry whom they know, through every run that starts from them."""
    recipe = replace(SHORT, epochs=1, validate_every=9)
    first = Stage(1, recipe, TINY, parts_of([data], 0), "0", 7, "float32", None)
    file = run_stage(first, tmp_path / "targets", CREW, resume=False)
    known = learnt_by(file)
    assert known == {ref.patient for ref in parts_of([data], 0).training}

    def fed(fold: int) -> Stage:
        begin = read_model(file)
        parts = parts_of([data], fold)
        return Stage(1, recipe, TINY, parts, str(fold), 7, "float32", begin, known)

    again = run_stage(fed(0), tmp_path / "tumours", CREW, resume=False)
    assert learnt_by(again) >= known
    with pytest.raises(InputRefused, match="was learnt from before"):
        run_stage(fed(1), tmp_path / "other", CREW, resume=False)
    assert not (tmp_path / "other" / "stage1" / "model.safetensors").exists()


def test_law_11_patients_to_test_on_are_on_no_side(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "set", 4)
    splits = json.loads((folder / "splits.json").read_text())
    kept = next(fold for fold in splits["folds"] if fold).pop()
    splits["testing"] = [kept]
    atomic_write(folder / "splits.json", json.dumps(splits).encode())
    for fold in (0, 1, EVERYONE):
        parts = parts_of([folder], fold)
        assert [ref.patient for ref in parts.testing] == [kept]
        used = (*parts.training, *parts.validation, *parts.calibration)
        assert kept not in {ref.patient for ref in used}


def test_a_gradient_that_is_no_number_never_reaches_the_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _stage(data)
    calls = []

    def norm(*_: object) -> torch.Tensor:
        calls.append(1)
        return torch.tensor(float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", norm)
    monkeypatch.setattr(Stage, "schedule", replace(stage.schedule, checkpoint_every=2))
    with pytest.raises(TrainingStopped, match="gradient"):
        run_stage(stage, tmp_path, CREW, resume=False)
    kept = torch.load(tmp_path / "stage1" / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 4
    assert all(bool(torch.isfinite(w).all()) for w in kept["network"].values())


def test_a_model_made_for_other_images_is_no_beginning(trained: Path, data: Path) -> None:
    model = read_model(trained / "stage1" / "model.safetensors")
    other = replace(model, settings=replace(model.settings, ct_scheme="raw"))
    with pytest.raises(ModelMismatch, match="another ct_scheme"):
        run_stage(_stage(data, 2, trained, begin=other), trained, CREW, resume=True)


def test_damaged_samples_and_masks_are_made_anew(data: Path, tmp_path: Path) -> None:
    settings = TINY.settings
    ref = parts_of([data], EVERYONE).training[0]
    sample = ref.sample(settings)
    before = sample.images(sample.whole)
    for name in ("images.b2nd", "places.npy", "sample.json"):
        (sample.folder / name).write_bytes(b"damaged")
        np.testing.assert_array_equal(ref.sample(settings).images(sample.whole), before)
    masks = FirstMasks(tmp_path, [sample])
    write_array(np.ones(sample.shape, np.uint8), tmp_path / f"{sample.name}.b2nd")
    assert masks[sample.name].all()
    (tmp_path / f"{sample.name}.b2nd").write_bytes(b"damaged")
    model = ModelFile(
        Card("a", "", "", "", "", "", "", 0, {}, ""),
        settings,
        {k: v.numpy() for k, v in build(settings.network, {}).state_dict().items()},
        "",
    )
    masks.make([sample], model, CREW.device)
    assert masks[sample.name].shape == sample.shape


def test_a_damaged_checkpoint_is_refused(data: Path, tmp_path: Path) -> None:
    stage = _stage(data)
    (tmp_path / "stage1").mkdir()
    (tmp_path / "stage1" / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(InputRefused, match="the checkpoint of this training"):
        run_stage(stage, tmp_path, CREW, resume=True)


def test_slow_steps_are_kept_by_time(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hnuiseg.training.loop._KEEP_EVERY_S", 0.0)
    stage = _stage(data)

    told = killed_after(6)

    with pytest.raises(Killed):
        run_stage(stage, tmp_path / "parts", CREW, resume=False, told=told)
    kept = torch.load(tmp_path / "parts" / "stage1" / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 5
    parts = run_stage(stage, tmp_path / "parts", CREW, resume=True)
    whole = run_stage(stage, tmp_path / "whole", CREW, resume=False)
    assert parts.read_bytes() == whole.read_bytes()
