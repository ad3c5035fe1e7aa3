"""Orthogonal views through the largest lesion of each class, as PNG.

Radiological convention: the patient's right is at the image's left, the head is up, and
sagittal views look to the image's left. Every stored orientation is turned to the standing
order first, without interpolation. Matplotlib is used through its objects alone: pyplot keeps
global state.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from hnuiseg.export.colours import COLOURS
from hnuiseg.export.result import Result
from hnuiseg.inference import CLASSES, Prediction
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid, Reorientation, Volume, body_mask

WINDOW_HU = (-135.0, 215.0)  # soft tissue: width 350, level 40
SUV_SHOWN = 10.0  # g/ml at the top of the colour scale, the same in every report
ENTROPY_SHOWN = float(np.log(2.0))  # nats: evenly divided between two classes
_FIELD_MM = 240.0
_MARGIN_MM = 60.0
_DPI = 130


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture and the words under it."""

    title: str
    caption: str
    alt: str
    png: bytes


@dataclass(frozen=True, slots=True)
class View:
    """One plane of the standing order (z, y, x): which axis it cuts, and its letters."""

    name: str
    cut: int
    head_up: bool
    letters: tuple[str, str, str, str]  # left, right, top, bottom of the picture


VIEWS = (
    View("axial", 0, False, ("R", "L", "A", "P")),
    View("coronal", 1, True, ("R", "L", "H", "F")),
    View("sagittal", 2, True, ("A", "P", "H", "F")),
)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Everything that is drawn, in standing order."""

    grid: Grid
    ct: Shaped[np.ndarray, "z y x"]
    pet: Shaped[np.ndarray, "z y x"] | None
    coverage: Bool[np.ndarray, "z y x"] | None
    labels: Shaped[np.ndarray, "z y x"]
    entropy: Float[np.ndarray, "z y x"]
    votes: Shaped[np.ndarray, "z y x"] | None


def figures(case: Case, prediction: Prediction, result: Result) -> tuple[Figure, ...]:
    """One figure a class with lesions, or one through the body's centre where none is found."""
    stack = _stack(case, prediction)
    out = []
    for value, name in enumerate(CLASSES[1:], start=1):
        own = [lesion for lesion in result.lesions if lesion.class_name == name]
        if not own:
            continue
        mask = stack.labels == value
        centre = stack.grid.to_index(np.asarray([own[0].centroid_mm]))[0]
        index = np.argwhere(mask)
        # the voxel nearest to the centroid: a curved lesion may not hold its own centroid
        point = index[np.argmin(((index - centre) * stack.grid.spacing) ** 2 @ np.ones(3))]
        title = f"{name} {own[0].number}, {own[0].volume_ml:.1f} ml"
        out.append(_figure(stack, point, _field(stack.grid, point, mask), title))
    if not out:
        body = body_mask(Volume(stack.ct, stack.grid, "HU"))
        index = np.argwhere(body) if body.any() else np.argwhere(np.ones_like(body))
        point = np.asarray((index.min(axis=0) + index.max(axis=0)) // 2)
        out.append(_figure(stack, point, _field(stack.grid, point, body), "Centre of the body"))
    return tuple(out)


def _stack(case: Case, prediction: Prediction) -> Stack:
    turn = Reorientation.of(case.ct.grid)
    pet = case.pet
    return Stack(
        grid=turn.grid(case.ct.grid),
        ct=turn.array(case.ct.array),
        pet=None if pet is None else turn.array(pet.on_ct.array),
        coverage=None if pet is None else turn.array(pet.coverage),
        labels=turn.array(prediction.labels),
        entropy=turn.array(prediction.entropy),
        votes=None if prediction.votes is None else turn.array(prediction.votes),
    )


def _field(
    grid: Grid, point: Shaped[np.ndarray, "3"], mask: Bool[np.ndarray, "z y x"]
) -> tuple[slice, slice, slice]:
    """The box to show: the same mm in every direction, shifted to stay in the image."""
    extent = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {k}))) for k in range(3)]
    low = [point[k] - e[0] if len(e) else 0 for k, e in enumerate(extent)]
    high = [e[-1] - point[k] if len(e) else 0 for k, e in enumerate(extent)]
    reach = max(max(a, b) * s for a, b, s in zip(low, high, grid.spacing, strict=True))
    side = max(_FIELD_MM, 2 * reach + _MARGIN_MM)
    box = []
    for k in range(3):
        size = min(grid.shape[k], max(2, round(side / grid.spacing[k])))
        start = min(max(int(point[k]) - size // 2, 0), grid.shape[k] - size)
        box.append(slice(start, start + size))
    return box[0], box[1], box[2]


def _figure(
    stack: Stack, point: Shaped[np.ndarray, "3"], box: tuple[slice, slice, slice], title: str
) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    layers = ["ct"] if stack.pet is None else ["ct", "pet"]
    layers.append("entropy")
    heights = [_size_mm(stack.grid, box, view)[0] for view in VIEWS]
    width_mm = max(_size_mm(stack.grid, box, view)[1] for view in VIEWS)
    column = 9.0 / 3  # inches
    rows = [max(0.9, column * h / width_mm) for h in heights]
    canvas = Canvas(
        figsize=(column * len(layers) + 0.3, sum(rows) + 1.0), dpi=_DPI, facecolor="black"
    )
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(3, len(layers), squeeze=False, gridspec_kw={"height_ratios": rows})
    total = sum(rows) + 1.0
    canvas.subplots_adjust(
        left=0.02, right=0.98, top=1 - 0.32 / total, bottom=0.62 / total, wspace=0.04, hspace=0.03
    )
    for row, view in enumerate(VIEWS):
        for column_number, layer in enumerate(layers):
            _panel(panels[row, column_number], stack, view, point, box, layer)
    for column_number, layer in enumerate(layers):
        panels[0, column_number].set_title(_HEADINGS[layer], color="white", fontsize=10, pad=5)
        _scale(canvas, panels[2, column_number], layer, 0.36 / total)
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="png", facecolor="black", metadata={"Software": None})
    planes = ", ".join(view.name for view in VIEWS)
    return Figure(title, _caption(stack, box), f"{planes} views: {title}", buffer.getvalue())


_HEADINGS = {"ct": "CT", "pet": "PET on CT", "entropy": "Uncertainty"}


def _caption(stack: Stack, box: tuple[slice, slice, slice]) -> str:
    parts = [
        "Axial, coronal and sagittal planes; dotted lines mark where the other planes cut.",
        "R right, L left, A front, P back, H head, F feet.",
    ]
    if stack.coverage is not None and not stack.coverage[box].all():
        parts.append("Diagonal hatching on the PET: not reached by the PET.")
    if stack.votes is not None and (stack.votes[box] < 2).any():
        parts.append("Crossed hatching on the uncertainty: not sampled.")
    return " ".join(parts)


def _size_mm(grid: Grid, box: tuple[slice, slice, slice], view: View) -> tuple[float, float]:
    """Height and width of the picture."""
    sides = [(b.stop - b.start) * s for b, s in zip(box, grid.spacing, strict=True)]
    height, width = (sides[k] for k in range(3) if k != view.cut)
    return height, width


def _panel(
    axes: Any,
    stack: Stack,
    view: View,
    point: Shaped[np.ndarray, "3"],
    box: tuple[slice, slice, slice],
    layer: str,
) -> None:
    height, width = _size_mm(stack.grid, box, view)
    index = int(point[view.cut])
    where = [b if k != view.cut else slice(index, index + 1) for k, b in enumerate(box)]

    def plane(array: Shaped[np.ndarray, "z y x"]) -> Shaped[np.ndarray, "h w"]:
        return array[tuple(where)].squeeze(axis=view.cut)

    frame = {
        "extent": (0.0, width, 0.0, height) if view.head_up else (0.0, width, height, 0.0),
        "origin": "lower" if view.head_up else "upper",
    }
    axes.set_facecolor("black")
    axes.imshow(
        plane(stack.ct), cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1],
        interpolation="bilinear", **frame,
    )  # fmt: skip
    if layer == "pet" and stack.pet is not None and stack.coverage is not None:
        suv = plane(stack.pet)
        # see-through where there is no uptake, so that the anatomy stays readable
        _overlay(axes, suv, SUV_SHOWN, "inferno", np.clip((suv - 0.5) / 3.0, 0.0, 0.85), frame)
        _hatch(axes, ~plane(stack.coverage), "//", frame)
    if layer == "entropy":
        entropy = plane(stack.entropy)
        _overlay(axes, entropy, ENTROPY_SHOWN, "cividis", np.clip(entropy / 0.1, 0, 0.9), frame)
        if stack.votes is not None:
            _hatch(axes, plane(stack.votes) < 2, "xx", frame)
    for value, name in enumerate(CLASSES[1:], start=1):
        _outline(axes, plane(stack.labels) == value, name, frame, layer)
    axes.set_xlim(0.0, width)
    axes.set_ylim((0.0, height) if view.head_up else (height, 0.0))
    axes.set_aspect("equal", adjustable="box")
    axes.set_axis_off()
    draw_letters(axes, view)
    if layer == "ct":
        down, across = (
            (point[k] - box[k].start + 0.5) * stack.grid.spacing[k]
            for k in range(3)
            if k != view.cut
        )
        _other_planes(axes, down, across, height, width)
        _scale_bar(axes, view, height, width)


