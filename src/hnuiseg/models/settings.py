"""How images must be prepared for a model, and its network be built and run; within bounds."""

import math
from dataclasses import dataclass
from typing import Any

IMAGES_AND_PROMPTS = ("CT", "PET", "GTVp prompt", "GTVn prompt")  # of every network, first
AVAILABILITY = "PET availability"  # 1 where the PET channel holds an image
BEFORE = ("GTVp before", "GTVn before")  # the answer that clicks correct; 0 where there is none
_EXTRA_CHANNELS = (AVAILABILITY, *BEFORE)
_ENCODINGS = ("ball", "edt")

_SPACING_MM = (0.3, 20.0)  # finer, an image of a patient doesn't fit into memory
_WIDEST = 512  # voxels along a window
_MOST_VOXELS = 2**24  # of a window; the paper's has half
_MOST_CHANNELS = 2048  # of a layer
_MOST_LAYERS = 64  # of anything else that is counted
_MOST_SETTINGS = 64
_MOST_NETWORKS = 32
_TEMPERATURE = (0.05, 20.0)
_MOST_LEAST_ML = 5.0  # a node of 2 cm: whoever leaves out more hides disease
_MOST_LEAST_PEAK = 0.99  # of a probability; beyond it lies rounding
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
    # with PET, CT alone; None: not calibrated
    temperatures: tuple[float | None, float | None] | None = None
    networks: int = 1  # weight sets in the file: an ensemble's members, asked in turn
    extra_channels: tuple[str, ...] = ()  # beyond images and prompts, in the network's order
    least_ml: tuple[float, float] | None = None  # GTVp, GTVn: smaller components aren't drawn
    least_peak: tuple[float, float] | None = None  # nor those that nowhere are so probable
    click_encoding: str = "ball"  # or "edt": how a click is drawn (`hnuiseg.interaction`)

    @property
    def channels(self) -> tuple[str, ...]:
        """The network's inputs, in order."""
        return (*IMAGES_AND_PROMPTS, *self.extra_channels)

    def temperature(self, with_pet: bool) -> float | None:
        """What calibrates mean probabilities of such a case; None where nobody measured it."""
        return None if self.temperatures is None else self.temperatures[0 if with_pet else 1]


def check_settings(settings: ModelSettings) -> None:
    """TypeError or ValueError for settings of another type, or that would take memory without end.

    A model file is somebody else's, too.
    """
    names = (settings.network, settings.ct_scheme, settings.pet_scheme)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("network and schemes are names")
    spacing, window = settings.working_spacing, settings.window
    if spacing is not None and not (len(spacing) == 3 and all(map(_is_spacing, spacing))):
        raise ValueError(f"working spacing {spacing}")
    if not (len(window) == 3 and all(type(n) is int and 1 <= n <= _WIDEST for n in window)):
        raise ValueError(f"window {window}")
    if math.prod(window) > _MOST_VOXELS:
        raise ValueError(f"window {window} of more than {_MOST_VOXELS} voxels")
    if not _is_number(settings.dropout_rate) or not 0 <= settings.dropout_rate < 1:
        raise ValueError(f"dropout rate {settings.dropout_rate}")
    for pair, known, what in (
        (settings.temperatures, _is_temperature, "temperatures"),
        (settings.least_ml, _is_least_ml, "least volumes"),
        (settings.least_peak, _is_least_peak, "least peaks"),
    ):
        if pair is not None and not (len(pair) == 2 and all(map(known, pair))):
            raise ValueError(f"{what} {pair}")
    if type(settings.networks) is not int or not 1 <= settings.networks <= _MOST_NETWORKS:
        raise ValueError(f"{settings.networks} networks")
    extra = settings.extra_channels
    if not set(extra) <= set(_EXTRA_CHANNELS) or len(set(extra)) < len(extra):
        raise ValueError(f"channels {settings.extra_channels}")
    if settings.click_encoding not in _ENCODINGS:
        raise ValueError(f"clicks drawn as {settings.click_encoding!r:.20}")
    _check_network_settings(settings)


def _check_network_settings(settings: ModelSettings) -> None:
    given = settings.network_settings
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise TypeError("settings of the network are named")
    if given.get("inputs", len(IMAGES_AND_PROMPTS)) != len(settings.channels):
        raise ValueError(f"a network of other inputs than {', '.join(settings.channels)}")
    for name, setting in given.items():
        _check_network(setting, _MOST_CHANNELS if name == "widths" else _MOST_LAYERS, 0)


def _is_number(value: object) -> bool:
    """JSON's true is no number, though Python's is 1."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_temperature(value: float | None) -> bool:
    return value is None or (_is_number(value) and _TEMPERATURE[0] <= value <= _TEMPERATURE[1])


def _is_least_ml(value: float | None) -> bool:
    return value is not None and _is_number(value) and 0 <= value <= _MOST_LEAST_ML


def _is_least_peak(value: float | None) -> bool:
    return value is not None and _is_number(value) and 0 <= value <= _MOST_LEAST_PEAK


def _is_spacing(value: float) -> bool:
    return _is_number(value) and _SPACING_MM[0] <= value <= _SPACING_MM[1]


def _check_network(setting: object, most: int, depth: int) -> None:
    """Numbers that a network can be built with: channels, blocks, strides, rates."""
    if isinstance(setting, dict | list | tuple):
        if len(setting) > _MOST_SETTINGS or depth > _DEEPEST:
            raise ValueError("a network of endless settings")
        for value in setting.values() if isinstance(setting, dict) else setting:
            _check_network(value, most, depth + 1)
    elif not isinstance(setting, int | float):
        raise TypeError(f"a network with {setting!r} of something")
    elif not abs(setting) <= most:
        raise ValueError(f"a network with {setting} of something")
