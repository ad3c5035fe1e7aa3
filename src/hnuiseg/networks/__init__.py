"""Residual-encoder U-Net, stochastic dropout, and a registry by name."""

from hnuiseg.networks.dropout import ChannelDropout, fixed_masks
from hnuiseg.networks.registry import NETWORKS, build
from hnuiseg.networks.unet import ResidualEncoderUNet, hold_statistics, normalises_by_window

__all__ = [
    "NETWORKS",
    "ChannelDropout",
    "ResidualEncoderUNet",
    "build",
    "fixed_masks",
    "hold_statistics",
    "normalises_by_window",
]
