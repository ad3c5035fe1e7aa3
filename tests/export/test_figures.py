"""Pictures: radiological convention in whatever order the patient was stored."""

import io
from datetime import UTC, datetime
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hnuiseg.export import export
from hnuiseg.export.report import figures
from hnuiseg.export.report.figures import Figure
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


def test_left_is_right_and_the_head_is_up(tmp_path: Path) -> None:
    """A marker at the patient's left, back and head lies right, low and high in its views."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[11:14, 28:32, 38:43] = 1  # high z: head; high y: back; high x: left
    case = made_case(with_pet=False)
    _, (figure,) = drawn(case, made_prediction(labels), tmp_path)
    found = orange(figure)[:, : pixels(figure).shape[1] // 2]  # the CT's column
    rows, middle = np.flatnonzero(found.any(axis=1)), found.shape[1] / 2
    views = np.split(rows, np.flatnonzero(np.diff(rows) > 20) + 1)
    assert len(views) == 3  # axial, coronal, sagittal
    for view in views:  # patient's left, left, back
        columns = np.flatnonzero(found[view].any(axis=0))
        assert columns.min() > middle
    # the widths of the axial picture (80 mm high) and the others (48 mm) follow from mm
    dark = pixels(figure)[:, : int(middle * 2)].max(axis=2) < 5
    assert dark.any()


ORDERS = [
    (axes, flips) for axes in permutations((0, 1, 2)) for flips in product((False, True), repeat=3)
]


@pytest.mark.parametrize(("axes", "flips"), [ORDERS[k] for k in (1, 14, 27, 46)])
def test_any_stored_order_gives_the_same_picture(
    tmp_path: Path, axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> None:
    case, prediction = made_case(), made_prediction(ball_labels())
    _, standing = drawn(case, prediction, tmp_path / "standing")
    _, turned = drawn(*stored_as(case, prediction, axes, flips), tmp_path / "turned")
    for a, b in zip(standing, turned, strict=True):
        np.testing.assert_array_equal(pixels(a), pixels(b))


def test_one_figure_a_class_or_one_of_the_body(tmp_path: Path) -> None:
    _, both = drawn(made_case(), made_prediction(ball_labels()), tmp_path)
    assert [figure.title for figure in both] == ["GTVp 1, 4.1 ml", "GTVn 1, 1.3 ml"]
    empty = np.zeros(GRID.shape, dtype=np.uint8)
    _, (body,) = drawn(made_case(), made_prediction(empty), tmp_path)
    assert body.title == "Centre of the body"


def test_times_have_a_zone_or_are_marked_as_local() -> None:
    assert stamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"
    assert stamp(datetime(2026, 1, 2)) == "2026-01-02T00:00:00 (local)"
