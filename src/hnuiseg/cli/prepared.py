"""Prepared data sets as arguments: `train`, `calibrate` and `assess` take them alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def data_option(meaning: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--data DIR`, once or more."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        required=True,
        multiple=True,
        metavar="DIR",
        help=meaning,
    )


ANY = "A prepared data set; may be given several times."
