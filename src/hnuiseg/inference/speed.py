"""How fast a machine is, and so how long a case will take."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.hardware import Hardware, threads_of
from hnuiseg.inference.options import PredictOptions
from hnuiseg.inference.passes import windows_for
from hnuiseg.inference.windows import Index, index_of, window_starts
from hnuiseg.models import ModelFile

HEAD_AND_NECK_MM = (360.0, 270.0, 450.0)  # z, y, x: vertex to shoulders, with the air around
_USUAL_SPACING = (2.0, 0.977, 0.977)  # of a CT, for models that work at the CT's own
_SAMPLE = (64, 96, 96)  # voxels; a multiple of every network's cell
_REPEATS = 3

Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Speed:
    """One way of running a model, timed."""

    hardware: Hardware
    exact: bool
    voxels_a_second: float  # through the network
    case: Index  # voxels (z, y, x) of a head and neck as the model sees it
    seconds_a_pass: float  # over such a case, members' transforms not counted


def speeds(
    model: ModelFile, options: PredictOptions, told: Told | None = None
) -> tuple[Speed, Speed]:
    """As the options are, first not exact, then exact: timed on noise, best of three.

    A pass over a case follows from its windows. WrongCall: a device or precision that isn't here.
    """
    both = []
    for number, exact in enumerate((False, True)):
        if told is not None:
            told(number / 2, "exact" if exact else "the usual way")
        both.append(_speed(model, replace(options, exact=exact)))
    return both[0], both[1]


def _speed(model: ModelFile, options: PredictOptions) -> Speed:
    hardware = Hardware.chosen(options)
    engine = TorchEngine(model, hardware)
    noise = torch.randn(
        1, len(model.settings.channels), *_SAMPLE, generator=torch.Generator().manual_seed(0)
    )
    with threads_of(hardware), engine.plain() as answer:
        images = noise.to(hardware.device)
        best = min(_timed(lambda: answer(images).sum().item()) for _ in range(_REPEATS))
    spacing = model.settings.working_spacing or _USUAL_SPACING
    case = index_of([math.ceil(mm / s) for mm, s in zip(HEAD_AND_NECK_MM, spacing, strict=True)])
    window, overlap, cell = windows_for(case, model, engine, options)
    whole = index_of([math.ceil(n / cell) * cell for n in case])
    seen = len(window_starts(whole, window, overlap, cell)) * math.prod(window)
    rate = math.prod(_SAMPLE) / best
    return Speed(hardware, options.exact, rate, case, seen / rate)


def _timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin
