"""A model measured on patients that a split keeps apart: `results.json` and `results.md`."""

import json
import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from hnuiseg.cohorts import read_manifest
from hnuiseg.errors import InputRefused
from hnuiseg.files import atomic_write
from hnuiseg.inference import Hardware, PredictOptions
from hnuiseg.models import ModelFile
from hnuiseg.training.assess.case import Networks, assess_case, rows_of
from hnuiseg.training.assess.options import AssessOptions
from hnuiseg.training.assess.page import page
from hnuiseg.training.assess.store import Store
from hnuiseg.training.assess.summary import DEFINITIONS, summary
from hnuiseg.training.data import CaseRef, parts_of

FORMAT = 2  # from 2 on, rims of what lies in 255 are apart
RESULTS = "results.json"
PAGE = "results.md"
_CPU_INFO = Path("/proc/cpuinfo")

Told = Callable[[float, str], None]


def assess_model(
    model: ModelFile,
    data: Sequence[Path],
    out: Path,
    options: AssessOptions,
    *,
    called: str = "MODEL",
    learnt: frozenset[str] = frozenset(),
    resume: bool = False,
    told: Told | None = None,
) -> Path:
    """Measure `model` on a part of prepared data sets; the page for people, beside its JSON.

    Each case is kept in `out` as soon as it is measured; a call with `resume` goes on, and ends
    with the same bytes as one that was never stopped. `called` names the model in the command
    that the page shows; `learnt` are patients that it is known to have learnt from (`learnt_by`).
    InputRefused where one of them would be measured on and where the part is empty; OutputFailed
    where `out` holds something else.
    """
    tell = told or (lambda fraction, what: None)
    parts = parts_of(data, options.fold, to_train=False)
    refs: tuple[CaseRef, ...] = getattr(parts, options.part)
    if not refs:
        raise InputRefused(
            f"nobody is kept for {options.part} in {', '.join(folder.name for folder in data)}",
            "data sets whose split names such patients",
            "name another --part, or prepare with --splits",
        )
    leaked = sorted({ref.patient for ref in refs} & learnt)
    if leaked:  # law 11
        raise InputRefused(
            f"{model.card.name} has learnt from patient {leaked[0]}",
            f"patients for {options.part} that nothing behind the model learnt from",
            "assess on the splits that it was trained with",
        )
    hardware = Hardware.chosen(PredictOptions(device=options.device))
    record = {
        "format": FORMAT,
        "model": model.sha256,
        "data": parts.sha256,
        "options": options.to_json(),
        "device": hardware.device_name,
        "precision": hardware.precision,
        "software": f"hnuiseg {metadata.version('hnuiseg')}",
    }
    store = Store(out, record)
    store.claim(resume=resume)
    _measure(model, refs, store, options, hardware.device, tell)
    cases = [found for ref in refs if (found := store.read(ref)) is not None]
    manifests = [read_manifest(folder) for folder in data]
    results: dict[str, Any] = {
        **record,
        "model": {
            "name": model.card.name,
            "sha256": model.sha256,
            "recipe": model.card.recipe,
            "scale": model.card.scale,
            "trained on": model.card.training_data,
            "temperatures": model.settings.temperatures,
        },
        "data": {
            "sha256": parts.sha256,
            "sets": [
                {"kind": one.kind, "sha256": one.sha256, "classes": one.classes}
                for one in manifests
            ],
            "licence": parts.licence,
        },
        "command": options.command(called, tuple(folder.name for folder in data)),
        "machine": _machine(hardware),
        "definitions": DEFINITIONS,
        "patients": len({case["patient"] for case in cases}),
        "summary": summary(cases, options),
        "cases": cases,
    }
    results = json.loads(json.dumps(results, allow_nan=False))  # as a reader will have it
    atomic_write(out / RESULTS, json.dumps(results, indent=1, allow_nan=False).encode())
    atomic_write(out / PAGE, page(results).encode())
    return out / PAGE


def _measure(
    model: ModelFile,
    refs: Sequence[CaseRef],
    store: Store,
    options: AssessOptions,
    device: torch.device,
    tell: Told,
) -> None:
    """Every case that isn't measured yet; the time left is told by their rows."""
    missing = [ref for ref in refs if store.read(ref) is None]
    if not missing:
        return
    networks = Networks.of(model, options, device)
    total = sum(rows_of(ref.entry.scan, options) for ref in missing)
    done = 0
    for number, ref in enumerate(missing, start=len(refs) - len(missing) + 1):

        def measured(number: int = number) -> None:
            nonlocal done
            done += 1
            tell(min(1.0, done / max(1, total)), f"Measuring case {number} of {len(refs)}")

        tell(done / max(1, total), f"Measuring case {number} of {len(refs)}")
        store.write(ref, assess_case(ref, networks, options, measured))


def _machine(hardware: Hardware) -> dict[str, Any]:
    """What computed it, without names of hosts or people."""
    return {
        "processor": _processor(),
        "system": platform.machine(),
        "device": hardware.device_name,
        "precision": hardware.precision,
        "threads": hardware.threads,
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
