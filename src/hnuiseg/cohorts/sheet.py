"""A picture of each case with its truth, and one page to look through all of them."""

import html
import io
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped, UInt8

from hnuiseg.cohorts.listing import AnnotatedCase
from hnuiseg.cohorts.manifest import CaseEntry, Manifest
from hnuiseg.files import atomic_write
from hnuiseg.volume import Reorientation, body_box, standing, thinned

SHEET = "sheet.html"
_WINDOW_HU = (-160.0, 240.0)  # soft tissue, as on a console
_TOP_SUV = 10.0
_LOOK_MM = 4.0
_MARGIN_MM = 10.0
_PLANES = ("axial", "coronal", "sagittal")


def write_picture(found: AnnotatedCase, path: Path) -> None:
    """Three planes through the largest lesion, or the body's centre: CT, PET and outlines."""
    from matplotlib.figure import Figure

    from hnuiseg.export.colours import COLOURS  # here: the room of export loads torch

    turn = Reorientation.of(found.case.ct.grid)
    grid = turn.grid(found.case.ct.grid)
    upright = standing(found.case.ct)
    seen, every = thinned(upright, _LOOK_MM)
    box = tuple(
        slice(side.start * step, side.stop * step)
        for side, step in zip(body_box(seen, _MARGIN_MM), every, strict=True)
    )
    ct, truth = upright.array[box], turn.array(found.truth.array)[box]
    pet = None if found.case.pet is None else turn.array(found.case.pet.on_ct.array)[box]
    point = _point(truth)
    figure = Figure(figsize=(9.0, 3.2), dpi=80, facecolor="black", layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, (panel, plane) in enumerate(zip(axes, _PLANES, strict=True)):
        at = int(point[axis])
        rows, columns = (k for k in range(3) if k != axis)
        aspect = grid.spacing[rows] / grid.spacing[columns]
        origin = "upper" if axis == 0 else "lower"  # the head is up

        def cut(array: Shaped[np.ndarray, "z y x"], k: int = axis, n: int = at) -> np.ndarray:
            return np.take(array, n, axis=k)

        low, high = _WINDOW_HU
        shown = {"origin": origin, "aspect": aspect, "interpolation": "nearest"}
        panel.imshow(cut(ct), cmap="gray", vmin=low, vmax=high, **shown)
        if pet is not None:
            suv = cut(pet)
            veil = np.clip(suv / _TOP_SUV, 0.0, 0.6)
            panel.imshow(suv, cmap="inferno", vmin=0.0, vmax=_TOP_SUV, alpha=veil, **shown)
        for value, name in ((1, "GTVp"), (2, "GTVn")):
            mask = cut(truth) == value
            if mask.any() and not mask.all():
                colour = [channel / 255 for channel in COLOURS[name]]
                panel.contour(mask, levels=[0.5], colors=[colour], linewidths=1.2)
        panel.set_title(plane, color="white", fontsize=8)
        panel.axis("off")
    content = io.BytesIO()
    figure.savefig(content, format="png")
    atomic_write(path, content.getvalue())


def write_sheet(manifest: Manifest, folder: Path, picture: str) -> None:
    """`sheet.html`: every case with its picture and figures, what was left out at the end.

    `picture` is the picture's path relative to `folder`, with {} for the case's name.
    """
    cards = "\n".join(
        _card(case, manifest.classes, picture.format(case.name)) for case in manifest.cases
    )
    left = "\n".join(
        f"<li><b>{html.escape(one.name)}</b>: {html.escape(one.why)}</li>"
        for one in manifest.left_out
    )
    page = _PAGE.format(
        kind=html.escape(manifest.kind),
        licence=html.escape(manifest.licence),
        classes=html.escape(" · ".join(manifest.classes)),
        cases=len(manifest.cases),
        patients=len(manifest.patients),
        cards=cards,
        left=f"<h2>Left out</h2><ul>{left}</ul>" if left else "",
    )
    atomic_write(folder / SHEET, page.encode())


def _card(case: CaseEntry, classes: tuple[str, str], picture: str) -> str:
    volumes = ", ".join(
        f"{html.escape(name)} {ml:.1f} ml in {count}"
        for name, ml, count in zip(classes, case.volumes_ml, case.lesions, strict=True)
    )
    spacing = " × ".join(f"{s:.2f}" for s in case.spacing_mm)
    warnings = "".join(f"<li>{html.escape(text)}</li>" for text in case.warnings)
    return (
        f'<section><img loading="lazy" src="{html.escape(picture)}" '
        f'alt="Axial, coronal and sagittal plane of {html.escape(case.name)} with its truth">'
        f"<h2>{html.escape(case.name)}</h2><p>{case.scan}, {html.escape(case.centre or '–')}, "
        f"{spacing} mm<br>{volumes}</p><ul>{warnings}</ul></section>"
    )


def _point(truth: UInt8[np.ndarray, "z y x"]) -> Int[np.ndarray, "3"]:
    """A voxel to look at: in the largest slice of tumour, or in the middle."""
    drawn = (truth == 1) | (truth == 2)
    if drawn.any():
        slices = drawn.sum(axis=(1, 2))
        z = int(slices.argmax())
        y, x = np.argwhere(drawn[z]).mean(axis=0).round().astype(int)
        return np.array([z, y, x])
    return np.array(truth.shape) // 2


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hnuiseg: {kind}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em;
  background: #111; color: #ddd }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(22em, 1fr)); gap: 1em }}
section {{ background: #1c1c1c; padding: .8em; border-radius: 6px; overflow: hidden }}
section img {{ width: 100% }} h2 {{ font-size: 1em; margin: .3em 0 }} p, ul {{ margin: .3em 0 }}
li {{ color: #f5c26b }}
</style></head><body>
<h1>{kind}: {cases} cases of {patients} patients</h1>
<p>{classes} · {licence} · orange: 1, blue: 2; PET in colour up to SUV 10.
Research use only. These pictures show patients: keep them where the images are kept.</p>
<main>
{cards}
</main>
{left}
</body></html>
"""
