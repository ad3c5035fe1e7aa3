"""An interactive session on 512 x 512 x 200 voxels: clicks, undo, opening, memory.

    .venv/bin/python benchmarks/interaction.py [MODEL]    # the shipped model by default

A phantom with its PET and (with HNUISEG_DATA) a real planning CT resampled to that grid. Clicks of
either class and sign fall where people click: in the middle of what was found, on its border, at
places that `suggest` names, and anywhere in the body. Timed from the call to the new mask, with the
edit on disk: one pass, then as many members as fit into a second and a half. The same clicks are
then answered the paper's way, by the whole volume again. Each study is a process of its own, so
that peak memory is its own; nothing else should run. Writes benchmarks/results/interaction.json.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from large_studies import STUDIES, large_study

from hnuiseg.errors import WrongCall
from hnuiseg.inference import PredictOptions
from hnuiseg.interaction import (
    CaseNetwork,
    InteractiveSession,
    Report,
    Tumour,
    automatic_start,
    whole_again,
)
from hnuiseg.interaction.change import standing_clicks
from hnuiseg.models import load_model
from hnuiseg.study import Case
from hnuiseg.volume import Triple

RESULTS = Path(__file__).parent / "results" / "interaction.json"
CLICKS = 40
MEMBERS = 4
DOUBTFUL_CLICKS = 10
WHOLE = 3
_BODY_HU = -200.0

Place = tuple[Tumour, bool, Triple]


def places(
    session: InteractiveSession, case: Case, generator: np.random.Generator
) -> Iterator[Place]:
    """Where the next click falls, from the state as it is then."""
    body = np.flatnonzero(case.ct.array > _BODY_HU)
    while True:
        kind = int(generator.integers(4))
        region: Tumour = ("GTVp", "GTVn")[int(generator.integers(2))]
        positive = bool(generator.random() < 0.7)
        voxels = body
        if kind == 0 and (found := session.suggest(5)):
            yield region, positive, found[int(generator.integers(len(found)))].position_mm
            continue
        if kind in (1, 2) and (session.labels != 0).any():
            voxels = np.flatnonzero(session.labels)
        index = np.unravel_index(int(generator.choice(voxels)), case.ct.grid.shape)
        shift = generator.normal(0.0, 4.0, 3) if kind == 2 else np.zeros(3)
        at = np.clip(
            np.array(index) + shift / case.ct.grid.spacing, 0, np.array(case.ct.grid.shape) - 1
        )
        x, y, z = case.ct.grid.to_world(np.round(at)[None])[0]
        yield region, positive, (float(x), float(y), float(z))


def clicks(
    session: InteractiveSession, wanted: Iterator[Place], count: int, members: int
) -> tuple[list[float], list[Report]]:
    """Seconds and report of each; contradictions and locked voxels don't count."""
    seconds: list[float] = []
    reports: list[Report] = []
    while len(seconds) < count:
        region, positive, at = next(wanted)
        begin = time.perf_counter()
        try:
            report = session.click(region, at, positive=positive, members=members)
        except WrongCall:
            continue
        seconds.append(time.perf_counter() - begin)
        reports.append(report)
    return seconds, reports


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {
        "median": round(statistics.median(seconds), 3),
        "95th percentile": round(float(np.percentile(seconds, 95)), 3),
    }


def study(name: str, model_name: str) -> dict[str, Any]:
    """All of it for one study, in this process."""
    case, model = large_study(name), load_model(model_name)
    options = PredictOptions(members=MEMBERS)
    generator = np.random.default_rng(15)
    with tempfile.TemporaryDirectory() as folder:
        cache, kept = Path(folder) / "cache", Path(folder) / "case.session"
        automatic = timed(lambda: automatic_start(case, model, options, cache))
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        before = _peak_mib()
        network = CaseNetwork(case, model, options)
        begin = time.perf_counter()
        start = automatic_start(case, model, options, cache)
        with InteractiveSession.begin(kept, case, start, network) as session:
            opened = time.perf_counter() - begin
            prepared = timed(network.prepare)
            wanted = places(session, case, generator)
            one_pass, reports = clicks(session, wanted, CLICKS, 0)
            doubtful, _ = clicks(session, wanted, DOUBTFUL_CLICKS, MEMBERS)
            undos = [timed(session.undo) for _ in range(10)]
            redos = [timed(session.redo) for _ in range(10)]
            removed = timed(lambda: session.remove(session.edits[0][0]))
            peak = _peak_mib()
            said = standing_clicks(session.session.layers, session.state)
            again = [timed(lambda: whole_again(network, session.state, said)) for _ in range(WHOLE)]
        reopened = timed(lambda: InteractiveSession.open_again(kept, case, network).close())
    return {
        "automatic, s": round(automatic, 1),
        "opening after it, s": round(opened, 2),
        "network made ready, once, s": round(prepared, 2),
        "clicks": len(one_pass),
        "click to mask, s": spread(one_pass),
        "zoomed out": sum(report.zoomed_out > 0 for report in reports),
        "forced": sum(report.forced for report in reports),
        "would have changed outside R, ml": round(
            statistics.mean(report.outside_ml for report in reports), 2
        ),
        "members": MEMBERS,
        "click to mask with members, s": spread(doubtful),
        "whole volume again, s": round(statistics.median(again), 2),
        "times faster than that": round(statistics.median(again) / statistics.median(one_pass), 1),
        "undo, s": spread(undos),
        "redo, s": spread(redos),
        "removal of the first edit, s": round(removed, 3),
        "reopening, s": round(reopened, 2),
        "memory of the session, MiB": round(peak - before),
        "peak memory, MiB": round(peak),
    }


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    if sys.argv[1:2] == ["--study"]:
        print(json.dumps(study(sys.argv[2], sys.argv[3])))
        return
    model = sys.argv[1] if len(sys.argv) > 1 else "default"
    studies = STUDIES if "HNUISEG_DATA" in os.environ else STUDIES[:1]
    result: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {torch.cpu.get_capabilities()['cpu_name']}",
        "model": load_model(model).card.name,
    }
    for name in studies:
        child = [sys.executable, __file__, "--study", name, model]
        result[name] = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE).stdout)
    text = json.dumps(result, indent=1)
    RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
