"""The training loop: one straight road from batches to weights, resumable at any checkpoint."""

import io
import json
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from hnuiseg.errors import InputRefused, TrainingStopped
from hnuiseg.files import atomic_write
from hnuiseg.networks import Precision, ResidualEncoderUNet, hold_statistics, lower_precision
from hnuiseg.training.losses import loss_at_every_scale
from hnuiseg.training.workers import Alone, Workers

LOSSES = "losses.jsonl"
CHECKPOINT = "checkpoint.pt"
STOPPED = "stopped.json"
_KEEP_EVERY_S = 600.0  # at the latest: steps of `full` may take a quarter of a minute


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


Batch = tuple[Tensor, Tensor]  # images (batch, inputs, z, y, x), labels (batch, z, y, x)
Told = Callable[[int, int, float], None]  # steps done and to do in this call, loss
Loss = Callable[[Sequence[Tensor], Tensor], Tensor]  # logits at every scale, labels
Masks = Callable[[int], AbstractContextManager[None]]  # within: a step's dropout masks
Corrected = Callable[[nn.Module, int, Tensor, Tensor], Tensor]  # network, step, images, labels
Watched = Callable[[int], None]  # the number of steps done


@dataclass(frozen=True, slots=True)
class Method:
    """What a recipe does in each step, beyond what every training does."""

    loss_of: Loss = loss_at_every_scale
    masks: Masks | None = None  # None: dropout draws from PyTorch's own generator
    corrected: Corrected | None = None  # images changed by the network's answers to them
    watched: Watched | None = None  # called by the first process; must leave the network as it is


_PLAIN = Method()


def train(
    network: ResidualEncoderUNet,
    batches: Callable[[int], Generator[Batch]],
    schedule: Schedule,
    folder: Path,
    told: Told | None = None,
    *,
    method: Method = _PLAIN,
    workers: Workers | None = None,
) -> None:
    """Train in place; `batches(k)` yields this process' batches from step k on, always the same.

    Every `checkpoint_every` steps, and every ten minutes, a checkpoint is written; a run in the
    same folder goes on from it. `losses.jsonl` holds each step's loss and rate.

    Raises TrainingStopped where the loss is no number: the last checkpoint stays, and
    `stopped.json` says at which step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    crew = workers or Alone(torch.device("cpu"))
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser: torch.optim.Optimizer
    optimiser = torch.optim.AdamW(
        network.parameters(), weight_decay=schedule.weight_decay, fused=True
    )
    model, optimiser = crew.ready(network, optimiser)
    first, lines = _resumed(network, optimiser, folder)
    (folder / STOPPED).unlink(missing_ok=True)
    started = kept = time.monotonic()
    network.train()
    with closing(batches(first)) as stream:  # also when interrupted: it may hold a process
        for step, (images, labels) in zip(range(first, schedule.steps), stream, strict=False):
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(step)
            if step >= schedule.hold_from * schedule.steps:
                hold_statistics(network)
            # channels last are faster on CPUs; the copy to a GPU runs beside its computing
            seen = images.contiguous(memory_format=torch.channels_last_3d)
            seen, truth = (part.to(crew.device, non_blocking=True) for part in (seen, labels))
            held = nullcontext() if method.masks is None else method.masks(step)
            with held, lower_precision(crew.device, schedule.precision):
                if method.corrected is not None:
                    seen = method.corrected(network, step, seen, truth)
                found = model.every_scale(seen)
            loss = method.loss_of([logits.float() for logits in found], truth)
            mean = float(crew.mean(loss.detach()))
            if not math.isfinite(mean):
                raise _stopped(folder, step, "loss", mean, crew)
            optimiser.zero_grad(set_to_none=True)
            crew.backward(loss)
            norm = nn.utils.clip_grad_norm_(network.parameters(), schedule.clip_norm)
            if not math.isfinite(float(norm)):  # the step would make every weight nan
                raise _stopped(folder, step, "gradient", float(norm), crew)
            optimiser.step()
            row = {
                "step": step,
                "loss": round(mean, 5),
                "rate": round(schedule.rate(step), 7),
                "seconds": round(time.monotonic() - started, 1),
            }
            lines.append(json.dumps(row))
            if told is not None:
                told(step + 1 - first, schedule.steps - first, mean)
            done = step + 1
            if method.watched is not None and not crew.rank:
                method.watched(
                    done
                )  # before the checkpoint: what a killed run has missed comes again
            due = done % schedule.checkpoint_every == 0 or done == schedule.steps
            if (due or time.monotonic() - kept > _KEEP_EVERY_S) and not crew.rank:
                _keep(network, optimiser, folder, done, lines)
                kept = time.monotonic()
    network.eval()


def _resumed(
    network: nn.Module, optimiser: torch.optim.Optimizer, folder: Path
) -> tuple[int, list[str]]:
    """The step to go on with, and the lines of the losses before it."""
    if not (folder / CHECKPOINT).exists():
        return 0, []
    try:
        state = torch.load(folder / CHECKPOINT, weights_only=True, map_location="cpu")
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])  # dropout draws from it where masks aren't held
        first = int(state["step"])
        return first, (folder / LOSSES).read_text().splitlines()[:first]
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, UnpicklingError) as error:
        raise InputRefused(
            f"{CHECKPOINT} in {folder.name} can't be used ({type(error).__name__})",
            "the checkpoint of this training, whole",
            "remove it to begin this stage anew",
        ) from error


def _keep(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    folder: Path,
    done: int,
    lines: Sequence[str],
) -> None:
    content = io.BytesIO()  # torch.save itself would leave half a file on a full disk
    torch.save(
        {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "step": done,
        },
        content,
    )
    # losses first: lines beyond the checkpoint are cut off again, missing ones would be lost
    atomic_write(folder / LOSSES, ("\n".join(lines) + "\n").encode())
    atomic_write(folder / CHECKPOINT, content.getvalue())


def _stopped(folder: Path, step: int, what: str, value: float, crew: Workers) -> TrainingStopped:
    if not crew.rank:
        said = json.dumps({"step": step, "what": what, "value": str(value)})
        atomic_write(folder / STOPPED, said.encode())
    return TrainingStopped(
        f"the {what} became {value} at step {step}",
        "numbers",
        "lower the learning rate or use float32, in a new run; the last checkpoint is kept",
    )
