"""Networks by name."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from hnuiseg.errors import ModelMismatch
from hnuiseg.networks.unet import ResidualEncoderUNet


def _full(**settings: Any) -> nn.Module:
    """The paper's scale: 32 to 256 channels; blocks per level are our choice (docs/paper.md)."""
    return ResidualEncoderUNet(widths=(32, 64, 128, 256), blocks=(1, 3, 4, 6), **settings)


def _compact(**settings: Any) -> nn.Module:
    """Small enough to train in about an hour and to run in minutes on two cores."""
    return ResidualEncoderUNet(widths=(16, 32, 64, 128), blocks=(1, 2, 2, 2), **settings)


def _small(**settings: Any) -> nn.Module:
    """Twice as wide as compact and faster: nothing at full resolution but the answer."""
    return ResidualEncoderUNet(
        widths=(32, 64, 128, 160), blocks=(1, 2, 2, 2), halved=True, **settings
    )


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "resenc-full": _full,
    "resenc-compact": _compact,
    "resenc-small": _small,
}


def build(name: str, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """A network by its registered name, with fresh weights; settings override its own.

    ModelMismatch for a name or settings that this version doesn't know.
    """
    if name not in NETWORKS:
        raise ModelMismatch(
            f"no network is called {name!r}", ", ".join(NETWORKS), "use a model of this version"
        )
    try:
        return NETWORKS[name](**(settings or {}))
    except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
        raise ModelMismatch(
            f"network {name} can't be built with settings {str(dict(settings or {}))[:80]!r}",
            "settings of this version's networks",
            "use the version of hnuiseg that wrote the model",
        ) from error
