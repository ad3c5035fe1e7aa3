"""What of an answer is taken, case by case on one line of voxels."""

from collections.abc import Sequence

import numpy as np
import pytest

from hnuiseg.interaction import (
    Answer,
    Canvas,
    ClickEdit,
    EraserEdit,
    Layer,
    LockEdit,
    MergeEdit,
    Question,
    Region,
    RelabelEdit,
    Report,
    SplitEdit,
    Start,
    Tumour,
    change_of,
)
from hnuiseg.interaction.acceptance import accept
from hnuiseg.interaction.boxes import whole
from hnuiseg.interaction.edits import Edit, position
from hnuiseg.interaction.nearer import nearer_part
from hnuiseg.volume import Grid

LENGTH = 41
GRID = Grid.axial((3, 3, LENGTH), (2.0, 2.0, 2.0))


class Says:
    """Answers the whole image with given labels, along the line in the middle of the grid."""

    sha256 = "0" * 64
    ball_mm = (4.0, 4.0, 4.0)  # two voxels

    def __init__(self, line: str) -> None:
        self.labels = labels_of(line)

    def answer(self, question: Question) -> Answer:
        p = np.where(self.labels[None] == np.arange(3)[:, None, None, None], 0.8, 0.1)
        doubt = np.full(GRID.shape, 0.5, dtype=np.float32)
        votes = np.ones(GRID.shape, dtype=np.int16)
        return Answer(whole(GRID.shape), p.astype(np.float32), doubt, None, votes)


def labels_of(line: str) -> np.ndarray:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[1, 1] = [int(c) for c in line.replace(".", "0").ljust(LENGTH, "0")]
    return labels


def after(
    before: str, answer: str, region: Tumour, at: int, positive: bool = True, locked: str = ""
) -> tuple[str, Report]:
    canvas = Canvas(Start.from_array(labels_of(before), GRID, {}))
    if locked:
        edit: Edit = LockEdit(locked)  # type: ignore[arg-type]
        canvas.put(change_of(edit, canvas.state, []).layer(1, edit))
    click = ClickEdit(region, position((1, 1, at), GRID), positive)
    change = change_of(click, canvas.state, [], Says(answer))
    canvas.put(change.layer(2, click))
    return shown(canvas.state.labels), change.report


def in_turn(*edits: tuple[Edit, str]) -> str:
    """Edits of an empty image, with what the network answers to each; the earlier ones stand."""
    canvas, layers = Canvas(Start.from_array(labels_of(""), GRID, {})), list[Layer]()
    for edit, answer in edits:
        layer = change_of(edit, canvas.state, layers, Says(answer)).layer(len(layers) + 1, edit)
        layers.append(layer)
        canvas.put(layer)
    return shown(canvas.state.labels)


def place(at: int) -> tuple[float, float, float]:
    return position((1, 1, at), GRID)


def clicked(region: Tumour, at: int, positive: bool = True) -> ClickEdit:
    return ClickEdit(region, place(at), positive)


def shown(labels: np.ndarray) -> str:
    return "".join("." if v == 0 else str(v) for v in labels[1, 1]).rstrip(".")


def test_only_the_changed_piece_that_holds_the_click_is_taken() -> None:
    line, report = after("", "111...111", "GTVp", 1)
    assert line == "111"
    assert not report.forced
    assert report.changed_ml == pytest.approx(3 * 0.008)


def test_without_agreement_the_ball_is_set_and_called_forced() -> None:
    line, report = after("", "......1111", "GTVp", 3)
    assert line == ".11111"
    assert report.forced


def test_a_negative_click_takes_away_its_piece_and_nothing_else() -> None:
    line, report = after("11111..111", "111......", "GTVp", 3, positive=False)
    assert line == "111....111"
    assert not report.forced


def test_of_a_lesion_that_mostly_goes_no_crumb_is_left() -> None:
    line, report = after("11111..111", "11.......", "GTVp", 3, positive=False)
    assert line == ".......111"
    assert not report.forced
    beside, _ = after("11111..111", "1........", "GTVp", 5, positive=False)
    assert beside == "1......111", "nobody clicked at it"


