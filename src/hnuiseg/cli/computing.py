"""With what and on what a network runs: the options that `segment` and `benchmark` share."""

import click

model_option = click.option(
    "--model",
    default="default",
    show_default=True,
    help="A name from `hnuiseg models`, or a .safetensors file.",
)
samples_option = click.option(
    "--samples",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Stochastic members behind probability and uncertainty.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu or cuda."
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    default="auto",
    show_default=True,
    help="Of the network's layers; auto: float32 with --exact, else what the hardware is fast at.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1),
    help="Processors to use; default: as many as this machine or container allows.",
)
