"""Residual-encoder U-Net (paper section 2.1), after Isensee et al. 2024, arXiv:2404.09556.

Parameter names and arithmetic are those of `dynamic_network_architectures`'
`ResidualEncoderUNet`, so that its weights load here and give the same logits (a test).
Two normalisations are offered. *Instance* takes mean and spread from the window at hand, so
an answer depends on how much air and tumour the window holds; as in the original, it is written
as group normalisation with as many groups as channels: the same function and parameters, without
a copy of channels-last features on CPUs. *Batch* keeps what training found: a fixed scale and
shift, so that an answer depends on the voxels around it alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hnuiseg.networks.dropout import ChannelDropout

NORM_EPS = 1e-5
LEAK = 0.01
_NEWEST_SHARE = 0.05  # of a batch in what is kept; small, as few patches make a batch

Norm = Callable[[int], nn.Module]  # for a number of channels


def instance_norm(channels: int) -> nn.Module:
    """Mean and spread of each channel over the window at hand."""
    return nn.GroupNorm(channels, channels, eps=NORM_EPS)


def batch_norm(channels: int) -> nn.Module:
    """Mean and spread of each channel over the batch in training, and as kept from it after."""
    return nn.BatchNorm3d(channels, eps=NORM_EPS, momentum=_NEWEST_SHARE)


def normalises_by_window(network: nn.Module) -> bool:
    """Whether an answer depends on all of the window that is shown, not on what lies near."""
    by_window = (nn.GroupNorm, nn.InstanceNorm3d)
    return any(isinstance(module, by_window) for module in network.modules())


def cell_of(network: nn.Module) -> int:
    """Voxels along a side of what becomes one voxel at the coarsest level; 1: it doesn't pool.

    Only a shift by whole cells shifts the answer and nothing more.
    """
    return network.cell if isinstance(network, ResidualEncoderUNet) else 1


def hold_statistics(network: nn.Module) -> None:
    """Train on with what batch normalisation has kept, as it will be used: nothing if no such.

    Holds until `network.train()` is called again.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eval()