def test_a_negative_click_that_the_network_contradicts_is_forced() -> None:
    line, report = after("1111111111", "1111111111", "GTVp", 5, positive=False)
    assert line == "111.....11"
    assert report.forced


@pytest.mark.parametrize(("voxels", "stays"), [(5, False), (13, True)])  # 0.04 and 0.104 ml
def test_a_negative_click_leaves_no_new_speck_of_the_other_class(
    voxels: int, *, stays: bool
) -> None:
    answer = "..." + "2" * voxels
    line, report = after(".." + "1" * 15, answer, "GTVp", 9, positive=False)
    assert line == (answer if stays else "")
    assert not report.forced
    beside, _ = after("..2" + "1" * 14, "..2222", "GTVp", 9, positive=False)
    assert beside == "..2222", "it joins what is there"


def test_a_click_on_what_is_so_already_speaks_for_its_lesion() -> None:
    line, report = after("..111", "..11111..11", "GTVp", 3)
    assert line == "..11111"
    assert not report.forced


@pytest.mark.parametrize("positive", [True, False])
def test_a_click_on_what_is_so_already_is_never_forced(positive: bool) -> None:
    before, answer = ("..111", "") if positive else ("..111", "111111111")
    line, report = after(before, answer, "GTVp", 3 if positive else 7, positive)
    assert line == before
    assert not report.forced
    assert report.changed_ml == 0


def test_of_a_scribble_only_what_is_untrue_gets_its_ball() -> None:
    state = Canvas(Start.from_array(labels_of("111"), GRID, {})).state
    at = [(1, 1, 1), (1, 1, 12)]
    region = Region(whole(GRID.shape), np.ones(GRID.shape, dtype=bool))
    answer = Says("").answer(Question((), (), whole(GRID.shape), state.labels))
    found = accept(state, region, answer, 1, positive=True, at=at, ball_mm=Says.ball_mm)
    assert found.forced
    changed = np.flatnonzero(found.mask[1, 1])
    assert changed.tolist() == [1, 10, 11, 12, 13, 14]


ALL = "1" * 10


@pytest.mark.parametrize(
    ("first", "second", "answer", "expected"),
    [
        (clicked("GTVp", 2), clicked("GTVp", 8, positive=False), "", "11111"),
        (clicked("GTVp", 2), clicked("GTVp", 8, positive=False), "111", "111"),  # 2 is left to it
        (clicked("GTVp", 8, positive=False), clicked("GTVp", 2), ALL, "111111"),
        (clicked("GTVp", 2), clicked("GTVn", 8), "2" * 10, "1111122222"),
        (clicked("GTVn", 8, positive=False), clicked("GTVp", 2), ALL, ALL),  # both are true
    ],
)
def test_where_clicks_disagree_the_nearer_one_decides(
    first: ClickEdit, second: ClickEdit, answer: str, expected: str
) -> None:
    begun = ALL if first.positive else ""
    assert in_turn((first, begun), (second, answer)) == expected


def test_where_both_classes_were_denied_nothing_is_left() -> None:
    line = 24  # long enough that what becomes a node is no speck
    canvas, layers = Canvas(Start.from_array(labels_of("1" * line), GRID, {})), list[Layer]()
    denied: tuple[Tumour, ...] = ("GTVn", "GTVp")
    for region in denied:
        edit = ClickEdit(region, place(3), positive=False, radius_mm=40.0)
        change = change_of(edit, canvas.state, layers, Says("2" * line))
        layers.append(change.layer(len(layers) + 1, edit))
        canvas.put(layers[-1])
    assert shown(canvas.state.labels) == "...." + "2" * (line - 4)


