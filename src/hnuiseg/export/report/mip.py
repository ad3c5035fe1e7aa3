"""The PET as maximum intensity projections, from the front and from the left.

Drawn from the PET's own grid, dark on light as nuclear medicine is used to, with the outlines
of all lesions projected onto it. The patient's right is at the image's left, the head is up.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from hnuiseg.export.colours import COLOURS
from hnuiseg.export.report.figures import (
    DPI,
    SUV_SHOWN,
    SUV_TICKS,
    VIEWS,
    Figure,
    View,
    colour_scale,
    draw_letters,
    png,
)
from hnuiseg.export.result import Result
from hnuiseg.export.uptake import searched_grid
from hnuiseg.inference import CLASSES, Prediction
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid, Reorientation

_SUV_BODY = 0.3  # g/ml; what is below on both projections is air, and cropped
_MARGIN_MM = 20.0
_WIDE_INCH, _HIGH_INCH = 8.6, 6.2  # of both panels together, at most
_LETTERED = 8  # pieces of uptake outside with a letter


def mip(case: Case, prediction: Prediction, result: Result) -> Figure | None:
    """Coronal and sagittal projections of the PET; None without PET."""
    if case.pet is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    native = case.pet.native
    turn = Reorientation.of(native.grid)
    grid = turn.grid(native.grid)
    suv = turn.array(native.array)
    masks = {
        value: _projected(_places(case.ct.grid, prediction.labels == value, grid), grid)
        for value in range(1, len(CLASSES))
    }
    shown = [(view, suv.max(axis=view.cut)) for view in VIEWS[1:]]
    box = _box(shown, grid, masks)
    sides = [(b.stop - b.start) * s for b, s in zip(box, grid.spacing, strict=True)]
    inch = min(_WIDE_INCH / (sides[1] + sides[2]), _HIGH_INCH / sides[0])
    wide, high = max(5.0, inch * (sides[1] + sides[2]) + 0.4), inch * sides[0] + 1.0
    canvas = Canvas(figsize=(wide, high), dpi=DPI, facecolor="white")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(1, 2, gridspec_kw={"width_ratios": [sides[2], sides[1]]})
    canvas.subplots_adjust(
        left=0.02, right=0.98, top=1 - 0.32 / high, bottom=0.66 / high, wspace=0.04
    )
    outside = result.uptake_outside[:_LETTERED]
    places = grid.to_index(np.array([u.centroid_mm for u in outside]).reshape(-1, 3))
    edge = _edge(case, grid)
    for axes, (view, plane) in zip(panels, shown, strict=True):
        _panel(axes, view, plane, box, grid, {v: m[view.cut] for v, m in masks.items()}, edge)
        across = 3 - view.cut  # 2 on the coronal view, 1 on the sagittal
        for letter, place in zip("abcdefgh", places, strict=False):
            _letter(axes, letter, (place[[across, 0]] + 0.5) * _spacing(grid, across))
    _legend(canvas, high)
    return Figure(
        "PET, maximum intensity projections",
        _caption(outside, edge is not None),
        "coronal and sagittal maximum intensity projections of the PET",
        png(canvas),
    )


def _spacing(grid: Grid, across: int) -> Float[np.ndarray, "2"]:
    return np.array([grid.spacing[across], grid.spacing[0]])


def _places(ct: Grid, mask: Bool[np.ndarray, "z y x"], pet: Grid) -> Int[np.ndarray, "n 3"]:
    """The PET voxels that hold a centre of the mask's voxels; within the PET."""
    index = np.floor(pet.to_index(ct.to_world(np.argwhere(mask))) + 0.5).astype(np.int64)
    return index[((index >= 0) & (index < pet.shape)).all(axis=1)]


def _projected(places: Int[np.ndarray, "n 3"], grid: Grid) -> dict[int, Bool[np.ndarray, "h w"]]:
    out = {}
    for view in VIEWS[1:]:
        axes = [k for k in range(3) if k != view.cut]
        plane = np.zeros([grid.shape[k] for k in axes], dtype=bool)
        plane[tuple(places[:, axes].T)] = True
        out[view.cut] = plane
    return out