@contextmanager
def as_in_use(network: nn.Module) -> Iterator[None]:
    """Within: the network answers as it would when in use; afterwards it trains on as before."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


class ConvNorm(nn.Module):
    """Convolution, dropout of channels, normalisation and, where asked, a leaky ReLU.

    With `pool` it sees means over cubes of so many voxels a side instead (kernel 1 only).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: Norm,
        *,
        kernel: int = 3,
        stride: int = 1,
        pool: int = 1,
        bias: bool = True,
        dropout: float | None = None,
        active: bool = True,
    ) -> None:
        super().__init__()
        assert pool == 1 or (kernel, stride) == (1, 1)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=bias)
        self.pool = pool
        self.dropout = nn.Identity() if dropout is None else ChannelDropout(outputs, dropout)
        self.norm = norm(outputs)
        self.nonlin = nn.LeakyReLU(LEAK, inplace=True) if active else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(batch, inputs, z, y, x) to (batch, outputs, z / stride, …)."""
        if isinstance(self.norm, nn.BatchNorm3d) and not self.training and self._one_mask:
            normed = self._in_one(features, self.norm)
        else:
            found = self._convolved(features, self.conv.weight, self.conv.bias)
            normed = self.norm(self.dropout(found))
        result: Tensor = self.nonlin(normed)
        return result

    @property
    def _one_mask(self) -> bool:
        """Whether all of a batch has the same dropout mask, or none."""
        held = self.dropout.held if isinstance(self.dropout, ChannelDropout) else None
        return held is None or len(held) == 1

    def _in_one(self, features: Tensor, norm: nn.BatchNorm3d) -> Tensor:
        """The same as one convolution: a held mask and kept statistics only scale and shift."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        bias = norm.bias - norm.running_mean * scale
        if isinstance(self.dropout, ChannelDropout) and self.dropout.held is not None:
            scale = scale * self.dropout.held.to(scale).flatten()
        if self.conv.bias is not None:
            bias = bias + scale * self.conv.bias
        return self._convolved(features, self.conv.weight * scale.reshape(-1, 1, 1, 1, 1), bias)

    def _convolved(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.pool == 1:
            stride, padding = self.conv.stride, self.conv.padding
            return functional.conv3d(features, weight, bias, stride, padding)
        # a mean and a projection are one strided convolution; PyTorch's avg_pool3d has no
        # bfloat16 on CPUs, and copies features to float32 and back
        n = self.pool
        spread = (weight / n**3).expand(-1, -1, n, n, n)
        return functional.conv3d(features, spread, bias, n)


class ResidualBlock(nn.Module):
    """Two convolutions and a skip that pools before it projects (ResNet-D)."""

    def __init__(
        self, inputs: int, outputs: int, norm: Norm, *, stride: int, dropout: float
    ) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inputs, outputs, norm, stride=stride, dropout=dropout)
        self.conv2 = ConvNorm(outputs, outputs, norm, active=False)
        self.nonlin2 = nn.LeakyReLU(LEAK, inplace=True)
        self.skip = nn.Sequential()
        if inputs != outputs:
            project = ConvNorm(
                inputs, outputs, norm, kernel=1, pool=stride, bias=False, active=False
            )
            # weights are named as in the original, where pooling comes first
            self.skip.add_module("0" if stride == 1 else "1", project)
        elif stride != 1:
            self.skip.append(nn.AvgPool3d(stride, stride))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, inputs, z, y, x) to (batch, outputs, z / stride, …)."""
        result: Tensor = self.nonlin2(self.conv2(self.conv1(features)) + self.skip(features))
        return result


class _Stage(nn.Module):
    """Residual blocks at one resolution; only the first one strides."""

    def __init__(
        self, inputs: int, outputs: int, norm: Norm, count: int, stride: int, dropout: float
    ) -> None:
        super().__init__()
        first = ResidualBlock(inputs, outputs, norm, stride=stride, dropout=dropout)
        others = [
            ResidualBlock(outputs, outputs, norm, stride=1, dropout=dropout)
            for _ in range(count - 1)
        ]
        self.blocks = nn.Sequential(first, *others)

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.blocks(features)
        return result


class _Convs(nn.Module):
    """Plain convolutions in a row, as in stem and decoder; only the first one strides."""

    def __init__(
        self, inputs: int, outputs: int, norm: Norm, count: int, dropout: float, stride: int = 1
    ) -> None:
        super().__init__()
        widths = [inputs, *[outputs] * count]
        self.convs = nn.Sequential(
            *[
                ConvNorm(a, b, norm, dropout=dropout, stride=1 if k else stride)
                for k, (a, b) in enumerate(pairwise(widths))
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.convs(features)
        return result


class _Encoder(nn.Module):
    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        norm: Norm,
        dropout: float,
        stride: int,
    ) -> None:
        super().__init__()
        self.stem = _Convs(inputs, widths[0], norm, 1, dropout, stride)
        before = [widths[0], *widths[:-1]]
        self.stages = nn.Sequential(
            *[
                _Stage(a, b, norm, count, 1 if level == 0 else 2, dropout)
                for level, (a, b, count) in enumerate(zip(before, widths, blocks, strict=True))
            ]
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        features = self.stem(images)
        skips = []
        for stage in self.stages:
            features = stage(features)
            skips.append(features)
        return skips


class _Decoder(nn.Module):
    def __init__(
        self, widths: Sequence[int], outputs: int, norm: Norm, convs: int, dropout: float
    ) -> None:
        super().__init__()
        upwards = list(pairwise(reversed(widths)))
        self.stages = nn.ModuleList([_Convs(2 * up, up, norm, convs, dropout) for _, up in upwards])
        self.transpconvs = nn.ModuleList(
            [nn.ConvTranspose3d(below, up, 2, 2) for below, up in upwards]
        )
        # one head per resolution, as in the original: weights of deep supervision load too
        self.seg_layers = nn.ModuleList([nn.Conv3d(up, outputs, 1) for _, up in upwards])

    def forward(self, skips: list[Tensor]) -> list[Tensor]:
        features = skips[-1]
        found = []
        for stage, transpose in zip(self.stages, self.transpconvs, strict=True):
            found.append(features)
            skip = skips[-len(found) - 1]
            features = stage(torch.cat((transpose(features), skip), dim=1))
        return [*found[1:], features]


class ResidualEncoderUNet(nn.Module):
    """Images and prompts (batch, inputs, z, y, x) to logits (batch, outputs, z, y, x).

    Sides must be divisible by `cell`: 2 ** (number of levels - 1), twice that where `halved`.
    Dropout lies between convolution and normalisation, at `dropout`, and is active in training or
    under `fixed_masks`. Normalisation is by instance, or by batch where `batch_normed`.

    `halved`: the stem strides, so that nothing is computed at full resolution but the logits, which
    a transposed convolution finds from the features of each cube of 2 × 2 × 2. Most of a U-Net's
    time goes into its first level, on voxels finer than any lesion's edge is known.
    """

    def __init__(
        self,
        *,
        inputs: int = 4,
        outputs: int = 3,
        widths: Sequence[int],
        blocks: Sequence[int],
        decoder_convs: int = 1,
        dropout: float = 0.05,
        batch_normed: bool = False,
        halved: bool = False,
    ) -> None:
        super().__init__()
        norm = batch_norm if batch_normed else instance_norm
        stride = 2 if halved else 1
        self.cell: int = stride * 2 ** (len(widths) - 1)
        self.encoder = _Encoder(inputs, widths, blocks, norm, dropout, stride)
        self.decoder = _Decoder(widths, outputs, norm, decoder_convs, dropout)
        self.finest = nn.ConvTranspose3d(widths[0], outputs, 2, 2) if halved else None

    def start_at_background(self) -> None:
        """First answers of nine to one for class 0, as nearly every voxel is background.

        From equal odds, training would have to learn that first.
        """
        for head in self._heads:
            assert isinstance(head.bias, nn.Parameter)
            with torch.no_grad():
                head.bias.zero_()
                head.bias[0] = 3.0  # e³ = 20 to 1 against each other class: 0.91 of three

    @property
    def _heads(self) -> list[nn.Module]:
        """One for each resolution of the decoder, the full one last."""
        return [*self.decoder.seg_layers, *([] if self.finest is None else [self.finest])]

    def forward(self, images: Tensor) -> Tensor:
        """Logits at full resolution."""
        features = self.decoder(self.encoder(images))[-1]
        logits: Tensor = self._heads[-1](features)
        return logits

    def every_scale(self, images: Tensor) -> list[Tensor]:
        """Logits at every resolution of the decoder, the full one last: for training."""
        features = self.decoder(self.encoder(images))
        if self.finest is not None:
            features = [*features, features[-1]]
        return [head(found) for head, found in zip(self._heads, features, strict=True)]
