"""A network's inputs from their parts, in the order that its settings name."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hnuiseg.models import AVAILABILITY, BEFORE, ModelSettings


def channels(
    settings: ModelSettings,
    images: Float[Tensor, "2 z y x"],
    prompts: Float[Tensor, "2 z y x"],
    coverage: UInt8[Tensor, "z y x"],
    before: UInt8[Tensor, "z y x"] | None = None,
) -> Float[Tensor, "c z y x"]:
    """CT, PET, prompts, then what the model adds: where there is a PET, and the answer before.

    `before` are labels that clicks correct; None: nothing was answered yet.
    """
    parts = {AVAILABILITY: coverage.float()}
    for value, name in enumerate(BEFORE, start=1):
        empty = torch.zeros_like(images[0])
        parts[name] = empty if before is None else (before == value).float()
    added = [parts[name][None] for name in settings.extra_channels]
    return torch.cat([images, prompts, *added])


def with_answer(
    settings: ModelSettings,
    inputs: Float[Tensor, "c z y x"],
    prompts: Float[Tensor, "2 z y x"],
    before: UInt8[Tensor, "z y x"],
) -> Float[Tensor, "c z y x"]:
    """The same inputs with other prompts and the answer that they correct."""
    changed = inputs.clone()
    changed[2:4] = prompts
    for value, name in enumerate(BEFORE, start=1):
        if name in settings.extra_channels:
            changed[settings.channels.index(name)] = (before == value).float()
    return changed
