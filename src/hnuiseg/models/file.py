"""`ModelFile`: a network's weights and all that is needed to use them rightly.

On disk one safetensors file: tensors by name, and under the metadata key "hnuiseg" the card
as JSON. Nothing in it is executable.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hnuiseg.errors import ModelMismatch
from hnuiseg.limits import MOST_FILE_BYTES
from hnuiseg.models.settings import ModelSettings, check_settings

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Card:
    """What a person must know before using a model."""

    name: str
    recipe: str  # training method: "paper", "plus", "phantom"
    scale: str  # "full", "mini", "compact"
    summary: str
    training_data: str
    licence_of_training_data: str
    command: str  # what produced the file
    seed: int
    figures: dict[str, float]  # measured on held-out cases, named with unit and cohort
    limits: str
    classes: str = ""  # what classes 1 and 2 are, where they are no tumours


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """Card, settings and weights; `sha256` names the file as read or written."""

    card: Card
    settings: ModelSettings
    weights: Mapping[str, Shaped[np.ndarray, "..."]]
    sha256: str


def read_model(path: Path) -> ModelFile:
    """The model in a safetensors file; ModelMismatch where it is damaged or foreign."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if not path.is_file():
        raise ModelMismatch(
            f"there is no model file {path.name}",
            "a name that `hnuiseg models` lists, or a .safetensors file of hnuiseg",
            "run `hnuiseg models`",
        )
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            raise ValueError(f"more than {MOST_FILE_BYTES} bytes")
        weights = load(content)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        described = json.loads(header["__metadata__"]["hnuiseg"])
        if described["format"] != FORMAT:
            raise ModelMismatch(
                f"{path.name} has model format {described['format']!r:.20}",
                f"format {FORMAT}",
                "use the version of hnuiseg that wrote it",
            )
        card = Card(**described["card"])
        _check_card(card)
        settings = ModelSettings(**_tuples(described["settings"]))
        check_settings(settings)
        _check_weights(weights)
    except (
        SafetensorError,
        OSError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise ModelMismatch(
            f"{path.name} is not a model of hnuiseg ({type(error).__name__})",
            "a whole .safetensors file written by hnuiseg",
            "copy the file again, or train a new one",
        ) from error
    return ModelFile(card, settings, weights, hashlib.sha256(content).hexdigest())


def model_bytes(
    card: Card, settings: ModelSettings, weights: Mapping[str, Shaped[np.ndarray, "..."]]
) -> bytes:
    """The file's content; the same arguments give the same bytes."""
    from safetensors.numpy import save

    described = {"format": FORMAT, "card": asdict(card), "settings": asdict(settings)}
    # not ascontiguousarray, which makes a counter without axes a list of one
    ordered = {name: np.array(weights[name], order="C") for name in sorted(weights)}
    return bytes(save(ordered, metadata={"hnuiseg": json.dumps(described, sort_keys=True)}))


def _check_card(card: Card) -> None:
    """TypeError for what isn't of the stated types: the command line prints and sorts it."""
    said = asdict(card)
    figures, seed = said.pop("figures"), said.pop("seed")
    if not isinstance(seed, int) or not all(isinstance(text, str) for text in said.values()):
        raise TypeError("a card is text, with a number as seed")
    if not isinstance(figures, dict) or not all(
        isinstance(figure, int | float) for figure in figures.values()
    ):
        raise TypeError("figures are numbers by name")


def _check_weights(weights: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
    for name, weight in weights.items():
        if weight.dtype.kind == "f" and not np.isfinite(weight).all():
            raise ValueError(f"{name} is not finite")


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