def test_nearer_is_meant_in_mm() -> None:
    box = whole((9, 9, 9))
    all_of_it = Region(box, np.ones((9, 9, 9), dtype=bool))
    part = nearer_part(all_of_it, [(4, 4, 0)], [(0, 4, 4)], (1.0, 2.0, 3.0))
    points = np.argwhere(all_of_it.mask)
    new, old = (
        np.linalg.norm((points - place) * (1.0, 2.0, 3.0), axis=-1).reshape(9, 9, 9)
        for place in ((4, 4, 0), (0, 4, 4))
    )
    differs = np.abs(new - old) > 1e-9
    np.testing.assert_array_equal(part.mask[differs], (new < old)[differs])
    assert part.mask[~differs].all(), "the new click decides where both are as near"


def test_a_click_that_was_rubbed_out_decides_nothing_any_longer() -> None:
    rubbed = EraserEdit("GTVp", (place(2),), 1.0)
    away = clicked("GTVp", 8, positive=False)
    assert in_turn((clicked("GTVp", 2), ALL), (rubbed, ""), (away, "")) == "11"


def test_the_other_class_is_left_alone_beside_the_click() -> None:
    line, report = after("...222", "111111", "GTVp", 1)
    assert line == "111222"
    assert report.moved_ml == 0.0


def test_a_click_on_the_other_class_takes_that_piece_over() -> None:
    line, report = after("..2222..222", "..", "GTVp", 3)
    assert line == "..1111..222"
    assert report.moved_ml == pytest.approx(4 * 0.008)
    assert not report.forced


def test_a_negative_click_on_the_other_class_leaves_it() -> None:
    line, _ = after("..2222", "", "GTVp", 3, positive=False)
    assert line == "..2222"


def test_a_negative_click_beside_a_lesion_takes_what_touches_it() -> None:
    line, report = after("..1111", "....11", "GTVp", 1, positive=False)
    assert line == "....11"
    assert not report.forced


def test_a_locked_lesion_keeps_its_voxels_and_parts_what_lies_beyond() -> None:
    line, _ = after("...22", "1111111", "GTVp", 1, locked="GTVn")
    assert line == "11122"


def test_what_would_have_changed_outside_is_counted_and_left() -> None:
    far = "1" + "." * 30 + "111111"
    line, report = after("", far, "GTVp", 0)
    assert line == "1"
    assert report.radius_mm == 15.0
    assert report.outside_ml == pytest.approx(6 * 0.008)


def test_forced_voxels_are_the_user_s_word_and_taken_ones_the_network_s() -> None:
    canvas = Canvas(Start.from_array(labels_of(""), GRID, {}))
    for at, answer in ((2, "11111"), (12, "")):
        click = ClickEdit("GTVp", position((1, 1, at), GRID))
        canvas.put(change_of(click, canvas.state, [], Says(answer)).layer(at, click))
    state = canvas.state
    assert state.probabilities[1, 1, 1, 3] == np.float32(0.8)
    assert state.votes[1, 1, 3] == 1
    assert state.probabilities[1, 1, 1, 12] == 1.0
    assert state.votes[1, 1, 12] == 0
    assert np.isnan(state.mutual_information[1, 1, 12])


# edits that need no network


def edited(before: str, *edits: Edit) -> str:
    canvas = Canvas(Start.from_array(labels_of(before), GRID, {}))
    for number, edit in enumerate(edits, start=1):
        canvas.put(change_of(edit, canvas.state, []).layer(number, edit))
    return shown(canvas.state.labels)


@pytest.mark.parametrize(
    ("before", "edits", "expected"),
    [
        ("11.22", [RelabelEdit("GTVp", "GTVn", place(0))], "22.22"),
        ("11..22", [MergeEdit("GTVp", place(0), "GTVn", place(4))], "111111"),
        ("111111", [SplitEdit("GTVp", place(0), place(5))], "111.11"),
        ("111111", [SplitEdit("GTVp", place(0), place(5), "GTVn")], "111222"),
        ("11.22", [LockEdit("GTVn"), RelabelEdit("GTVp", "GTVn")], "22.22"),
    ],
)
def test_edits_of_lesions(before: str, edits: Sequence[Edit], expected: str) -> None:
    assert edited(before, *edits) == expected
