"""Residual-encoder U-Net, stochastic dropout, and a registry by name."""

from hnuiseg.networks.dropout import ChannelDropout, fixed_masks, masks_of, patch_masks
from hnuiseg.networks.precision import Precision, chosen_precision, lower_precision
from hnuiseg.networks.registry import NETWORKS, build
from hnuiseg.networks.unet import (
    ResidualEncoderUNet,
    as_in_use,
    cell_of,
    hold_statistics,
    normalises_by_window,
)

__all__ = [
    "NETWORKS",
    "ChannelDropout",
    "Precision",
    "ResidualEncoderUNet",
    "as_in_use",
    "build",
    "cell_of",
    "chosen_precision",
    "fixed_masks",
    "hold_statistics",
    "lower_precision",
    "masks_of",
    "normalises_by_window",
    "patch_masks",
]
