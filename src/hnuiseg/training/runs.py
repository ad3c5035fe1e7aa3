"""A run to look at: losses, learning rate, validation Dice, pictures of predictions."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hnuiseg.errors import InputRefused, OutputFailed
from hnuiseg.files import atomic_write
from hnuiseg.training.loop import LOSSES, STOPPED
from hnuiseg.training.recipe import STAGES
from hnuiseg.training.run import MODEL, RECORD, stage_folder
from hnuiseg.training.validation import PICTURES, validation_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "run.html"
_LAST = 50  # steps that a figure of the loss is the mean of
_SHOWN = 12  # pictures of a stage


@dataclass(frozen=True, slots=True)
class StageLog:
    """What one stage has written so far."""

    number: int
    folder: Path
    record: dict[str, Any]
    losses: tuple[dict[str, float], ...]
    validation: tuple[dict[str, Any], ...]
    stopped: dict[str, Any] | None
    finished: bool

    def summary(self) -> str:
        """One line for a person."""
        recipe, scale = self.record["recipe"]["name"], self.record["scale"]["name"]
        state = "finished" if self.finished else f"{len(self.losses)} steps"
        if self.stopped is not None:
            state = f"stopped at step {self.stopped['step']}: {self.stopped['what']} "
            state += self.stopped["value"]
        said = [f"stage {self.number}, {recipe}, {scale}, fold {self.record['fold']}: {state}"]
        if self.losses:
            last = [row["loss"] for row in self.losses[-_LAST:]]
            said.append(f"loss {np.mean(last):.3f}")
        for kind in ("dice", "dice after clicks"):
            if self.validation and kind in self.validation[-1]:
                dice = self.validation[-1][kind]
                values = ", ".join(f"{n} {_figure(v)}" for n, v in dice.items())
                said.append(f"validation {kind} {values}")
        return "; ".join(said)


def read_run(run: Path) -> tuple[StageLog, ...]:
    """The stages of a run that were begun. InputRefused where there is none."""
    found = []
    for number in STAGES:
        folder = stage_folder(run, number)
        if (folder / RECORD).exists():
            found.append(_read(number, folder))
    if not found:
        raise InputRefused(
            f"{run.name} holds no training",
            "the --out of `hnuiseg train`",
            "name that folder",
        )
    return tuple(found)


def write_page(run: Path, logs: Sequence[StageLog]) -> Path:
    """`run.html`: one page with its figures inside."""
    parts = [_section(log) for log in logs]
    page = _PAGE.format(name=html.escape(run.name), parts="\n".join(parts))
    atomic_write(run / PAGE, page.encode())
    return run / PAGE


def write_tensorboard(logs: Sequence[StageLog], folder: Path) -> None:
    """The same curves for TensorBoard. OutputFailed where it isn't installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise OutputFailed(
            "the package tensorboard isn't installed",
            "a Python with tensorboard",
            "pip install tensorboard, or look at run.html",
        ) from error
    for log in logs:
        writer: Any = SummaryWriter(str(folder / f"stage{log.number}"))
        for row in log.losses:
            writer.add_scalar("loss", row["loss"], row["step"])
            writer.add_scalar("rate", row["rate"], row["step"])
        for measured in log.validation:
            for kind in ("dice", "dice after clicks"):
                for name, value in measured.get(kind, {}).items():
                    if value is not None:
                        writer.add_scalar(f"{kind}/{name}", value, measured["step"])
        writer.close()


def _read(number: int, folder: Path) -> StageLog:
    try:
        record = json.loads((folder / RECORD).read_text())
        kept, stop = folder / LOSSES, folder / STOPPED
        lines = kept.read_text().splitlines() if kept.exists() else []
        rows = [json.loads(line) for line in lines]
        stopped = json.loads(stop.read_text()) if stop.exists() else None
        return StageLog(
            number,
            folder,
            record,
            tuple(rows),
            tuple(validation_rows(folder)),
            stopped,
            (folder / MODEL).exists(),
        )
    except (OSError, ValueError, LookupError) as error:
        raise InputRefused(
            f"{folder.name} can't be read ({type(error).__name__}: {error})",
            "a stage of `hnuiseg train`",
            "look at its files",
        ) from error


def _section(log: StageLog) -> str:
    figures = [_losses(log)] if log.losses else []
    if log.validation:
        figures.append(_validation(log))
    shown = sorted((log.folder / PICTURES).glob("*.png"), key=lambda p: p.stem[-6:])[-_SHOWN:]
    pictures = "".join(
        f'<img src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}" '
        f'alt="Prediction and truth, {html.escape(path.stem)}">'
        for path in shown
    )
    record = html.escape(json.dumps(log.record, indent=1))
    return (
        f"<h2>Stage {log.number}</h2><p>{html.escape(log.summary())}</p>{''.join(figures)}"
        f"<div>{pictures}</div><details><summary>Settings</summary><pre>{record}</pre></details>"
    )


def _losses(log: StageLog) -> str:
    figure, (above, below) = _axes(2)
    steps = np.array([row["step"] for row in log.losses])
    losses = np.array([row["loss"] for row in log.losses])
    above.plot(steps, losses, color="#bbb", linewidth=0.5)
    width = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
    above.plot(steps[len(steps) - len(smooth) :], smooth, color="#06c")
    above.set_ylabel("loss")
    below.plot(steps, [row["rate"] for row in log.losses], color="#06c")
    below.set_ylabel("learning rate")
    below.set_xlabel("step")
    return _image(figure, f"Loss and learning rate of stage {log.number}")


def _validation(log: StageLog) -> str:
    figure, (axes,) = _axes(1)
    for kind, style in (("dice", "-"), ("dice after clicks", "--")):
        for name, colour in (("GTVp", "#e66101"), ("GTVn", "#1b7fbd")):
            rows = [(r["step"], r[kind][name]) for r in log.validation if kind in r]
            there = [(step, value) for step, value in rows if value is not None]
            if there:
                label = name if kind == "dice" else f"{name}, after clicks"
                axes.plot(*zip(*there, strict=True), style, color=colour, marker="o", label=label)
    axes.set_ylim(0, 1)
    axes.set_xlabel("step")
    axes.set_ylabel("validation Dice")
    axes.legend(loc="lower right")
    return _image(figure, f"Validation Dice of stage {log.number}")


def _axes(count: int) -> "tuple[Figure, Any]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6 * count), dpi=90, layout="constrained")
    return figure, figure.subplots(count, 1, squeeze=False)[:, 0]


def _image(figure: "Figure", alt: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    coded = base64.b64encode(content.getvalue()).decode()
    return f'<img src="data:image/png;base64,{coded}" alt="{html.escape(alt)}">'


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hnuiseg run {name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }}
img {{ max-width: 100% }} pre {{ overflow: auto }}
</style></head><body><h1>{name}</h1>
{parts}
</body></html>
"""
