"""A model's network, ready to answer windows."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hnuiseg.errors import ModelMismatch
from hnuiseg.inference.prediction import CLASSES
from hnuiseg.inference.windows import WindowAnswer
from hnuiseg.models import ModelFile
from hnuiseg.networks import Precision, build, lower_precision


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


def answer_of(network: nn.Module, model: ModelFile, precision: Precision) -> WindowAnswer:
    """The network with its softmax, checked: wrong weights must not pass for a prediction."""

    def answer(windows: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b k z y x"]:
        seen = windows.contiguous(memory_format=torch.channels_last_3d)
        with torch.inference_mode(), lower_precision(windows.device, precision):
            probabilities = torch.softmax(network(seen).float(), dim=1)
        if probabilities.shape[1] != len(CLASSES) or not bool(torch.isfinite(probabilities).all()):
            raise ModelMismatch(
                f"model {model.card.name} gave {probabilities.shape[1]} classes or values that "
                "aren't numbers",
                f"finite probabilities of {len(CLASSES)} classes",
                "use another model, or precision float32",
            )
        return probabilities

    return answer


def _shape(shapes: dict[str, tuple[int, ...]], name: str) -> str:
    return str(shapes[name]) if name in shapes else "none"
