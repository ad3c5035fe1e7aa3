"""Words for places: right on a body whose outline is known, and the same in any stored order."""

import numpy as np
import pytest

from hnuiseg.study.location import Outline
from hnuiseg.volume import Grid, Reorientation, Volume

GRID = Grid.axial((60, 50, 50), (4.0, 4.0, 4.0), (-98.0, -98.0, 0.0))


def _body(top: int = 50, *, shoulders: bool = False) -> Volume:
    """A cylinder of 60 mm radius round (0, 0), from the feet's end up to slice `top`."""
    z, y, x = np.indices(GRID.shape)
    inside = np.hypot(x - 24.5, y - 24.5) * 4.0 < 60.0
    if shoulders:
        inside |= (z < 15) & (np.abs(y - 24.5) < 10)
    return Volume(np.where(inside & (z < top), 40.0, -1000.0).astype(np.float32), GRID, "HU")


def _at(z: int, y: int, x: int) -> np.ndarray:
    return np.array([[z, y, x], [z, y, x + 1]])


def test_side_depth_and_height_by_hand() -> None:
    outline = Outline.of(_body())
    # x: (34.5 - 24.5) * 4 mm; the topmost slice of body is 49
    assert outline.words(_at(40, 24, 34)) == (
        "left (40 mm from the midline), middle third, 36 mm below the top of the body"
    )
    assert outline.words(_at(45, 14, 14)).startswith("right (40 mm from the midline), front third")
    assert outline.words(_at(45, 34, 24)).startswith("midline, back third")


def test_a_body_cut_by_the_image_is_measured_from_the_scans_end() -> None:
    words = Outline.of(_body(top=60)).words(_at(40, 24, 34))
    assert words.endswith("78 mm below the top of the scan")  # (60 - 0.5 - 40) * 4


def test_shoulders_and_what_lies_outside_are_said() -> None:
    twice = Grid.axial(GRID.shape, (4.0, 8.0, 8.0), (-196.0, -196.0, 0.0))  # 240 and 400 mm wide
    outline = Outline.of(Volume(_body(shoulders=True).array, twice, "HU"))
    assert "shoulders" not in outline.words(_at(40, 24, 34))
    assert outline.words(_at(6, 24, 34)).endswith("at the shoulders or below")
    assert outline.words(_at(58, 24, 24)) == "outside the body"
    assert outline.words(_at(40, 1, 24)) == "outside the body"


def test_reaching_across_the_midline_is_said() -> None:
    row = np.array([[40, 24, x] for x in range(20, 42)])
    assert "reaching across" in Outline.of(_body()).words(row)


@pytest.mark.parametrize(
    ("axes", "flips"),
    [((1, 2, 0), (False, True, True)), ((2, 0, 1), (True, False, False)), ((0, 1, 2), (True,) * 3)],
)
def test_law_01_words_are_the_same_in_any_stored_order(
    axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> None:
    turn = Reorientation(axes, flips)
    body = _body()
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[38:42, 12:16, 30:35] = True
    stored = Volume(turn.array(body.array), turn.grid(GRID), "HU")
    expected = Outline.of(body).words(np.argwhere(mask))
    found = Outline.of(stored).words(np.argwhere(turn.array(mask)))
    assert found == expected
