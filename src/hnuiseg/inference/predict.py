"""A `Case` and a `ModelFile` to a `Prediction`.

The way: standing orientation → the model's spacing, where it names one → scaled images and
two empty prompt channels → the box around the patient → members, each through sliding
windows → running sums → back to the CT's grid as stored. In the air beyond that box nothing
is sampled: it is background with no votes, and marked as such.

Memory doesn't grow with the number of members. While they run, at most 16 float32 values a
voxel of the working grid live at once (19 with variance), and one window's activations; windows
that aren't the model's own are larger, and so are those. The way back to the CT's grid
then needs about as much. Measured at the CT's own spacing, a process grows by 20 to 25
values (80 to 100 bytes) a voxel with what its allocators keep.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from hnuiseg.errors import WrongCall
from hnuiseg.inference.drawn import Least, drawn
from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.hardware import Hardware, threads_of
from hnuiseg.inference.inputs import body_field, network_inputs
from hnuiseg.inference.members import NOISE_STD
from hnuiseg.inference.options import PredictOptions
from hnuiseg.inference.passes import Passes, Progress
from hnuiseg.inference.placing import BACKGROUND, Field, likeliest
from hnuiseg.inference.prediction import Prediction
from hnuiseg.inference.uncertainty import (
    LEAST_VOTES,
    Accumulator,
    entropy,
    mutual_information,
)
from hnuiseg.models import ModelFile
from hnuiseg.study import Case, searched
from hnuiseg.volume import Grid

_DEFAULTS = PredictOptions()


def predict(
    case: Case,
    model: ModelFile,
    options: PredictOptions = _DEFAULTS,
    progress: Progress | None = None,
) -> Prediction:
    """Labels, probabilities and uncertainty on the CT's grid, as the CT is stored.

    `progress` hears the finished fraction and what is being done. WrongCall: a device that
    isn't there or has too little memory. ModelMismatch: weights that don't fit their network,
    or answers that are no probabilities of the three classes.

    Nothing outside the case's field, where it has one, is looked at.

    Where the model works at another spacing, mean probability and mean member entropy are
    brought to the CT's grid linearly, and everything else follows from them there; votes are
    the nearest voxel's. Beyond the outermost working voxels their values hold.
    """
    hardware = Hardware.chosen(options)
    device = hardware.device
    with _own_errors(device), _exact(device), threads_of(hardware):
        engine = TorchEngine(model, hardware)
        seen = searched(case)
        inputs = network_inputs(seen, model.settings)
        box = body_field(seen, model.settings.working_spacing)
        del seen
        field = Field(inputs.working, box, inputs.standing, inputs.turn)
        inputs = inputs.cut(box)
        coverage = None if inputs.coverage is None else inputs.coverage.to(device)
        images, grid = inputs.images.to(device), inputs.working
        passes = Passes(model, engine, options, images, coverage, grid, progress)
        del inputs, images, coverage
        sums = passes.stochastic() if options.uncertainty else passes.deterministic()
        settings = _settings(field.whole, passes, hardware)
        del passes
        temperature = model.settings.temperature(case.pet is not None)
        least = Least() if options.every_component else Least.of(model.settings)
        return _on_the_ct(sums, field, case.ct.grid, options, temperature, least, settings)


def _on_the_ct(
    sums: Accumulator,
    field: Field,
    stored: Grid,
    options: PredictOptions,
    temperature: float | None,
    least: Least,
    settings: dict[str, str],
) -> Prediction:
    """What the sums say, on the CT's grid, axes in stored order."""
    probabilities = field.placed_each(sums.mean(), BACKGROUND)
    predictive = entropy(torch.from_numpy(probabilities))
    shared = votes = variance = None
    if options.uncertainty:
        votes = field.placed(sums.votes, beyond=0, order=0)
        own = torch.from_numpy(field.placed(sums.mean_entropy(), beyond=0.0).copy())
        gained = mutual_information(predictive, own, torch.from_numpy(votes.copy()))
        shared = field.stored(gained.numpy())
        votes = field.stored(votes)
        if options.variance:
            # what nobody sampled counts as 0 between voxels, and is marked afterwards
            spread = field.placed_each(torch.nan_to_num(sums.variance()), (0.0, 0.0, 0.0))
            variance = field.stored_each(spread)
            variance[:, votes < LEAST_VOTES] = np.nan
    stored_probabilities = field.stored_each(probabilities)
    kept = drawn(field.stored(likeliest(probabilities)), stored_probabilities, stored, least)
    return Prediction(
        labels=kept.labels,
        probabilities=stored_probabilities,
        entropy=field.stored(predictive.numpy()),
        mutual_information=shared,
        variance=variance,
        votes=votes,
        grid=stored,
        members=options.members if options.uncertainty else 1,
        seed=options.seed,
        temperature=temperature,
        settings=settings,
        not_drawn=kept.left_out,
    )


def _settings(working: Grid, passes: Passes, hardware: Hardware) -> dict[str, str]:
    """Provenance, in words and numbers for a report."""
    model, options = passes.model, passes.options
    window, overlap, _ = passes.windows
    spacing = " × ".join(f"{mm:.4g}" for mm in working.spacing)
    named = "" if model.settings.working_spacing else ", the CT's own"
    settings = {
        "model": model.card.name,
        "recipe": model.card.recipe,
        "model sha256": model.sha256,
        "network": model.settings.network,
        "CT scheme": model.settings.ct_scheme,
        "PET scheme": model.settings.pet_scheme,
        "device": hardware.device_name,
        "precision": hardware.precision,
        "working spacing (z, y, x; mm)": f"{spacing}{named}",
        "window (z, y, x; voxels)": " × ".join(str(n) for n in window),
        "window overlap": f"{overlap:.3g}",
        "torch": torch.__version__,
        "torch threads": str(hardware.threads),
    }
    if model.settings.networks > 1:
        settings["networks"] = str(model.settings.networks)
    for what, pair in (
        ("least volume (GTVp and GTVn; ml)", model.settings.least_ml),
        ("least peak probability (GTVp and GTVn)", model.settings.least_peak),
    ):
        if pair is not None:
            said = " and ".join(f"{least:g}" for least in pair)
            settings[what] = "none" if options.every_component else said
    settings["exact"] = str(options.exact).lower()
    if options.uncertainty:
        settings["dropout rate"] = str(model.settings.dropout_rate)
        settings["noise (SD, scaled units)"] = str(NOISE_STD)
    return settings


@contextmanager
def _own_errors(device: torch.device) -> Iterator[None]:
    """A full GPU as an error with a remedy."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        total = torch.cuda.mem_get_info(device)[1] / 2**30
        raise WrongCall(
            f"the GPU's {math.floor(total)} GiB don't hold this study and model",
            "a study that fits the GPU's free memory",
            "use --device cpu, or free the GPU from other programs",
        ) from error


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """On a GPU: true float32 and the same algorithm every time, for this call only."""
    with ExitStack() as stack:
        if device.type == "cuda":
            stack.enter_context(
                torch.backends.cudnn.flags(
                    enabled=True, benchmark=False, deterministic=True, allow_tf32=False
                )
            )
        yield
