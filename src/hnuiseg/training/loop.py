"""The training loop: one straight road from batches to weights, resumable at any checkpoint."""

import io
import json
import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hnuiseg.files import atomic_write
from hnuiseg.networks import Precision, ResidualEncoderUNet, hold_statistics, lower_precision
from hnuiseg.training.losses import loss_at_every_scale


@dataclass(frozen=True, slots=True)
class Schedule:
    """AdamW with a cosine that ends at zero, after a linear warm-up (paper section 2.2)."""

    steps: int
    warm_up: int
    learning_rate: float
    weight_decay: float = 1e-4
    clip_norm: float = 12.0
    checkpoint_every: int = 100
    hold_from: float = 1.0  # of the steps: from there batch normalisation keeps what it has found
    precision: Precision = "float32"  # of the layers; weights and losses are float32

    def rate(self, step: int) -> float:
        """Learning rate at a step, counted from 0."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


Batch = tuple[Tensor, Tensor]  # images (batch, 4, z, y, x), labels (batch, z, y, x)
Told = Callable[[int, int, float], None]  # steps done and to do in this call, loss


def train(
    network: ResidualEncoderUNet,
    batches: Callable[[int], Generator[Batch]],
    schedule: Schedule,
    folder: Path,
    told: Told | None = None,
) -> None:
    """Train in place; `batches(k)` yields batches from step k on, the same ones each time.

    Every `checkpoint_every` steps a checkpoint is written; a run in the same folder goes on
    from it. `losses.jsonl` holds each step's loss and rate.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=schedule.weight_decay)
    checkpoint, first, lines = folder / "checkpoint.pt", 0, list[str]()
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])  # dropout in training draws from it
        first, lines = state["step"], state["lines"]
    started = time.monotonic()
    network.train()
    with closing(batches(first)) as stream:  # also when interrupted: it may hold a process
        for step, (images, labels) in zip(range(first, schedule.steps), stream, strict=False):
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(step)
            if step >= schedule.hold_from * schedule.steps:
                hold_statistics(network)
            seen = images.contiguous(memory_format=torch.channels_last_3d)  # faster on CPUs
            with lower_precision(images.device, schedule.precision):
                found = network.every_scale(seen)
            loss = loss_at_every_scale([logits.float() for logits in found], labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), schedule.clip_norm)
            optimiser.step()
            row = {
                "step": step,
                "loss": round(loss.item(), 5),
                "rate": round(schedule.rate(step), 7),
                "seconds": round(time.monotonic() - started, 1),
            }
            lines.append(json.dumps(row))
            if told is not None:
                told(step + 1 - first, schedule.steps - first, loss.item())
            if (step + 1) % schedule.checkpoint_every == 0 or step + 1 == schedule.steps:
                content = io.BytesIO()  # torch.save itself would leave half a file on a full disk
                torch.save(
                    {
                        "network": network.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "random": torch.get_rng_state(),
                        "step": step + 1,
                        "lines": lines,
                    },
                    content,
                )
                atomic_write(checkpoint, content.getvalue())
                atomic_write(folder / "losses.jsonl", ("\n".join(lines) + "\n").encode())
    network.eval()