def _box(
    shown: list[tuple[View, Float[np.ndarray, "h w"]]],
    grid: Grid,
    masks: dict[int, dict[int, Bool[np.ndarray, "h w"]]],
) -> tuple[slice, slice, slice]:
    """The body and a margin, and every lesion; the whole height."""
    box = [slice(0, grid.shape[0])]
    for view, plane in reversed(shown):  # sagittal has y, coronal x
        across = 3 - view.cut
        seen = (plane > _SUV_BODY).any(axis=0)
        for mask in masks.values():
            seen |= mask[view.cut].any(axis=0)
        found = np.flatnonzero(seen) if seen.any() else np.arange(len(seen))
        margin = round(_MARGIN_MM / grid.spacing[across])
        box.append(slice(max(0, found[0] - margin), min(len(seen), found[-1] + 1 + margin)))
    return box[0], box[1], box[2]


def _edge(case: Case, grid: Grid) -> tuple[float, float] | None:
    """Lowest and highest slice that was searched, on the PET's; None where it's all of them."""
    part = searched_grid(case)
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in part.shape])).reshape(3, -1).T
    z = grid.to_index(part.to_world(corners))[:, 0]
    low, high = float(z.min()) + 0.5, float(z.max()) + 0.5
    return None if low < 2 and high > grid.shape[0] - 2 else (low, high)


def _panel(
    axes: Any,
    view: View,
    plane: Float[np.ndarray, "h w"],
    box: tuple[slice, slice, slice],
    grid: Grid,
    masks: dict[int, Bool[np.ndarray, "h w"]],
    edge: tuple[float, float] | None,
) -> None:
    across = 3 - view.cut
    dx, dz = grid.spacing[across], grid.spacing[0]
    rows, columns = plane.shape
    axes.imshow(
        plane, cmap="gray_r", vmin=0.0, vmax=SUV_SHOWN, origin="lower", interpolation="bilinear",
        extent=(0.0, columns * dx, 0.0, rows * dz),
    )  # fmt: skip
    x, y = (np.arange(-1, columns + 1) + 0.5) * dx, (np.arange(-1, rows + 1) + 0.5) * dz
    for value, name in enumerate(CLASSES[1:], start=1):
        if masks[value].any():
            ring = np.pad(masks[value], 1).astype(float)
            colour = tuple(c / 255 for c in COLOURS[name])
            axes.contour(x, y, ring, levels=[0.5], colors=["black"], linewidths=2.6)
            axes.contour(x, y, ring, levels=[0.5], colors=[colour], linewidths=1.4)
    for z in edge or ():
        if 0 < z < rows:
            axes.axhline(z * dz, color="#333333", linewidth=1.0, linestyle=(0, (5, 3)))
    axes.set_xlim(box[across].start * dx, box[across].stop * dx)
    axes.set_ylim(0.0, rows * dz)
    axes.set_aspect("equal", adjustable="box")
    axes.set_axis_off()
    axes.set_title(f"from the {'front' if view.cut == 1 else 'left'}", fontsize=11, pad=5)
    draw_letters(axes, view, ("black", "white"))


def _letter(axes: Any, letter: str, place: Float[np.ndarray, "2"]) -> None:
    axes.annotate(
        letter, tuple(place), ha="center", va="center", fontsize=9, color="black",
        bbox={"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": "black"},
    )  # fmt: skip


def _legend(canvas: Any, high: float) -> None:
    for k, name in enumerate(CLASSES[1:]):
        colour = tuple(0.75 * c / 255 for c in COLOURS[name])  # darker: it stands on white
        canvas.text(
            0.08 + 0.14 * k, 0.42 / high, f"— {name}", color=colour, fontsize=11, va="center"
        )
    place = (0.5, 0.38 / high, 0.42, 0.11 / high)
    colour_scale(canvas, place, "gray_r", "SUVbw (g/ml)", SUV_TICKS, "black")


def _caption(outside: tuple[Any, ...], cut: bool) -> str:
    parts = ["Every point shows the highest SUV on its line of sight; outlines are all lesions."]
    parts.append("R right, L left, A front, P back, H head, F feet.")
    if cut:
        parts.append("Dashed lines: the end of what was searched.")
    if outside:
        parts.append("Letters: high uptake outside, as listed.")
    return " ".join(parts)
