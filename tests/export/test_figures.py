"""Pictures: radiological convention in whatever order the patient was stored."""

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Annotation
from PIL import Image

from hnuiseg.export import export
from hnuiseg.export.report import figures, mip
from hnuiseg.export.report.figures import VIEWS, Figure, draw_letters
from hnuiseg.export.result import Result, stamp
from hnuiseg.inference import Prediction
from hnuiseg.study.case import Case
from made_case import (
    CARD,
    CREATED,
    GRID,
    STARTED,
    ball_labels,
    made_case,
    made_prediction,
    stored_as,
)


def drawn(case: Case, prediction: Prediction, tmp_path: Path) -> tuple[Result, tuple[Figure, ...]]:
    result = export(
        case, prediction, CARD, tmp_path / "out", formats=(), started=STARTED, created=CREATED
    )
    return result, figures(case, prediction, result)


def pixels(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(figure.png)).convert("RGB")).astype(int)


def orange(figure: Figure) -> np.ndarray:
    """Where the GTVp's contour is drawn, the legend at the bottom left out."""
    rgb = pixels(figure)[: -int(0.12 * len(pixels(figure)))]
    return np.asarray((rgb[..., 0] > 200) & (np.abs(rgb[..., 1] - 110) < 30) & (rgb[..., 2] < 80))


def contour_places(marker: tuple[slice, slice, slice], tmp_path: Path) -> list[tuple[float, float]]:
    """Mean row and column of the contour in the CT's axial, coronal and sagittal views."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[marker] = 1
    _, (figure,) = drawn(made_case(with_pet=False), made_prediction(labels), tmp_path)
    found = orange(figure)[:, : pixels(figure).shape[1] // 2]  # the CT's column
    rows = np.flatnonzero(found.any(axis=1))
    views = np.split(rows, np.flatnonzero(np.diff(rows) > 20) + 1)
    assert len(views) == 3
    return [
        (float(view.mean()), float(np.flatnonzero(found[view].any(axis=0)).mean()))
        for view in views
    ]


def test_left_is_right_and_the_head_is_up(tmp_path: Path) -> None:
    """What is more to the patient's left, back and head lies more right, low and high."""
    one = contour_places((slice(11, 14), slice(27, 31), slice(36, 41)), tmp_path)
    other = contour_places((slice(3, 6), slice(9, 13), slice(8, 13)), tmp_path)
    down, right = np.sign(np.subtract(one, other)).T
    assert down.tolist() == [1, -1, -1]  # axial: back; coronal and sagittal: head
    assert right.tolist() == [1, 1, 1]  # axial and coronal: left; sagittal: back


ORDERS: tuple[tuple[tuple[int, int, int], tuple[bool, bool, bool]], ...] = (
    ((1, 2, 0), (False, True, True)),
    ((2, 0, 1), (True, False, False)),
    ((0, 2, 1), (True, True, True)),
)


def test_any_stored_order_gives_the_same_picture(tmp_path: Path) -> None:
    labels = np.where(ball_labels() == 2, 0, ball_labels())  # one class: one picture
    case, prediction = made_case(), made_prediction(labels)
    _, (standing,) = drawn(case, prediction, tmp_path)
    for axes, flips in ORDERS:
        _, (turned,) = drawn(*stored_as(case, prediction, axes, flips), tmp_path)
        np.testing.assert_array_equal(pixels(turned), pixels(standing), f"{axes} {flips}")


def test_letters_stand_where_the_marker_test_found_the_sides() -> None:
    """R at the left, A or H at the top: the patient lies as if seen from the feet or front."""
    expected = {
        "axial": {"R": (0, 0.5), "L": (1, 0.5), "A": (0.5, 1), "P": (0.5, 0)},
        "coronal": {"R": (0, 0.5), "L": (1, 0.5), "H": (0.5, 1), "F": (0.5, 0)},
        "sagittal": {"A": (0, 0.5), "P": (1, 0.5), "H": (0.5, 1), "F": (0.5, 0)},
    }
    for view in VIEWS:
        axes = Canvas().add_subplot()
        draw_letters(axes, view)
        letters = [text for text in axes.texts if isinstance(text, Annotation)]
        assert {text.get_text(): text.xy for text in letters} == expected[view.name]


def test_one_figure_a_lesion_or_one_of_the_body(tmp_path: Path) -> None:
    result, found = drawn(made_case(), made_prediction(ball_labels()), tmp_path)
    assert [f.title for f in found] == ["GTVp 1, 4.1 ml", "GTVn 1, 1.3 ml", "GTVn 2, 0.3 ml"]
    for figure, lesion in zip(found, result.lesions, strict=True):
        assert figure.caption.lower().startswith(lesion.location)
    assert [f.alt.split(":")[0] for f in found] == [
        "axial, coronal, sagittal views",
        "axial, coronal, sagittal views",
        "axial view",
    ]
    empty = np.zeros(GRID.shape, dtype=np.uint8)
    _, (body,) = drawn(made_case(), made_prediction(empty), tmp_path)
    assert body.title == "Centre of the body"


def test_projections_show_the_lesion_on_its_side(tmp_path: Path) -> None:
    """Orange lies right of the middle from the front: the GTVp is in the patient's left half."""
    labels = np.where(ball_labels() == 2, 0, ball_labels())
    case, prediction = made_case(), made_prediction(labels)
    result, _ = drawn(case, prediction, tmp_path)
    shown = mip(case, prediction, result)
    assert shown is not None
    front = orange(shown)[:, : pixels(shown).shape[1] // 2]
    assert np.flatnonzero(front.any(axis=0)).mean() > 0.55 * front.shape[1]
    without, _ = drawn(made_case(with_pet=False), prediction, tmp_path)
    assert mip(made_case(with_pet=False), prediction, without) is None


def test_any_stored_order_gives_the_same_projections(tmp_path: Path) -> None:
    case, prediction = made_case(), made_prediction(ball_labels())
    result, _ = drawn(case, prediction, tmp_path)
    standing = mip(case, prediction, result)
    assert standing is not None
    for axes, flips in ORDERS:
        turned_case, turned_prediction = stored_as(case, prediction, axes, flips)
        turned = mip(turned_case, turned_prediction, result)
        assert turned is not None
        np.testing.assert_array_equal(pixels(turned), pixels(standing), f"{axes} {flips}")


def test_times_have_a_zone_or_are_marked_as_local() -> None:
    assert stamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"
    assert stamp(datetime(2026, 1, 2)) == "2026-01-02T00:00:00 (local)"
