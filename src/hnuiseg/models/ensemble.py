"""Several models as one: each member of a prediction asks the next network."""

from collections.abc import Sequence
from dataclasses import replace

from hnuiseg.errors import ModelMismatch, WrongCall
from hnuiseg.models.file import Card, ModelFile, model_bytes


def ensemble_bytes(models: Sequence[ModelFile], name: str, command: str) -> bytes:
    """The content of a model file that holds all of them.

    Temperatures are left out: what calibrates one network doesn't calibrate several. WrongCall
    for fewer than two, or one twice; ModelMismatch where they prepare images differently or
    differ in network, and for ensembles of ensembles.
    """
    if len(models) < 2 or len({model.sha256 for model in models}) < len(models):
        raise WrongCall(
            f"{len(models)} models, {len({model.sha256 for model in models})} of them different",
            "at least two, each once",
            "name the folds' model files",
        )
    plain = [replace(model.settings, temperatures=None) for model in models]
    if any(one != plain[0] for one in plain[1:]) or plain[0].networks != 1:
        raise ModelMismatch(
            "models of different networks, windows or ways to prepare images",
            "the folds of one recipe and scale",
            "train them with the same recipe and scale",
        )
    cards = [model.card for model in models]
    card = Card(
        name=name,
        recipe=cards[0].recipe,
        scale=cards[0].scale,
        summary=f"{len(models)} networks: {', '.join(card.name for card in cards)}.",
        training_data="; ".join(dict.fromkeys(card.training_data for card in cards)),
        licence_of_training_data="; ".join(
            dict.fromkeys(card.licence_of_training_data for card in cards)
        ),
        command=command,
        seed=cards[0].seed,
        figures={},  # those of single networks say nothing about all together
        limits="; ".join(dict.fromkeys(card.limits for card in cards)),
        classes=", or ".join(dict.fromkeys(card.classes for card in cards if card.classes)),
    )
    weights = {
        f"{k}.{key}": value
        for k, model in enumerate(models)
        for key, value in model.weights.items()
    }
    return model_bytes(card, replace(plain[0], networks=len(models)), weights)
