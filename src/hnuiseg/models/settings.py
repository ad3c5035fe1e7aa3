"""How images must be prepared for a model, and its network be built and run; within bounds."""

from dataclasses import dataclass
from typing import Any

_SPACING_MM = (0.3, 20.0)  # finer, an image of a patient doesn't fit into memory
_WIDEST = 512  # voxels along a window
_MOST_CHANNELS = 2048  # of a layer
_MOST_SETTINGS = 64
_DEEPEST = 3  # lists within lists


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How images must be prepared and the network be built and run."""

    network: str  # name in the networks registry
    network_settings: dict[str, Any]
    ct_scheme: str  # names in preprocessing
    pet_scheme: str
    working_spacing: tuple[float, float, float] | None  # z, y, x; mm; None keeps the CT's
    window: tuple[int, int, int]  # z, y, x; voxels
    dropout_rate: float


def check_settings(settings: ModelSettings) -> None:
    """TypeError or ValueError for settings of another type, or that would take memory without end.

    A model file is somebody else's, too.
    """
    if not all(isinstance(s, str) for s in (settings.network, settings.ct_scheme)):
        raise TypeError("network and scheme are names")
    spacing, window = settings.working_spacing, settings.window
    least, most = _SPACING_MM
    if spacing is not None and not (len(spacing) == 3 and all(least <= s <= most for s in spacing)):
        raise ValueError(f"working spacing {spacing}")
    if not (len(window) == 3 and all(type(n) is int and 1 <= n <= _WIDEST for n in window)):
        raise ValueError(f"window {window}")
    if not 0 <= settings.dropout_rate < 1:
        raise ValueError(f"dropout rate {settings.dropout_rate}")
    _check_network(settings.network_settings, 0)


def _check_network(setting: object, depth: int) -> None:
    """Numbers that a network can be built with: channels, blocks, strides, rates."""
    if isinstance(setting, dict | list | tuple):
        if len(setting) > _MOST_SETTINGS or depth > _DEEPEST:
            raise ValueError("a network of endless settings")
        for value in setting.values() if isinstance(setting, dict) else setting:
            _check_network(value, depth + 1)
    elif isinstance(setting, int | float) and not abs(setting) <= _MOST_CHANNELS:
        raise ValueError(f"a network with {setting} of something")
