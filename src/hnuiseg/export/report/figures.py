"""Views through every lesion, as PNG: three planes of each class's largest, axial ones of others.

Radiological convention: the patient's right is at the image's left, the head is up, and
sagittal views look to the image's left. Every stored orientation is turned to the standing
order first, without interpolation. Matplotlib is used through its objects alone: pyplot keeps
global state.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from hnuiseg.export.colours import COLOURS
from hnuiseg.export.measure import lesion_voxels
from hnuiseg.export.result import Result
from hnuiseg.inference import CLASSES, Prediction
from hnuiseg.study.case import Case
from hnuiseg.volume import Grid, Reorientation, Volume, body_mask, thinned

WINDOW_HU = (-135.0, 215.0)  # soft tissue: width 350, level 40
SUV_SHOWN = 10.0  # g/ml at the top of the colour scale, the same in every report
ENTROPY_SHOWN = float(np.log(2.0))  # nats: evenly divided between two classes
MOST = 20  # lesions with a figure; a wrong model can find hundreds of specks
_FIELD_MM = 240.0
_CLOSE_MM = 160.0  # of an axial view alone
_MARGIN_MM = 60.0
_LOOK_MM = 4.0
DPI = 110  # 1,000 pixels wide: a screen, or a page at 140 an inch
_HEAD_INCH, _FOOT_INCH = 0.36, 0.66  # headings above the panels, scales below


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture and the words under it."""

    title: str
    caption: str
    alt: str
    png: bytes
    planes: int = 3


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
    """One figure a lesion, up to 20, or one through the body's centre where none is found."""
    stack = _stack(case, prediction)
    out: list[Figure] = []
    for (value, number, index), lesion in zip(
        lesion_voxels(prediction), result.lesions, strict=True
    ):
        if len(out) == MOST:
            break
        upright = np.rint(stack.grid.to_index(case.ct.grid.to_world(index))).astype(int)
        # the voxel nearest to the centroid: a curved lesion may not hold its own centroid
        away = ((upright - upright.mean(axis=0)) * stack.grid.spacing) ** 2 @ np.ones(3)
        # of equal ones the same in every stored order
        point = upright[np.lexsort((*upright.T, np.round(away, 6)))[0]]
        first = number == 1
        box = _field(stack.grid, point, upright, _FIELD_MM if first else _CLOSE_MM)
        views = VIEWS if first else VIEWS[:1]
        title = f"{CLASSES[value]} {number}, {lesion.volume_ml:.1f} ml"
        where = f"{lesion.location[:1].upper()}{lesion.location[1:]}. "
        out.append(_figure(stack, point, box, views, title, where))
    if not out:
        index = _body(stack)
        point = (index.min(axis=0) + index.max(axis=0)) // 2
        box = _field(stack.grid, point, index, _FIELD_MM)
        out.append(_figure(stack, point, box, VIEWS, "Centre of the body", ""))
    return tuple(out)