def _overlay(
    axes: Any,
    values: Float[np.ndarray, "h w"],
    top: float,
    colours: str,
    alpha: Float[np.ndarray, "h w"],
    frame: dict[str, Any],
) -> None:
    axes.imshow(
        values, cmap=colours, vmin=0.0, vmax=top, alpha=alpha, interpolation="bilinear", **frame
    )


def _centres(
    mask: Bool[np.ndarray, "h w"], frame: dict[str, Any]
) -> tuple[Float[np.ndarray, " w"], Float[np.ndarray, " h"]]:
    """Positions in mm of the pixels' centres, one more pixel on each side."""
    width, height = frame["extent"][1], max(frame["extent"][2:])
    rows, columns = mask.shape
    x = (np.arange(-1, columns + 1) + 0.5) * width / columns
    y = (np.arange(-1, rows + 1) + 0.5) * height / rows
    return x, y


def _outline(
    axes: Any, mask: Bool[np.ndarray, "h w"], name: str, frame: dict[str, Any], layer: str
) -> None:
    if not mask.any():
        return
    x, y = _centres(mask, frame)
    colour = tuple(c / 255 for c in COLOURS[name])
    ring = np.pad(mask, 1).astype(float)  # padded: contours close at the image's border
    style = "dashed" if layer == "entropy" else "solid"
    # dark below coloured: an orange line alone is lost in the orange of high uptake
    axes.contour(x, y, ring, levels=[0.5], colors=["black"], linewidths=2.8, alpha=0.75)
    axes.contour(x, y, ring, levels=[0.5], colors=[colour], linewidths=1.4, linestyles=style)


