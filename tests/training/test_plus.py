"""Recipe `plus`: rounds of corrections of the network's own answers, and channels that say more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hnuiseg.cohorts import phantom, phantom_case
from hnuiseg.errors import ModelMismatch
from hnuiseg.inference import PredictOptions, predict
from hnuiseg.interaction.component import components_of
from hnuiseg.models import AVAILABILITY, BEFORE, model_bytes, read_model
from hnuiseg.training.corrections import Corrections
from hnuiseg.training.data import EVERYONE, parts_of, samples_of
from hnuiseg.training.patches import Patches
from hnuiseg.training.recipe import PAPER, PLUS, SCALES, sized
from hnuiseg.training.run import Stage, run_stage
from hnuiseg.training.validation import validation_rows
from hnuiseg.training.workers import Alone
from training.made_data import TINY, Killed, data_set, killed_after

CREW = Alone(torch.device("cpu"))
SHORT_PLUS = replace(PLUS, epochs=4, warm_up_epochs=1, validate_every=2)
PLUS_TINY = sized(PLUS, TINY)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_set(tmp_path_factory.mktemp("data") / "set", 5)


def _patches(data: Path, **changes: object) -> Patches:
    recipe = replace(SHORT_PLUS, **changes)  # type: ignore[arg-type]
    samples = samples_of(parts_of([data], EVERYONE).training, PLUS_TINY.settings)
    return Patches(samples, recipe, PLUS_TINY, 1, 3)


def test_it_learns_and_resumes_to_the_same_bit(data: Path, tmp_path: Path) -> None:
    stage = Stage(1, SHORT_PLUS, PLUS_TINY, parts_of([data], 0), "0", 7, "float32", None)

    told = killed_after(5)

    import hnuiseg.training.run as run_module

    with pytest.MonkeyPatch.context() as patched:
        schedule = replace(stage.schedule, checkpoint_every=2)
        patched.setattr(run_module.Stage, "schedule", schedule)
        whole = run_stage(stage, tmp_path / "whole", CREW, resume=False)
        with pytest.raises(Killed):
            run_stage(stage, tmp_path / "parts", CREW, resume=False, told=told)
        parts = run_stage(stage, tmp_path / "parts", CREW, resume=True)
    assert whole.read_bytes() == parts.read_bytes()
    assert all("dice after clicks" in row for row in validation_rows(whole.parent))

    model = read_model(whole)
    assert model.settings.channels[4:] == (AVAILABILITY, *BEFORE)
    case = phantom_case(phantom(31, 0, spacing=(8.0, 8.0, 8.0)))
    both = [
        predict(shown, model, PredictOptions(members=3)).probabilities
        for shown in (case, replace(case, pet=None))
    ]
    assert (both[0] != both[1]).any()
    short = replace(model.settings, extra_channels=())
    file = tmp_path / "short.safetensors"
    file.write_bytes(model_bytes(model.card, short, model.weights))
    with pytest.raises(ModelMismatch):
        read_model(file)


class _Answers(nn.Module):
    """Answers the truth of a patch but for what it is told to miss, and remembers its inputs."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer, self.seen = answer, list[torch.Tensor]()
        self.norm = nn.BatchNorm3d(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not self.training
        self.seen.append(images.clone())
        return nn.functional.one_hot(self.answer.long(), 3).movedim(-1, 1).float()


def test_rounds_of_clicks_at_the_networks_own_errors(data: Path) -> None:
    """Each round adds clicks; the last answer has channels of its own; ignored is no error."""
    patches = _patches(data, around_tumour=1.0)
    images, labels = patches.batch(2, [0, 1])
    assert not images[:, 2:4].any()
    recipe = replace(SHORT_PLUS, prompted=(1.0, 0.0, 1.0), rounds=3)
    recipe = replace(recipe, placement=replace(recipe.placement, jittered=0.0, wrong=0.0))
    network = _Answers(torch.zeros_like(labels)).train()
    network.norm.eval()
    corrections = Corrections(recipe, PLUS_TINY.settings, 1, 5, [0, 1])
    found = corrections(network, 2, images, labels)
    assert network.training
    assert not network.norm.training  # as it was before
    assert torch.equal(found[:, :2], images[:, :2])
    assert not (found[:, 2:4] < 0).any()  # nothing was invented
    assert not found[:, 5:].any()  # it answered nothing
    for k in range(2):
        for channel, value in ((2, 1), (3, 2)):
            assert bool(found[k, channel].any()) == bool((labels[k] == value).any())
    counts = [int((seen[:, 2:4] == 1).sum()) for seen in network.seen]
    assert counts[0] == 0
    assert counts == sorted(counts)

    wrong = torch.where(labels == 0, 1, 0)
    network = _Answers(wrong)
    corrected = corrections(network, 2, images, labels)
    assert torch.equal(corrected[:, 5], (wrong == 1).float())
    assert (corrected[:, 2] < 0).any()
    everything_ignored = torch.full_like(labels, 255)
    unclicked = corrections(_Answers(wrong), 2, images, everything_ignored)
    assert not unclicked[:, 2:4].any()


def test_people_also_click_on_what_is_right(data: Path) -> None:
    """An answer without any error is still clicked at, in every lesion and nowhere else."""
    images, labels = _patches(data, around_tumour=1.0).batch(2, [0])
    recipe = replace(SHORT_PLUS, prompted=(1.0, 0.0, 1.0), rounds=1, each_lesion=1.0)
    recipe = replace(recipe, placement=replace(recipe.placement, jittered=0.0, wrong=0.0))
    perfect = _Answers(labels.clamp(max=2))
    found = Corrections(recipe, PLUS_TINY.settings, 1, 5, [0])(perfect, 2, images, labels)
    assert not (found[:, 2:4] < 0).any()
    for channel, value in ((2, 1), (3, 2)):
        lesions = len(components_of((labels[0] == value).numpy()))
        centres = int((found[0, channel] == 1).sum())
        assert centres == lesions
    without = replace(recipe, each_lesion=0.0)
    same = Corrections(without, PLUS_TINY.settings, 1, 5, [0])(perfect, 2, images, labels)
    assert not same[:, 2:4].any()


def test_a_share_of_patches_has_no_click(data: Path) -> None:
    images, labels = _patches(data).batch(0, [0])
    network = _Answers(torch.ones_like(labels)).eval()
    rounds = Corrections(PLUS, PLUS_TINY.settings, 1, 5, [0])
    clicked = [bool(rounds(network, k, images, labels)[:, 2:4].any()) for k in range(100)]
    assert 0.45 < np.mean(clicked) < 0.75
    for k in range(10):
        stage_two = Corrections(PLUS, PLUS_TINY.settings, 2, 5, [0])
        assert torch.equal(stage_two(network, k, images, labels), images)


def test_availability_says_where_there_is_a_pet(data: Path) -> None:
    patches = _patches(data, turned=0.0, pet_shift_mm=0.0)
    hidden = 0
    for step in range(60):
        images, _ = patches.batch(step, [0])
        there = images[0, 4] == 1
        assert not images[0, 1][~there].any()
        hidden += not there.any()
    without = 1 / 5  # one of the five has none
    assert 0.15 < hidden / 60 < 0.25 + without + 0.15


def test_a_shifted_pet_leaves_ct_and_labels_where_they_are(data: Path) -> None:
    still, moved = (_patches(data, pet_hidden=0.0, pet_shift_mm=mm) for mm in (1e-9, 40.0))
    differ = 0
    for step in range(20):
        (one, labels), (other, same) = still.batch(step, [0]), moved.batch(step, [0])
        assert torch.equal(labels, same)
        differ += not torch.equal(one[:, 1], other[:, 1])
    assert differ > 5


def test_the_papers_inputs_stay_four() -> None:
    for scale in SCALES.values():
        assert sized(PAPER, scale) == scale
        assert len(sized(PLUS, scale).settings.channels) == 7