def _body(stack: Stack) -> Int[np.ndarray, "n 3"]:
    """Voxels of the body, looked at every 4 mm; of the whole image where there is none."""
    seen, every = thinned(Volume(stack.ct, stack.grid, "HU"), _LOOK_MM)
    body = body_mask(seen)
    return np.argwhere(body if body.any() else np.ones_like(body)) * every


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
    grid: Grid, point: Int[np.ndarray, "3"], voxels: Int[np.ndarray, "n 3"], least_mm: float
) -> tuple[slice, slice, slice]:
    """The box to show: the same mm in every direction, shifted to stay in the image."""
    reach = float((np.abs(voxels - point) * grid.spacing).max())
    side = max(least_mm, 2 * reach + _MARGIN_MM)
    box = []
    for k in range(3):
        size = min(grid.shape[k], max(2, round(side / grid.spacing[k])))
        start = min(max(int(point[k]) - size // 2, 0), grid.shape[k] - size)
        box.append(slice(start, start + size))
    return box[0], box[1], box[2]


def _figure(
    stack: Stack,
    point: Int[np.ndarray, "3"],
    box: tuple[slice, slice, slice],
    views: tuple[View, ...],
    title: str,
    where: str,
) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    layers = ["ct"] if stack.pet is None else ["ct", "pet"]
    layers.append("entropy")
    heights = [_size_mm(stack.grid, box, view)[0] for view in views]
    width_mm = max(_size_mm(stack.grid, box, view)[1] for view in views)
    column = 9.0 / 3  # inches
    rows = [max(0.9, column * h / width_mm) for h in heights]
    total = sum(rows) + _HEAD_INCH + _FOOT_INCH
    canvas = Canvas(figsize=(column * len(layers) + 0.3, total), dpi=DPI, facecolor="black")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(
        len(views), len(layers), squeeze=False, gridspec_kw={"height_ratios": rows}
    )
    canvas.subplots_adjust(
        left=0.02, right=0.98, top=1 - _HEAD_INCH / total, bottom=_FOOT_INCH / total,
        wspace=0.04, hspace=0.03,
    )  # fmt: skip
    for row, view in enumerate(views):
        for column_number, layer in enumerate(layers):
            _panel(panels[row, column_number], stack, view, point, box, layer)
    for column_number, layer in enumerate(layers):
        panels[0, column_number].set_title(_HEADINGS[layer], color="white", fontsize=11, pad=5)
        _scale(canvas, panels[-1, column_number], layer, 0.38 / total, 0.11 / total)
    planes = f"{', '.join(view.name for view in views)} view{'s' if len(views) > 1 else ''}"
    return Figure(
        title, where + _caption(stack, box, views), f"{planes}: {title}", png(canvas), len(views)
    )


def png(canvas: Any) -> bytes:
    """A matplotlib figure as PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    canvas.savefig(
        buffer, format="png", facecolor=canvas.get_facecolor(), metadata={"Software": None},
        pil_kwargs={"compress_level": 1},  # the default takes longer for a few per cent
    )  # fmt: skip
    return buffer.getvalue()


_UNSEEN_BRIGHTNESS = 0.45  # dim enough to tell, bright enough to see the anatomy
_HEADINGS = {"ct": "CT", "pet": "PET on CT", "entropy": "Uncertainty"}


def _caption(stack: Stack, box: tuple[slice, slice, slice], views: tuple[View, ...]) -> str:
    if len(views) > 1:
        parts = [
            "Axial, coronal and sagittal planes; dotted lines mark where the other planes cut.",
            "R right, L left, A front, P back, H head, F feet.",
        ]
    else:
        parts = [
            "Axial plane; dotted lines point at the lesion.",
            "R right, L left, A front, P back.",
        ]
    if stack.coverage is not None and not stack.coverage[box].all():
        parts.append("Diagonal hatching on the PET: not reached by the PET.")
    if stack.votes is not None and (stack.votes[box] < 2).any():
        parts.append("Darkened, within a dotted line, on the uncertainty: not sampled.")
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
    low, high = WINDOW_HU
    grey = np.clip((plane(stack.ct).astype(np.float32) - low) / (high - low), 0.0, 1.0)
    picture = np.repeat(grey[..., None], 3, axis=2)
    if layer == "pet" and stack.pet is not None and stack.coverage is not None:
        suv = plane(stack.pet)
        # see-through where there is no uptake, so that the anatomy stays readable
        alpha = np.clip((suv - 0.5) / 3.0, 0.0, 0.85)
        picture = _over(picture, suv / SUV_SHOWN, "inferno", alpha)
        _hatch(axes, ~plane(stack.coverage), "//", frame)
    if layer == "entropy":
        entropy = plane(stack.entropy)
        alpha = np.clip(entropy / 0.1, 0.0, 0.9)
        picture = _over(picture, entropy / ENTROPY_SHOWN, "cividis", alpha)
        if stack.votes is not None:
            unseen = plane(stack.votes) < 2
            picture[unseen] *= _UNSEEN_BRIGHTNESS
            _unseen_border(axes, unseen, frame)
    # one picture of three colours: matplotlib takes twice as long for one with transparency
    axes.imshow(picture, interpolation="bilinear", **frame)
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


def _over(
    picture: Float[np.ndarray, "h w 3"],
    values: Float[np.ndarray, "h w"],
    colours: str,
    alpha: Float[np.ndarray, "h w"],
) -> Float[np.ndarray, "h w 3"]:
    """A picture with `values` (0 to 1) in colours over it."""
    from matplotlib import colormaps

    shown = colormaps[colours](values)[..., :3]
    return np.asarray(picture + alpha[..., None] * (shown - picture), dtype=np.float32)


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
    from matplotlib.patheffects import withStroke

    x, y = _centres(mask, frame)
    colour = tuple(c / 255 for c in COLOURS[name])
    ring = np.pad(mask, 1).astype(float)  # padded: contours close at the image's border
    style = "dashed" if layer == "entropy" else "solid"
    shown = axes.contour(
        x, y, ring, levels=[0.5], colors=[colour], linewidths=1.4, linestyles=style
    )
    # dark below coloured: an orange line alone is lost in the orange of high uptake
    shown.set_path_effects([withStroke(linewidth=2.8, foreground=(0, 0, 0, 0.75))])


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


def _unseen_border(axes: Any, unseen: Bool[np.ndarray, "h w"], frame: dict[str, Any]) -> None:
    if not unseen.any():
        return
    x, y = _centres(unseen, frame)
    ring = np.pad(unseen, 1, mode="edge").astype(float)
    axes.contour(x, y, ring, levels=[0.5], colors=["#d0d0d0"], linewidths=0.8, linestyles="dotted")


def draw_letters(axes: Any, view: View, colours: tuple[str, str] = ("white", "black")) -> None:
    """The patient's sides at the four edges of matplotlib `axes`; colours of letter and rim."""
    places = ((0.0, 0.5, 5, 0), (1.0, 0.5, -5, 0), (0.5, 1.0, 0, -4), (0.5, 0.0, 0, 4))
    align = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y, right, up), (ha, va) in zip(view.letters, places, align, strict=True):
        place = {"xycoords": "axes fraction", "ha": ha, "va": va}
        _text(axes, letter, (x, y), (right, up), colours, **place)


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
    axes: Any,
    words: str,
    where: tuple[float, float],
    offset: tuple[int, int],
    colours: tuple[str, str] = ("white", "black"),
    **settings: Any,
) -> None:
    from matplotlib.patheffects import withStroke

    axes.annotate(
        words, where, xytext=offset, textcoords="offset points", color=colours[0], fontsize=10,
        path_effects=[withStroke(linewidth=1.8, foreground=colours[1])], **settings,
    )  # fmt: skip


