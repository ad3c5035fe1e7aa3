"""Dropout of whole channels that can be drawn once and held for a whole volume.

Monte Carlo dropout (paper section 2.5) asks for one network per member: if each sliding
window drew its own mask, neighbouring windows of one member would disagree at their seams.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn


class ChannelDropout(nn.Module):
    """Zeroes channels: at random in training, by a held mask under `fixed_masks`, else none."""

    def __init__(self, channels: int, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"a dropout rate of {rate}")
        self.channels = channels
        self.rate = rate
        self.held: Tensor | None = None  # (1 or batch, channels, 1, 1, 1), 0 or 1 / (1 - rate)

    def forward(self, features: Tensor) -> Tensor:
        """Features of shape (batch, channels, z, y, x), channels dropped or kept."""
        if self.held is not None:
            return features * self.held.to(features)
        if self.rate == 0.0:
            return features
        return nn.functional.dropout3d(features, self.rate, self.training)


@contextmanager
def fixed_masks(network: nn.Module, rate: float, seed: int, member: int) -> Iterator[None]:
    """Within: each dropout layer holds one mask, keyed by (seed, member, layer)."""
    layers = [m for m in network.modules() if isinstance(m, ChannelDropout)]
    for number, layer in enumerate(layers):
        draw = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, member, number])))
        kept = draw.random(layer.channels) >= rate
        mask = torch.from_numpy((kept / (1.0 - rate)).astype(np.float32))
        layer.held = mask.reshape(1, -1, 1, 1, 1)
    try:
        yield
    finally:
        for layer in layers:
            layer.held = None


@contextmanager
def patch_masks(
    network: nn.Module, rate: float, key: Sequence[int], numbers: Sequence[int]
) -> Iterator[None]:
    """Within: each patch of a batch has masks of its own, keyed by (key, its number, layer).

    `numbers` are the patches' in their step. The same patch then has the same masks in whatever
    process it is answered, and after whatever came before: a resumed training equals one that was
    never stopped, and several processes equal one.
    """
    layers = [m for m in network.modules() if isinstance(m, ChannelDropout)]
    draws = [
        np.random.Generator(np.random.Philox(np.random.SeedSequence([*key, number])))
        for number in numbers
    ]
    for layer in layers:
        kept = np.stack([draw.random(layer.channels) >= rate for draw in draws])
        mask = torch.from_numpy((kept / (1.0 - rate)).astype(np.float32))
        layer.held = mask.reshape(len(draws), -1, 1, 1, 1)
    try:
        yield
    finally:
        for layer in layers:
            layer.held = None


@contextmanager
def masks_of(network: nn.Module, places: Sequence[int]) -> Iterator[None]:
    """Within `patch_masks`: only the patches at these places of the batch are answered.

    Where all patches have the same mask, or none is held, nothing changes.
    """
    layers = [m for m in network.modules() if isinstance(m, ChannelDropout)]
    held = [layer.held for layer in layers]
    for layer in layers:
        if layer.held is not None and len(layer.held) > 1:
            layer.held = layer.held[list(places)]
    try:
        yield
    finally:
        for layer, mask in zip(layers, held, strict=True):
            layer.held = mask
