"""Losses by hand, samples by law, and a loop that can be stopped and goes on the same."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.errors import OutputFailed
from hnuiseg.networks import Precision, ResidualEncoderUNet
from hnuiseg.training import PhantomRecipe, make_phantom_model
from hnuiseg.training.augment import augmented, without_pet
from hnuiseg.training.lesion_loss import lesion_dice_loss, surroundings
from hnuiseg.training.loop import Batch, Schedule, train
from hnuiseg.training.losses import loss_at_every_scale, segmentation_loss, soft_dice_loss
from hnuiseg.training.phantom_figures import FRESH_SEED
from hnuiseg.training.sampling import Sample, draw_box

SHAPE = (8, 10, 12)


def _sample(seed: int) -> Sample:
    generator = np.random.default_rng(seed)
    images = torch.from_numpy(generator.normal(size=(4, *SHAPE)).astype(np.float32))
    images[2:] = 0
    coverage = torch.from_numpy(generator.random(SHAPE) < 0.7)
    images[1][~coverage] = 0
    labels = torch.from_numpy(generator.integers(0, 3, SHAPE).astype(np.uint8))
    return Sample(images, coverage, labels)


def test_dice_loss_by_hand() -> None:
    """Two voxels, classes 0 and 1, uniform answers of 1/3 each; class 2 is absent."""
    logits, labels = torch.zeros(1, 3, 1, 1, 2), torch.tensor([[[[0, 1]]]])
    present = 1 - 2 * (1 / 3) / (1 + 2 / 9)  # classes 0 and 1
    expected = 2 * present / 3
    assert soft_dice_loss(logits, labels).item() == pytest.approx(expected, rel=1e-6)
    total = segmentation_loss(logits, labels).item()
    assert total == pytest.approx(expected + np.log(3), rel=1e-6)


def test_a_wrong_voxel_in_a_healthy_patch_costs_as_much_as_one_beside_a_lesion() -> None:
    labels = torch.zeros(2, 4, 4, 4, dtype=torch.long)
    labels[0, 1, 1, 1] = 1
    right = _certain(labels)

    def wrong_at(patch: int) -> float:
        logits = right.clone()
        logits[patch, :, 3, 3, 3] = torch.tensor([0.0, 30.0, 0.0])
        return soft_dice_loss(logits, labels).item()

    assert wrong_at(1) == pytest.approx(wrong_at(0), rel=1e-6)
    assert wrong_at(1) > soft_dice_loss(right, labels).item() + 0.1


def _certain(labels: torch.Tensor) -> torch.Tensor:
    return 30.0 * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()


def test_inventing_a_class_that_is_absent_costs_more_the_more_is_invented() -> None:
    """Nothing for nothing; K voxels cost half of the class' term; if K is 0, nothing does."""
    labels = torch.zeros(1, 6, 6, 6, dtype=torch.long)
    labels[0, 0, 0, :3] = 1

    def extra(voxels: int) -> float:
        answer = labels.clone()
        answer[0, 3].view(-1)[:voxels] = 2
        with_k, without = (soft_dice_loss(_certain(answer), labels, k).item() for k in (8.0, 0.0))
        return 3 * (with_k - without)

    costs = [extra(voxels) for voxels in (0, 1, 8, 30)]
    assert costs[0] == pytest.approx(0.0, abs=1e-6)
    assert costs[1] == pytest.approx(1 / 9, rel=1e-4)
    assert costs[2] == pytest.approx(1 / 2, rel=1e-4)
    assert costs == sorted(costs)


def test_a_small_lesion_counts_as_much_as_a_large_one() -> None:
    labels = torch.zeros(1, 12, 12, 24, dtype=torch.long)
    labels[0, 2:8, 2:8, 2:8], labels[0, 5:7, 5:7, 18:20] = 2, 2
    assert lesion_dice_loss(_certain(labels), labels).item() == pytest.approx(0.0, abs=1e-4)
    for side in (slice(0, 12), slice(12, None)):
        answer = labels.clone()
        answer[..., side] = 0
        assert lesion_dice_loss(_certain(answer), labels).item() == pytest.approx(0.5, abs=1e-4)