def _scale(canvas: Any, panel: Any, layer: str, bottom: float, thick: float) -> None:
    """Under each column what its colours mean."""
    place = panel.get_position()
    if layer == "ct":
        for k, name in enumerate(CLASSES[1:]):
            x = place.x0 + place.width * (0.08 + 0.5 * k)
            colour = tuple(c / 255 for c in COLOURS[name])
            canvas.text(x, bottom, f"— {name}", color=colour, fontsize=11, va="center")
        return
    colours, words, ticks = {
        "pet": ("inferno", "SUVbw (g/ml)", SUV_TICKS),
        "entropy": ("cividis", "predictive entropy (nats)", ("0 sure", "", "0.69 split or more")),
    }[layer]
    left, width = place.x0 + 0.1 * place.width, 0.8 * place.width
    colour_scale(canvas, (left, bottom, width, thick), colours, words, ticks, "white")


SUV_TICKS = ("0", "5", f"{SUV_SHOWN:.0f} or more")


def colour_scale(
    canvas: Any,
    place: tuple[float, float, float, float],
    colours: str,
    words: str,
    ticks: tuple[str, str, str],
    ink: str,
) -> None:
    """A strip of colours at `place` of the figure, labelled at its start, middle and end.

    Matplotlib's colorbar takes a fifth of the time of a small figure.
    """
    left, bottom, width, _ = place
    axes = canvas.add_axes(place)
    axes.imshow(np.linspace(0.0, 1.0, 256)[None], cmap=colours, aspect="auto")
    axes.set_axis_off()
    inch = 1.0 / canvas.get_figheight()
    for k, (label, side) in enumerate(zip(ticks, ("left", "center", "right"), strict=True)):
        x = left + 0.5 * k * width
        canvas.text(x, bottom - 0.03 * inch, label, color=ink, fontsize=9, ha=side, va="top")
    where = (left + 0.5 * width, bottom - 0.19 * inch)
    canvas.text(*where, words, color=ink, fontsize=9, ha="center", va="top")