def _hatch(axes: Any, mask: Bool[np.ndarray, "h w"], pattern: str, frame: dict[str, Any]) -> None:
    if not mask.any():
        return
    x, y = _centres(mask, frame)
    shown = axes.contourf(
        x, y, np.pad(mask, 1, mode="edge").astype(float), levels=[0.5, 1.5], colors="none",
        hatches=[pattern],
    )  # fmt: skip
    shown.set_edgecolor("#b0b0b0")
    shown.set_linewidth(0.0)


def draw_letters(axes: Any, view: View) -> None:
    """The patient's sides at the four edges of matplotlib `axes`."""
    places = ((0.0, 0.5, 5, 0), (1.0, 0.5, -5, 0), (0.5, 1.0, 0, -4), (0.5, 0.0, 0, 4))
    align = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y, right, up), (ha, va) in zip(view.letters, places, align, strict=True):
        _text(axes, letter, (x, y), (right, up), xycoords="axes fraction", ha=ha, va=va)


def _other_planes(axes: Any, down: float, across: float, height: float, width: float) -> None:
    """Dotted lines where the other two planes cut, open around the point to show it."""
    gap = 20.0  # mm
    look = {"color": "white", "linewidth": 0.7, "linestyle": (0, (1, 3)), "alpha": 0.6}
    for start, end in ((0.0, across - gap), (across + gap, width)):
        if end > start:
            axes.plot([start, end], [down, down], **look)
    for start, end in ((0.0, down - gap), (down + gap, height)):
        if end > start:
            axes.plot([across, across], [start, end], **look)


def _scale_bar(axes: Any, view: View, height: float, width: float) -> None:
    long = max(k for k in (10.0, 20.0, 50.0, 100.0) if k <= max(10.0, width / 3))
    y = 0.06 * height if view.head_up else 0.94 * height
    x = 0.05 * width
    axes.plot([x, x + long], [y, y], color="white", linewidth=2, solid_capstyle="butt")
    where, above = (x + long / 2, y), (0, 3)
    _text(axes, f"{long / 10:.0f} cm", where, above, xycoords="data", ha="center", va="bottom")


def _text(
    axes: Any, words: str, where: tuple[float, float], offset: tuple[int, int], **settings: Any
) -> None:
    from matplotlib.patheffects import withStroke

    axes.annotate(
        words, where, xytext=offset, textcoords="offset points", color="white", fontsize=9,
        path_effects=[withStroke(linewidth=1.8, foreground="black")], **settings,
    )  # fmt: skip


def _scale(canvas: Any, panel: Any, layer: str, bottom: float) -> None:
    """Under each column what its colours mean."""
    place = panel.get_position()
    if layer == "ct":
        for k, name in enumerate(CLASSES[1:]):
            x = place.x0 + place.width * (0.08 + 0.5 * k)
            colour = tuple(c / 255 for c in COLOURS[name])
            canvas.text(x, bottom, f"— {name}", color=colour, fontsize=10, va="center")
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    top, colours, words = {
        "pet": (SUV_SHOWN, "inferno", "SUVbw (g/ml)"),
        "entropy": (ENTROPY_SHOWN, "cividis", "predictive entropy (nats)"),
    }[layer]
    axes = canvas.add_axes((place.x0 + 0.1 * place.width, bottom, 0.8 * place.width, 0.012))
    bar = canvas.colorbar(
        ScalarMappable(Normalize(0.0, top), colours), cax=axes, orientation="horizontal",
        extend="max",
    )  # fmt: skip
    bar.set_label(words, color="white", fontsize=8, labelpad=1)
    bar.set_ticks([0, 5, 10] if layer == "pet" else [0.0, 0.35, ENTROPY_SHOWN])
    bar.set_ticklabels(["0", "5", "10"] if layer == "pet" else ["0 sure", "0.35", "0.69 split"])
    bar.outline.set_edgecolor("white")
    axes.tick_params(colors="white", labelsize=8, length=2, pad=1)