def test_what_is_invented_counts_against_the_nearest_lesion_alone() -> None:
    labels = torch.zeros(1, 12, 12, 24, dtype=torch.long)
    labels[0, 2:4, 2:4, 2:4], labels[0, 5:7, 5:7, 18:20] = 1, 1
    answer = labels.clone()
    answer[0, 9:11, 9:11, 20:22] = 1  # 8 voxels beside a lesion of 8
    half = 1 - 2 * 8 / (8 + 16)
    assert lesion_dice_loss(_certain(answer), labels).item() == pytest.approx(half / 2, abs=1e-4)
    unknown = torch.where((answer == 1) & (labels == 0), 255, labels)
    assert lesion_dice_loss(_certain(answer), unknown).item() == pytest.approx(0.0, abs=1e-4)
    none = torch.zeros_like(labels)
    assert lesion_dice_loss(_certain(answer), none).item() == 0.0


@given(seed=st.integers(0, 10_000))
def test_every_voxel_lies_in_the_surroundings_of_one_lesion(seed: int) -> None:
    """Of its own where it is one's; and one lesion alone has everything: equation 2 for a class."""
    generator = np.random.default_rng(seed)
    mask = torch.from_numpy(generator.random(SHAPE) < 0.02)
    mask[0, 0, 0] = True
    numbered, nearest = surroundings(mask)
    assert bool((nearest[mask] == numbered[mask]).all())
    assert set(nearest.flatten().tolist()) == set(range(1, int(numbered.max()) + 1))


def test_loss_is_least_for_the_truth() -> None:
    labels = _sample(1).labels[None].long()
    certain = _certain(labels)
    assert segmentation_loss(certain, labels).item() == pytest.approx(0.0, abs=1e-4)
    assert segmentation_loss(-certain, labels).item() > 1.0


