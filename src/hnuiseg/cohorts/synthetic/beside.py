"""Pictures of semi-synthetic patients beside what was really there: for eyes that know CTs."""

import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from hnuiseg.cohorts.openkbp_files import PatientFiles
from hnuiseg.cohorts.synthetic.patient import Planted, planted
from hnuiseg.errors import InputRefused
from hnuiseg.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHEET = "beside.html"
FOLDER = "beside"
_WINDOW_HU = (-160.0, 240.0)  # soft tissue, as on a console
_TOP_SUV = 10.0
_COLOURS = {1: "orangered", 2: "deepskyblue"}


def write_beside(
    patients: Sequence[PatientFiles],
    seed: int,
    out: Path,
    count: int,
    told: Callable[[float, str], None],
) -> Path:
    """A page of the first patients that can be planted; the real CT, planted, outlines, PET."""
    (out / FOLDER).mkdir(exist_ok=True)
    shown: list[str] = []
    for files in patients:
        if len(shown) == count:
            break
        told(len(shown) / count, "pictures beside the real CTs")
        try:
            made = planted(files, seed)
        except InputRefused:
            continue
        atomic_write(out / FOLDER / f"{files.patient}.png", picture(made))
        shown.append(files.patient)
    rows = "\n".join(
        f'<section><h2>{html.escape(name)}</h2><img loading="lazy" src="{FOLDER}/{name}.png" '
        f'alt="{name}: real CT, planted CT, outlines, PET, seen from the front"></section>'
        for name in shown
    )
    atomic_write(out / SHEET, _PAGE.format(rows=rows).encode())
    return out / SHEET


def picture(made: Planted) -> bytes:
    """PNG: the slice with most of the largest lesion, and the PET from the front."""
    from matplotlib.figure import Figure

    grid = made.real.ct.grid
    masks = {value: np.zeros(grid.shape, dtype=np.float32) for value in _COLOURS}
    for lesion, share in zip(made.lesions, made.art.shares, strict=True):
        part = masks[lesion.value][share.box]
        np.maximum(part, share.filled, out=part)
    largest = max(made.art.shares, key=lambda share: float(share.filled.sum()))
    k = largest.box[0].start + int(largest.filled.sum(axis=(1, 2)).argmax())
    rows, columns = np.nonzero(made.real.places.body[k])
    window = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    figure = Figure(figsize=(14.0, 3.2), dpi=80, facecolor="black", layout="constrained")
    panels = figure.subplots(1, 5)
    aspect = grid.spacing[1] / grid.spacing[2]
    before, after = made.real.ct.array[k][window], made.art.hu[k][window]

    def grey(panel: "Axes", image: Float[np.ndarray, "y x"], title: str) -> None:
        low, high = _WINDOW_HU
        panel.imshow(image, cmap="gray", vmin=low, vmax=high, aspect=aspect)
        panel.set_title(title, color="white", fontsize=8)

    grey(panels[0], before, "real CT")
    grey(panels[1], after, "planted")
    grey(panels[2], after, "orange: GTVp, blue: GTVn")
    for value, colour in _COLOURS.items():
        mask = masks[value][k][window]
        if mask.max() > 0.5:
            panels[2].contour(mask, levels=[0.5], colors=colour, linewidths=1.2)
    panels[3].imshow(made.activity[k][window], cmap="inferno", vmin=0, vmax=_TOP_SUV, aspect=aspect)
    panels[3].set_title(f"SUV 0 to {_TOP_SUV:.0f}, before noise", color="white", fontsize=8)
    front = made.activity.max(axis=1)[::-1]
    panels[4].imshow(
        front, cmap="gray_r", vmin=0, vmax=_TOP_SUV, aspect=grid.spacing[0] / grid.spacing[2]
    )
    panels[4].set_title("from the front", color="white", fontsize=8)
    for panel in panels:
        panel.axis("off")
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Semi-synthetic beside real</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em;
  background: #111; color: #ddd }}
section img {{ width: 100% }} h2 {{ font-size: 1em; margin: .6em 0 .2em }}
</style></head><body>
<h1>Semi-synthetic beside real</h1>
<p>On the grid on which the CTs were given out. Research use only. These pictures show patients:
keep them where the images are kept.</p>
{rows}
</body></html>
"""
