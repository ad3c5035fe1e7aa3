"""One click at a lesion that was missed, one at what was invented: pictures before and after.

    .venv/bin/python docs/results/clicks_shown.py MODEL DATA OUT.png

Of the patients that the data set's split keeps for testing: the largest lesion of which the
automatic answer has no voxel, from the CT alone where there is one, and the largest component drawn
that holds no voxel of the truth, with PET where there is one. Each gets one click where it is
deepest, in a session (the click's region changes, nothing else), with ten members. After the
paper's Figures 2 and 3.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import UInt8
from matplotlib import pyplot
from scipy import ndimage

from hnuiseg.cohorts import read_cached
from hnuiseg.inference import PredictOptions, predict
from hnuiseg.interaction import (
    CaseNetwork,
    InteractiveSession,
    Report,
    Start,
    Tumour,
    error_findings,
)
from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.interaction.component import component_at
from hnuiseg.interaction.edits import position
from hnuiseg.models import ModelFile, load_model
from hnuiseg.study import IGNORE, Case
from hnuiseg.training.data import parts_of

MEMBERS = 10
HALF_MM = 60.0
COLOURS = {1: "#ff8c1a", 2: "#1ab2ff"}  # GTVp, GTVn
TRUTH = "#ffffff"


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A case in which there is something to click at."""

    title: str
    case: Case
    truth: UInt8[np.ndarray, "z y x"]
    region: Tumour
    positive: bool
    index: tuple[int, int, int]
    ml: float


def candidates(
    case: Case, truth: UInt8[np.ndarray, "z y x"], labels: UInt8[np.ndarray, "z y x"], name: str
) -> Iterator[Shown]:
    """Lesions wholly missed, and components wholly invented, each at its deepest voxel."""
    generator = np.random.default_rng(0)
    for found in error_findings(labels, truth):
        error = found.component
        own, other = (truth, labels) if found.positive else (labels, truth)
        mask = own == TUMOURS[found.region]
        if (other[error.box][error.mask] != 0).any():
            continue
        if component_at(mask, error.first).size != error.size:
            continue  # the rest of a lesion that was found in part, or the rim of a true one
        near = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in error.box)
        if (
            not found.positive
            and (truth[near][ndimage.binary_dilation(mask[near])] == IGNORE).any()
        ):
            continue  # real disease may lie there
        index = error.deepest(case.ct.grid.spacing, generator)
        ml = found.component.size * case.ct.grid.voxel_ml
        yield Shown(name, case, truth, found.region, found.positive, index, ml)


def click(shown: Shown, start: Start, model: ModelFile) -> tuple[list[Any], Report]:
    """Labels and entropy before and after, in the click's slice."""
    network = CaseNetwork(shown.case, model, PredictOptions(members=MEMBERS))
    z = shown.index[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        InteractiveSession.begin(Path(folder) / "s", shown.case, start, network) as session,
    ):
        before = session.labels[z].copy(), session.entropy[z].copy()
        at = position(shown.index, shown.case.ct.grid)
        report = session.click(shown.region, at, positive=shown.positive, members=MEMBERS)
        after = session.labels[z].copy(), session.entropy[z].copy()
    return [*before, *after], report


def draw(rows: Sequence[tuple[Shown, list[Any], Report]], file: Path) -> None:
    """A row for each click: image and uncertainty, before and after."""
    mpl.use("Agg")
    figure, axes = pyplot.subplots(len(rows), 4, figsize=(13, 3.6 * len(rows)), squeeze=False)
    for panels, (shown, (labels, doubt, labels_after, doubt_after), report) in zip(
        axes, rows, strict=True
    ):
        grid = shown.case.ct.grid
        z, y, x = shown.index
        half = [round(HALF_MM / step) for step in grid.spacing[1:]]
        cut = tuple(slice(max(0, at - h), at + h + 1) for at, h in zip((y, x), half, strict=True))
        ct = shown.case.ct.array[z][cut]
        truth = shown.truth[z][cut]
        pet = None if shown.case.pet is None else shown.case.pet.on_ct.array[z][cut]
        what = "missed" if shown.positive else "invented"
        said = f"{shown.title}: {shown.region} {what}, {shown.ml:.1f} ml"
        titles = (said, "predictive entropy before", "after one click", "predictive entropy after")
        seen = ((labels, None), (labels, doubt), (labels_after, None), (labels_after, doubt_after))
        for panel, title, (drawn, entropy) in zip(panels, titles, seen, strict=True):
            aspect = grid.spacing[1] / grid.spacing[2]
            panel.imshow(ct, cmap="gray", vmin=-110, vmax=190, aspect=aspect)
            if entropy is None and pet is not None:
                panel.imshow(pet, cmap="inferno", vmin=0, vmax=12, alpha=0.35, aspect=aspect)
            if entropy is not None:
                panel.imshow(entropy[cut], cmap="viridis", vmin=0, vmax=1.0, aspect=aspect)
            for value, colour in COLOURS.items():
                for mask, style, tint in (
                    (drawn[cut] == value, "solid", colour),
                    (truth == value, "dotted", TRUTH),
                ):
                    if mask.any():
                        panel.contour(mask, [0.5], colors=[tint], linestyles=style, linewidths=1.4)
            panel.plot(x - cut[1].start, y - cut[0].start, "+", color="#39ff14", ms=9, mew=1.6)
            panel.set_title(title, fontsize=9)
            panel.set_axis_off()
        changed = f"changed {report.changed_ml:.1f} ml"
        panels[2].set_title(f"after one click: {changed}", fontsize=9)
    figure.text(
        0.01,
        0.005,
        "Orange GTVp, blue GTVn, white dotted the truth, green the click. "
        "Semi-synthetic patients, planted in CTs of OpenKBP (MIT). Research only.",
        fontsize=8,
    )
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    figure.savefig(file, dpi=80, metadata={"Software": None})


def main() -> None:
    """Both pictures."""
    model, data, file = load_model(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    best: dict[bool, tuple[Shown, Start]] = {}
    rank: dict[bool, tuple[bool, float]] = {}
    for ref in parts_of([data], 0, to_train=False).testing:
        read = read_cached(ref.folder, ref.entry.sha256)
        for with_pet in (True, False):
            if with_pet and read.case.pet is None:
                continue
            case = read.case if with_pet else replace(read.case, pet=None)
            found = predict(case, model, PredictOptions(members=MEMBERS))
            name = "PET/CT" if with_pet else "CT alone"
            truth = read.truth.array
            for shown in candidates(case, truth, np.asarray(found.labels), name):
                wanted = with_pet != shown.positive  # hidden on CT, invented with PET
                if (wanted, shown.ml) > rank.get(shown.positive, (False, 0.0)):
                    rank[shown.positive] = (wanted, shown.ml)
                    best[shown.positive] = (shown, Start.of_prediction(found))
    rows = []
    for positive in sorted(best, reverse=True):
        shown, start = best[positive]
        rows.append((shown, *click(shown, start, model)))
        print(shown.title, shown.region, shown.positive, f"{shown.ml:.1f} ml", rows[-1][2])
    draw(rows, file)


if __name__ == "__main__":
    main()
