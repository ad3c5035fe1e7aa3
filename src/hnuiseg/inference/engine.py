"""A model's network, ready to answer windows."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hnuiseg.errors import ModelMismatch
from hnuiseg.inference.hardware import Hardware
from hnuiseg.inference.prediction import CLASSES
from hnuiseg.inference.windows import WindowAnswer
from hnuiseg.models import ModelFile
from hnuiseg.networks import (
    Precision,
    build,
    cell_of,
    fixed_masks,
    lower_precision,
    normalises_by_window,
)


def networks_for(model: ModelFile, device: torch.device | str = "cpu") -> tuple[nn.Module, ...]:
    """Every network of an ensemble; of most models the one. ModelMismatch as `network_for`."""
    count = model.settings.networks
    if count == 1:
        return (network_for(model, device),)
    found = []
    for k in range(count):
        prefix = f"{k}."
        one = {n.removeprefix(prefix): w for n, w in model.weights.items() if n.startswith(prefix)}
        found.append(network_for(replace(model, weights=one), device))
    return tuple(found)


def network_for(model: ModelFile, device: torch.device | str = "cpu") -> nn.Module:
    """The model's network with its weights, in eval mode; weights are float32 from any type.

    ModelMismatch where a name or a shape isn't the network's.
    """
    network = build(model.settings.network, model.settings.network_settings)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in model.weights.items()}
    wrong = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise ModelMismatch(
            f"{len(wrong)} weights of model {model.card.name} don't fit network "
            f"{model.settings.network}, first {name}: {_shape(found, name)} in the file, "
            f"{_shape(expected, name)} in the network",
            "the network's own names and shapes",
            "use the version of hnuiseg that wrote the model, or copy the file again",
        )
    weights = {}
    for name, array in model.weights.items():
        tensor = torch.from_numpy(np.array(array))
        weights[name] = tensor.float() if tensor.is_floating_point() else tensor
    network.load_state_dict(weights, strict=True)
    network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return network.eval()


class Engine(Protocol):
    """What runs a model's network on windows: as it is, or as one member has it."""

    @property
    def cell(self) -> int:
        """Windows that start at multiples of it are answered alike (`networks.cell_of`)."""

    @property
    def by_window(self) -> bool:
        """Whether an answer depends on the whole window, so that no other size will do."""

    @property
    def precision(self) -> Precision:
        """What its layers run in."""

    def plain(self) -> AbstractContextManager[WindowAnswer]:
        """The network without dropout."""

    def member(self, seed: int, index: int) -> AbstractContextManager[WindowAnswer]:
        """The network with a member's dropout masks."""


class TorchEngine:
    """PyTorch, on CPUs and GPUs."""

    def __init__(self, model: ModelFile, hardware: Hardware) -> None:
        self.networks = networks_for(model, hardware.device)
        self.model = model
        self.precision = hardware.precision
        self.cell = cell_of(self.networks[0])
        self.by_window = normalises_by_window(self.networks[0])

    @contextmanager
    def plain(self) -> Iterator[WindowAnswer]:
        """The network without dropout; of an ensemble the mean of all."""

        def answer(windows: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b k z y x"]:
            total = self._answer(self.networks[0], windows)
            for network in self.networks[1:]:
                total = total + self._answer(network, windows)
            return total if len(self.networks) == 1 else total / len(self.networks)

        yield answer

    @contextmanager
    def member(self, seed: int, index: int) -> Iterator[WindowAnswer]:
        """The network with a member's dropout masks; an ensemble's networks take turns."""
        network = self.networks[index % len(self.networks)]
        with fixed_masks(network, self.model.settings.dropout_rate, seed, index):
            yield partial(self._answer, network)

    def _answer(
        self, network: nn.Module, windows: Float[Tensor, "b c z y x"]
    ) -> Float[Tensor, "b k z y x"]:
        seen = windows.contiguous(memory_format=torch.channels_last_3d)
        with torch.inference_mode(), lower_precision(windows.device, self.precision):
            return checked(torch.softmax(network(seen).float(), dim=1), self.model)


def checked(answer: Float[Tensor, "b k z y x"], model: ModelFile) -> Float[Tensor, "b k z y x"]:
    """The probabilities, or ModelMismatch: wrong weights must not pass for a prediction."""
    if answer.shape[1] != len(CLASSES) or not bool(torch.isfinite(answer).all()):
        raise ModelMismatch(
            f"model {model.card.name} gave {answer.shape[1]} classes or values that aren't numbers",
            f"finite probabilities of {len(CLASSES)} classes",
            "use another model, or precision float32",
        )
    return answer


def _shape(shapes: dict[str, tuple[int, ...]], name: str) -> str:
    return str(shapes[name]) if name in shapes else "none"
