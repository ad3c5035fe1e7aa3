"""Two processes (gloo) equal one with the whole batch: data, loss, gradients, dropout and all."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hnuiseg.errors import InputRefused
from hnuiseg.networks import ResidualEncoderUNet, build, patch_masks
from hnuiseg.training.data import EVERYONE, parts_of, samples_of
from hnuiseg.training.loop import LOSSES
from hnuiseg.training.losses import Terms, loss_of_each
from hnuiseg.training.patches import Patches
from hnuiseg.training.run import Stage, check_crew, model_before, run_stage
from hnuiseg.training.workers import Alone, workers
from training.made_data import SHORT, TINY, data_set

TESTS = Path(__file__).parent.parent


def _train(data: Path, run: Path) -> None:
    """All stages: what `torchrun` starts."""
    torch.set_num_threads(1)
    crew = workers("cpu")
    for number in (1, 2, 3):
        begin = model_before(run, number)
        recipe = replace(SHORT, epochs=2)
        # rounding may turn a voxel of a first mask, and then a click of stage 3 falls elsewhere and
        # losses part for good: with this seed none does
        stage = Stage(number, recipe, TINY, parts_of([data], 0), "0", 8, "float32", begin)
        check_crew(stage.scale, crew)
        run_stage(stage, run, crew, resume=False)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_two_processes_equal_one_with_batch_two(tmp_path: Path) -> None:
    data = data_set(tmp_path / "set", 4)
    together, alone = tmp_path / "together", tmp_path / "alone"
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    port = ["--master-addr", "127.0.0.1", "--master-port", str(_free_port())]
    done = subprocess.run(
        [*launch, *port, __file__, str(data), str(together)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    threads = torch.get_num_threads()
    _train(data, alone)
    torch.set_num_threads(threads)
    for number in (1, 3):
        losses = np.array([_losses(run / f"stage{number}") for run in (together, alone)])
        # the first steps are equal; later ones start from weights that differ by rounding, which
        # Adam's division by the gradient's own size makes larger
        first = losses[:, :4] if number == 1 else losses[:, :1]
        np.testing.assert_allclose(first[0], first[1], atol=1.1e-5 if number == 1 else 1e-3)
        np.testing.assert_allclose(losses[0], losses[1], atol=5e-3)


def _losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / LOSSES).read_text().splitlines()]


def test_gradients_are_the_mean_of_the_patches(tmp_path: Path) -> None:
    """The law behind it, without an optimiser: one process with both patches, or one with each."""
    data = data_set(tmp_path / "set", 3)
    stage = Stage(1, SHORT, TINY, parts_of([data], EVERYONE), EVERYONE, 7, "float32", None)
    samples = samples_of(stage.parts.training, TINY.settings)
    patches = Patches(samples, SHORT, TINY, 1, 7)
    network = build(TINY.settings.network, TINY.settings.network_settings)
    assert isinstance(network, ResidualEncoderUNet)

    def gradients(numbers: list[int]) -> list[torch.Tensor]:
        network.zero_grad()
        images, labels = patches.batch(5, numbers)
        with patch_masks(network, 0.3, [7, 5], numbers):
            loss = loss_of_each(network.every_scale(images), labels, Terms(every_scale=True))
        loss.backward()  # type: ignore[no-untyped-call]
        return [p.grad.clone() for p in network.parameters() if p.grad is not None]

    together, each = gradients([0, 1]), [gradients([number]) for number in (0, 1)]
    for both, first, second in zip(together, *each, strict=True):
        scale = float(both.abs().max())
        assert float((both - (first + second) / 2).abs().max()) <= 1e-5 * max(1.0, scale)


def test_patches_must_be_shared_evenly() -> None:
    crew = Alone(torch.device("cpu"))
    crew.count = 3
    with pytest.raises(InputRefused, match="3 processes for 2 patches"):
        check_crew(TINY, crew)


if __name__ == "__main__":
    _train(Path(sys.argv[1]), Path(sys.argv[2]))