def test_every_scale_is_held_to_the_truth_and_the_finest_counts_most() -> None:
    """Blocks of 4 × 4 × 4 have the same truth at every scale, so equal faults compare."""
    blocks = torch.zeros(1, 2, 2, 2, dtype=torch.long)
    blocks[0, 0, 1, 1], blocks[0, 1, 0, 0] = 1, 2
    labels = blocks.repeat_interleave(4, 1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    right = [_certain(labels[:, ::k, ::k, ::k]) for k in (4, 2, 1)]
    assert loss_at_every_scale(right, labels).item() == pytest.approx(0.0, abs=1e-4)
    faults = []
    for scale in range(3):
        answers = list(right)
        answers[scale] = -right[scale]
        faults.append(loss_at_every_scale(answers, labels).item())
    assert faults[0] == pytest.approx(faults[1] / 2, rel=1e-3)
    assert faults[1] == pytest.approx(faults[2] / 2, rel=1e-3)
    assert faults[0] > 1.0


@given(seed=st.integers(0, 10_000), value=st.sampled_from([1, 2]))
def test_crops_around_tumour_hold_tumour(seed: int, value: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.zeros((20, 24, 28), dtype=np.uint8)
    place = [int(generator.integers(n)) for n in labels.shape]
    labels[place[0], place[1], place[2]] = value
    nowhere = np.zeros(labels.shape, dtype=bool)
    box = draw_box(labels, nowhere, (8, 8, 16), generator, around_tumour=True)
    assert labels[box].shape == (8, 8, 16)
    assert (labels[box] == value).any()


@given(seed=st.integers(0, 10_000), around=st.booleans())
def test_other_crops_hold_tissue(seed: int, around: bool) -> None:
    """Also where tumour was asked for and there is none."""
    generator = np.random.default_rng(seed)
    labels, tissue = np.zeros((20, 24, 28), dtype=np.uint8), np.zeros((20, 24, 28), dtype=bool)
    tissue[tuple(int(generator.integers(n)) for n in labels.shape)] = True
    box = draw_box(labels, tissue, (8, 8, 16), generator, around_tumour=around)
    assert labels[box].shape == (8, 8, 16)
    assert tissue[box].any()


@given(seed=st.integers(0, 10_000))
def test_crops_of_nothing_stay_inside(seed: int) -> None:
    nothing = np.zeros((20, 24, 28), dtype=np.uint8)
    box = draw_box(
        nothing,
        nothing.astype(bool),
        (8, 24, 16),
        np.random.default_rng(seed),
        around_tumour=False,
    )
    assert nothing[box].shape == (8, 24, 16)


@given(seed=st.integers(0, 10_000))
def test_augmentation_never_touches_an_absent_pet_or_a_prompt(seed: int) -> None:
    sample = _sample(seed)
    changed = augmented(sample, np.random.default_rng(seed))
    assert (changed.images[1][~changed.coverage] == 0).all()
    assert (changed.images[2:] == 0).all()
    assert not torch.equal(changed.images[0], sample.images[0])
    bare = augmented(without_pet(sample), np.random.default_rng(seed))
    assert (bare.images[1] == 0).all()


@given(seed=st.integers(0, 10_000))
def test_images_coverage_and_truth_move_together(seed: int) -> None:
    sample = _sample(seed)
    where = (torch.arange(12).expand(SHAPE) * 100).float()  # far larger than noise and scale
    marked = Sample(
        torch.stack([where, *sample.images[1:]]), sample.coverage, where.to(torch.uint8)
    )
    changed = augmented(marked, np.random.default_rng(seed))
    flipped = bool(changed.images[0, 0, 0, 0] > changed.images[0, 0, 0, -1])
    expected = marked.labels.flip(-1) if flipped else marked.labels
    assert torch.equal(changed.labels, expected)
    assert torch.equal(changed.coverage, sample.coverage.flip(-1) if flipped else sample.coverage)


def _batches(first: int) -> Generator[Batch]:
    step = first
    while True:
        sample = _sample(step)
        yield sample.images[None, :, :, :8, :], sample.labels[None, :, :8, :].long()
        step += 1


def _network() -> ResidualEncoderUNet:
    torch.manual_seed(5)
    return ResidualEncoderUNet(widths=(4, 8), blocks=(1, 1), dropout=0.2, batch_normed=True)


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_stopped_run_ends_with_the_same_weights(tmp_path: Path, precision: Precision) -> None:
    schedule = Schedule(6, 2, 1e-2, checkpoint_every=2, hold_from=0.5, precision=precision)
    whole = _network()
    train(whole, _batches, schedule, tmp_path / "whole")

    def stop(step: int, _of: int, _loss: float) -> None:
        if step == 5:  # after a checkpoint at 4: step 5 is lost and must be done again
            raise _Stopped

    with pytest.raises(_Stopped):
        train(_network(), _batches, schedule, tmp_path / "pieces", stop)
    torch.manual_seed(99)  # a new process starts with another state
    resumed = _network()
    torch.manual_seed(77)
    train(resumed, _batches, schedule, tmp_path / "pieces")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    lines = (tmp_path / "pieces" / "losses.jsonl").read_text().splitlines()
    assert len(lines) == 6


def test_held_statistics_stay_and_are_what_training_then_sees(tmp_path: Path) -> None:
    """In the held part, training and use normalise the same way."""

    def kept(hold_from: float, steps: int) -> dict[str, torch.Tensor]:
        network = _network()
        schedule = Schedule(steps=steps, warm_up=1, learning_rate=1e-9, hold_from=hold_from)
        train(network, _batches, schedule, tmp_path / f"{hold_from} {steps}")
        return {n: v.clone() for n, v in network.state_dict().items() if "running" in n}

    at_two, held, moved = kept(1.0, 2), kept(0.4, 5), kept(1.0, 5)
    for name, value in at_two.items():
        torch.testing.assert_close(held[name], value)
    assert any(not torch.allclose(moved[name], at_two[name]) for name in at_two)


def test_schedule_warms_up_and_ends_near_zero() -> None:
    schedule = Schedule(steps=100, warm_up=10, learning_rate=1.0)
    rates = [schedule.rate(k) for k in range(100)]
    assert rates[9] == rates[10] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-3


def test_a_run_is_not_continued_with_another_seed(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(OutputFailed, match="another recipe or seed"):
        make_phantom_model(tmp_path, PhantomRecipe(steps=1), seed=1, patients=1)


def test_the_fresh_cohort_is_never_trained_on(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="measured on"):
        make_phantom_model(tmp_path, PhantomRecipe(), seed=FRESH_SEED, patients=1)
