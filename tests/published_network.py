"""The residual-encoder U-Net as its authors wrote it: the judge of ours, and the rivals' network.

Imports nothing of the project, so that benchmarks can use it in another environment.
"""

import importlib
import warnings
from collections.abc import Sequence

from torch import nn


def published(widths: Sequence[int], blocks: Sequence[int], *, batch_normed: bool) -> nn.Module:
    """Fresh weights; ImportError where dynamic_network_architectures isn't installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies warn on import
        unet = importlib.import_module("dynamic_network_architectures.architectures.unet")
    levels = len(widths)
    network: nn.Module = unet.ResidualEncoderUNet(
        input_channels=4,
        n_stages=levels,
        features_per_stage=list(widths),
        conv_op=nn.Conv3d,
        kernel_sizes=3,
        strides=[1] + [2] * (levels - 1),
        n_blocks_per_stage=list(blocks),
        num_classes=3,
        n_conv_per_stage_decoder=1,
        conv_bias=True,
        norm_op=nn.BatchNorm3d if batch_normed else nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
    )
    return network.eval()
