"""How a training fares on patients that it doesn't learn from: Dice now and then, and pictures."""

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from hnuiseg.evaluation import dice
from hnuiseg.files import atomic_write
from hnuiseg.inference import CLASSES
from hnuiseg.interaction import correction_clicks
from hnuiseg.models import ModelFile
from hnuiseg.study import IGNORE
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.whole import WholeAnswers

VALIDATION = "validation.jsonl"
PICTURES = "pictures"
_PICTURED = 2  # cases
_VALUES = tuple((name, value) for value, name in enumerate(CLASSES) if value)


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """The cases of a fold and where to write about them."""

    samples: tuple[StoredSample, ...]
    folder: Path
    with_clicks: bool  # also after one correction of every error (stage 3)
    seed: int
    device: torch.device

    def measure(self, model: ModelFile, step: int) -> dict[str, Any]:
        """A row for `validation.jsonl`, written there, and pictures of the first cases.

        Dice on the working grid; means over the cases that have the class in truth or answer.
        """
        answers = WholeAnswers(model, self.device)
        automatic: list[dict[str, float]] = []
        corrected: list[dict[str, float]] = []
        for number, sample in enumerate(self.samples):
            truth = sample.marks(sample.whole)[0]
            found = answers.labels(sample)
            automatic.append(dice_by_class(found, truth))
            if number < _PICTURED:
                self._picture(sample, found, truth, step)
            if self.with_clicks:
                generator = np.random.Generator(np.random.Philox([self.seed, number]))
                clicks = correction_clicks(found, truth, generator)
                corrected.append(dice_by_class(answers.labels(sample, clicks, found), truth))
        row: dict[str, Any] = {"step": step, "cases": len(self.samples), "dice": means(automatic)}
        if self.with_clicks:
            row["dice after clicks"] = means(corrected)
        self._add(row)
        return row

    def _add(self, row: dict[str, Any]) -> None:
        """In place of a row of the same step, or later ones of a run that was set back."""
        rows = [old for old in validation_rows(self.folder) if old["step"] < row["step"]]
        lines = "\n".join(json.dumps(one) for one in [*rows, row])
        atomic_write(self.folder / VALIDATION, (lines + "\n").encode())

    def _picture(
        self,
        sample: StoredSample,
        found: UInt8[np.ndarray, "z y x"],
        truth: UInt8[np.ndarray, "z y x"],
        step: int,
    ) -> None:
        from matplotlib.figure import Figure

        drawn = (truth == 1) | (truth == 2)
        shown = drawn if drawn.any() else found > 0
        z = int(shown.sum(axis=(1, 2)).argmax()) if shown.any() else sample.shape[0] // 2
        _, y, x = sample.whole
        ct, pet = sample.images((slice(z, z + 1), y, x))[:, 0]
        figure = Figure(figsize=(8, 4), dpi=80, facecolor="black", layout="constrained")
        for axes, image, name in zip(figure.subplots(1, 2), (ct, pet), ("CT", "PET"), strict=True):
            axes.imshow(image, cmap="gray" if name == "CT" else "inferno")
            for value, colour in ((1, "orangered"), (2, "deepskyblue")):
                for mask, style in ((truth[z] == value, "dashed"), (found[z] == value, "solid")):
                    if mask.any() and not mask.all():
                        axes.contour(mask, levels=[0.5], colors=colour, linestyles=style)
            axes.set_title(f"{name}, step {step}; dashed: truth", color="white", fontsize=8)
            axes.axis("off")
        content = io.BytesIO()
        figure.savefig(content, format="png")
        folder = self.folder / PICTURES
        folder.mkdir(exist_ok=True)
        atomic_write(folder / f"{sample.name}-{step:06d}.png", content.getvalue())


def validation_rows(folder: Path) -> list[dict[str, Any]]:
    """What was measured so far, by step."""
    file = folder / VALIDATION
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def dice_by_class(
    found: UInt8[np.ndarray, "z y x"], truth: UInt8[np.ndarray, "z y x"]
) -> dict[str, float]:
    """DSC of each class that is in truth or answer; where nobody said, nothing counts."""
    said = truth != IGNORE
    values = {name: dice((found == v) & said, truth == v) for name, v in _VALUES}
    return {name: value for name, value in values.items() if not math.isnan(value)}


def means(rows: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """Mean of each class over the rows that have it; None where none has."""
    found: dict[str, float | None] = {}
    for name, _ in _VALUES:
        values = [row[name] for row in rows if name in row]
        found[name] = round(float(np.mean(values)), 4) if values else None
    return found
