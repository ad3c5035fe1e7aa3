"""`hnuiseg benchmark`: how long a case will take on this machine."""

import json
from typing import TYPE_CHECKING, Any

import click

from hnuiseg.cli.computing import (
    device_option,
    model_option,
    precision_option,
    samples_option,
    threads_option,
)
from hnuiseg.cli.progress import clock, progress

if TYPE_CHECKING:
    from hnuiseg.inference import Speed


@click.command()
@model_option
@samples_option
@device_option
@precision_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures for machines.")
def benchmark(
    model: str, samples: int, device: str, precision: Any, threads: int | None, as_json: bool
) -> None:
    """Measure this machine, and say how long `hnuiseg segment` will take on a head and neck.

    Takes less than a minute on two cores. Nothing is read but the model, nothing is written.
    """
    with progress() as shown:
        shown(None, "Loading")
        from hnuiseg.inference import PredictOptions, speeds
        from hnuiseg.models import load_model

        loaded = load_model(model)
        options = PredictOptions(samples, device=device, precision=precision, threads=threads)
        both = speeds(loaded, options, shown.within("Measuring"))
    if as_json:
        click.echo(json.dumps([_described(speed, samples) for speed in both], indent=2))
    else:
        click.echo("\n".join(_told(loaded.card.name, both, samples)))


def _told(name: str, both: "tuple[Speed, Speed]", samples: int) -> list[str]:
    usual, exact = both
    z, y, x = usual.case
    rows = [
        (f"{samples} members", samples * usual.seconds_a_pass),
        (f"{samples} members, --exact", samples * exact.seconds_a_pass),
        ("--no-uncertainty", usual.seconds_a_pass),
    ]
    return [
        *(
            f"{speed.hardware}: {speed.voxels_a_second / 1e6:.2f} million voxels a second"
            for speed in (both if usual.hardware != exact.hardware else both[:1])
        ),
        f"a head and neck for {name}: {z} × {y} × {x} voxels",
        *(f"  {what:24s} about {clock(seconds)}" for what, seconds in rows),
        "reading the study and writing the outputs come on top",
    ]


def _described(speed: "Speed", samples: int) -> dict[str, object]:
    return {
        "exact": speed.exact,
        "device": speed.hardware.device_name,
        "precision": speed.hardware.precision,
        "threads": speed.hardware.threads,
        "voxels_a_second": round(speed.voxels_a_second),
        "case_voxels_zyx": list(speed.case),
        "seconds_a_pass": round(speed.seconds_a_pass, 2),
        "seconds_a_case": round(samples * speed.seconds_a_pass, 1),
    }
