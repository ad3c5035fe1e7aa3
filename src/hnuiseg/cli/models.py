"""`hnuiseg models`: what can be asked for with --model."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hnuiseg.models import ModelFile, ModelSettings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the cards as JSON on stdout.")
def models(as_json: bool) -> None:
    """List the shipped models and their cards.

    Recipe, scale, hash, training data and its licence, figures, limits."""
    from hnuiseg.models import read_model, shipped_models

    found = [read_model(path) for path in shipped_models().values()]
    if as_json:
        cards = [{**asdict(model.card), "sha256": model.sha256} for model in found]
        click.echo(json.dumps(cards, indent=2))
        return
    if not found:
        click.echo("No model is shipped. Name a file with --model FILE.safetensors.")
    for index, model in enumerate(found):
        click.echo(_described(model, default=index == 0))


def _described(model: "ModelFile", default: bool) -> str:
    card = model.card
    lines = {
        "recipe": f"{card.recipe}, scale {card.scale}, seed {card.seed}",
        "trained on": card.training_data,
        "licence of that data": card.licence_of_training_data,
        "made by": card.command,
        **({"classes": card.classes} if card.classes else {}),
        "limits": card.limits,
        **({"not drawn": said} if (said := _not_drawn(model.settings)) else {}),
        "sha256": model.sha256,
    }
    figures = {f"  {name}": f"{value:.3f}" for name, value in card.figures.items()}
    head = f"{card.name}{' (default)' if default else ''}: {card.summary}"
    return "\n".join([head, *(f"  {key}: {value}" for key, value in {**lines, **figures}.items())])


def _not_drawn(settings: "ModelSettings") -> str:
    ml, peak = settings.least_ml, settings.least_peak
    said = []
    if ml:
        said.append(f"components of GTVp under {ml[0]:g} ml and of GTVn under {ml[1]:g} ml")
    if peak:
        said.append(
            f"components of GTVp nowhere {peak[0]:g} probable and of GTVn nowhere {peak[1]:g}"
        )
    return "; ".join(said)
