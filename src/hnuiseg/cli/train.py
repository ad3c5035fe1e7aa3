"""`hnuiseg train`: recipes that make a model file."""

import click


@click.group()
def train() -> None:
    """Train a model; each recipe is a command of its own."""
