"""What users hold: lesions, thresholds, starts and their cache, outputs, suggestions, doubt."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.export import export_session
from hnuiseg.files import read_image
from hnuiseg.inference import PredictOptions, predict
from hnuiseg.interaction import (
    Answer,
    BrushEdit,
    Canvas,
    CaseNetwork,
    Click,
    ClickEdit,
    DoubtPolicy,
    Edit,
    EraserEdit,
    InteractiveSession,
    Layer,
    Question,
    Start,
    automatic_start,
    change_of,
    edit_from_json,
    edit_to_json,
    whole_again,
)
from hnuiseg.interaction.boxes import shape_of
from hnuiseg.interaction.edits import position, voxel
from hnuiseg.study import LabelMap
from hnuiseg.volume import Grid, Volume
from made_case import (
    CREATED,
    GRID,
    STARTED,
    ball_labels,
    made_case,
    made_prediction,
    undrawn_prediction,
)
from random_network import RandomNetwork, random_edit, random_start
from small_model import small_case, small_model, small_network_registered


def begun(tmp_path: Path, labels: np.ndarray | None = None) -> InteractiveSession:
    prediction = made_prediction(ball_labels() if labels is None else labels)
    network = RandomNetwork(np.random.default_rng(0))
    return InteractiveSession.begin(
        tmp_path / "s", made_case(), Start.of_prediction(prediction), network
    )


def test_lesions_are_listed_and_named(tmp_path: Path) -> None:
    with begun(tmp_path) as session:
        one, two, three = session.lesions()
        assert [(s.region, s.number) for s in (one, two, three)] == [
            ("GTVp", 1),
            ("GTVn", 1),
            ("GTVn", 2),
        ]
        assert one.volume_ml == pytest.approx((ball_labels() == 1).sum() * GRID.voxel_ml)
        assert one.suv_max == pytest.approx(9.0, abs=0.5)
        assert one.mean_probability == pytest.approx(0.9)
        assert one.mean_probability <= one.peak_probability <= 1.0
        assert one.mean_disagreement is not None
        assert one.apart_mm == 0.0
        assert three.apart_mm > two.apart_mm > 5.0
        session.accept("GTVn", two.inside_mm)
        session.lock("GTVp")
        assert [s.accepted for s in session.lesions()] == [False, True, False]
        assert [s.locked for s in session.lesions()] == [True, False, False]
        session.brush("GTVn", [two.inside_mm], 2.0)
        assert not session.lesions()[1].accepted, "changed since"


def test_a_threshold_previews_what_it_then_does(tmp_path: Path) -> None:
    with begun(tmp_path) as session:
        before = session.labels.copy()
        lesion = session.lesions()[0]
        region, labels, report = session.threshold_preview("GTVp", 0.95, lesion.inside_mm)
        assert (session.labels == before).all()
        assert not session.edits
        done = session.threshold("GTVp", 0.95, lesion.inside_mm)
        assert done == report
        assert (session.labels[region.box] == labels).all()
        assert done.changed_ml == pytest.approx(lesion.volume_ml)
        assert (session.labels == np.where(before == 1, 0, before)).all()
        session.undo()
        session.lock("GTVp")
        with pytest.raises(Exception, match="all locked"):
            session.threshold("GTVp", 0.95, lesion.inside_mm)


def test_removing_what_is_doubtful_is_one_edit(tmp_path: Path) -> None:
    with begun(tmp_path) as session:
        before = session.labels.copy()
        policy = DoubtPolicy(least_ml=1.0, least_suv=2.0)
        flagged = session.doubtful(policy)
        assert [(f.lesion.region, f.lesion.number) for f in flagged] == [("GTVn", 1), ("GTVn", 2)]
        assert any("SUVmax 1.0 below 2" in reason for reason in flagged[0].reasons)
        session.delete_doubtful(policy)
        assert len(session.edits) == 1
        assert not (session.labels == 2).any()
        session.undo()
        assert (session.labels == before).all()
        session.accept("GTVn")
        assert not session.doubtful(policy), "a person took them"
        assert session.delete_doubtful(policy) is None


def test_what_is_sure_nowhere_is_doubtful(tmp_path: Path) -> None:
    with begun(tmp_path) as session:
        peaks = [one.peak_probability for one in session.lesions()]
        for least in (min(peaks), max(peaks) + 0.01):
            only = DoubtPolicy(None, least, None, None, None, in_field=False)
            flagged = session.doubtful(only)
            assert len(flagged) == sum(peak < least for peak in peaks)
            assert all("nowhere more probable" in one.reasons[0] for one in flagged)


def test_what_was_not_drawn_is_listed_until_somebody_draws_or_denies_it(tmp_path: Path) -> None:
    case, found = made_case(), undrawn_prediction()
    (one,) = found.not_drawn
    network, start = RandomNetwork(np.random.default_rng(0)), Start.of_prediction(found)
    with InteractiveSession.begin(tmp_path / "s", case, start, network) as session:
        assert session.not_drawn() == session.prediction().not_drawn == (one,)
    drawing: tuple[Edit, ...] = (
        BrushEdit("GTVn", (one.inside_mm,), 3.0),
        ClickEdit("GTVn", one.inside_mm),
        ClickEdit("GTVn", one.inside_mm, positive=False),
        EraserEdit(None, (one.inside_mm,), 2.0),
    )
    with InteractiveSession.open_again(tmp_path / "s", case, network) as session:
        for edit in drawing:
            session.apply(edit)
            assert session.not_drawn() == (), edit
            session.undo()
            assert session.not_drawn() == (one,)
        for elsewhere in (session.lesions()[0].inside_mm, session.lesions()[1].inside_mm):
            session.click("GTVp", elsewhere, positive=False)
            session.erase("GTVp", (one.inside_mm,), 2.0)
            assert session.not_drawn() == (one,), "nobody spoke of this node"
            session.undo()
            session.undo()
    with InteractiveSession.open_again(tmp_path / "s", case) as again:
        assert again.not_drawn() == (one,)


def test_what_nobody_confirmed_is_deleted_in_one_edit(tmp_path: Path) -> None:
    with begun(tmp_path) as session:
        before = session.labels.copy()
        one, two, three = session.lesions()
        assert session.unconfirmed() == (one, two, three)
        session.click("GTVn", two.inside_mm)
        after_click = session.labels.copy()
        session.threshold("GTVp", 0.5)
        session.click("GTVp", one.inside_mm, positive=False)
        left = session.unconfirmed()
        assert all(lesion.inside_mm != two.inside_mm for lesion in left)
        assert three.inside_mm in [lesion.inside_mm for lesion in left]
        edits = len(session.edits)
        assert session.delete_unconfirmed() is not None
        assert len(session.edits) == edits + 1
        assert not session.unconfirmed()
        assert session.delete_unconfirmed() is None
        z, y, x = voxel(two.inside_mm, GRID)
        assert session.labels[z, y, x] == 2
        for _ in range(3):
            session.undo()
        assert (session.labels == after_click).all()
        session.undo()
        assert (session.labels == before).all()


@pytest.mark.parametrize("how", ["accept", "lock", "relabel", "brush"])
def test_other_words_of_a_person_confirm_too(tmp_path: Path, how: str) -> None:
    with begun(tmp_path) as session:
        lesion = session.lesions()[1]
        match how:
            case "accept":
                session.accept(lesion.region, lesion.inside_mm)
            case "lock":
                session.lock(lesion.region, lesion.inside_mm)
            case "relabel":
                session.relabel(lesion.region, "GTVp", lesion.inside_mm)
            case _:
                session.brush(lesion.region, [lesion.inside_mm], 1.0)
        assert [s.confirmed for s in session.lesions()].count(True) == 1
        session.relabel("GTVn", "GTVp")
        others = [s for s in session.lesions() if s.inside_mm != lesion.inside_mm]
        assert not any(s.confirmed for s in others), "a class as a whole isn't one lesion"


def test_suggestions_lead_to_the_largest_doubt_and_away_from_what_is_done(tmp_path: Path) -> None:
    prediction = made_prediction((ball_labels() > 0).astype(np.uint8))  # of one class
    large = (slice(4, 12), slice(10, 18), slice(8, 16))
    small = (slice(6, 8), slice(25, 28), slice(30, 32))
    sure = np.full(GRID.shape, 0.99, dtype=np.float32)  # of the label that each voxel has
    for place in (large, small):
        sure[place] = 0.7
    label = np.eye(3, dtype=np.float32)[prediction.labels]
    others = (1.0 - sure[..., None]) / 2.0
    probabilities = np.moveaxis(np.where(label > 0, sure[..., None], others), -1, 0)
    entropy = -(probabilities * np.log(probabilities)).sum(axis=0)
    start = Start.of_prediction(replace(prediction, probabilities=probabilities, entropy=entropy))
    case = made_case(with_pet=False)
    network = RandomNetwork(np.random.default_rng(0))
    with InteractiveSession.begin(tmp_path / "s", case, start, network) as session:
        first, second, *_ = session.suggest()
        for found, where in ((first, large), (second, small)):
            at = np.rint(GRID.to_index(np.array([found.position_mm]))[0])
            assert all(s.start <= i < s.stop for i, s in zip(at, where, strict=True))
            assert found.doubt == pytest.approx(float(entropy[large].max()), abs=1e-5)
        assert first.score > second.score
        session.lock()
        session.click("GTVp", second.position_mm)
        assert all(
            np.linalg.norm(np.subtract(s.position_mm, second.position_mm)) > 5.0
            for s in session.suggest()
        )


def test_a_doubtful_node_is_suggested_before_an_equally_doubtful_part_of_a_large_primary(
    tmp_path: Path,
) -> None:
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    primary, node = (
        (slice(2, 14), slice(4, 36), slice(2, 20)),
        (slice(6, 9), slice(18, 22), slice(34, 38)),
    )
    part = (slice(6, 9), slice(18, 22), slice(8, 12))
    labels[primary], labels[node] = 1, 2
    prediction = made_prediction(labels)
    probabilities, entropy = prediction.probabilities.copy(), np.zeros(GRID.shape, dtype=np.float32)
    for place, value in ((node, 2), (part, 1)):
        for k in range(3):
            probabilities[k][place] = 0.6 if k == value else 0.2
        entropy[place] = 0.95
    start = Start.of_prediction(replace(prediction, probabilities=probabilities, entropy=entropy))
    case = made_case(with_pet=False)
    with InteractiveSession.begin(tmp_path / "s", case, start) as session:
        first, second = session.suggest(2)
        assert (first.label, second.label) == (2, 1)


def test_uptake_that_nobody_labelled_is_suggested_beside_a_large_primary(tmp_path: Path) -> None:
    case = made_case()
    assert case.pet is not None
    suv = np.zeros(GRID.shape, dtype=np.float32)
    suv[6:9, 30:35, 40:44] = 6.0  # 0.7 ml
    pet = replace(case.pet, on_ct=replace(case.pet.on_ct, array=suv))
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[:, :30, :34] = 1
    assert (labels == 1).sum() * GRID.voxel_ml > 100.0
    start = Start.from_array(labels, GRID, {})
    case = replace(case, pet=pet)
    with InteractiveSession.begin(tmp_path / "s", case, start) as session:
        (found,) = session.suggest()
        assert found.suv_max == pytest.approx(6.0)


def test_uptake_that_nobody_labelled_is_suggested(tmp_path: Path) -> None:
    empty = np.zeros(GRID.shape, dtype=np.uint8)
    start = Start.from_array(empty, GRID, {})
    with InteractiveSession.begin(tmp_path / "s", made_case(), start) as session:
        (found,) = session.suggest()
        assert found.suv_max is not None
        assert found.suv_max > 4.0
        assert session.start.mutual_information is None


# starts


def test_an_automatic_result_is_computed_once_and_cached_by_content(tmp_path: Path) -> None:
    case, cache = small_case(), tmp_path / "cache"
    options = PredictOptions(members=2, threads=1)
    with small_network_registered():
        model = small_model()
        expected = predict(case, model, options)
        automatic_start(case, model, options, cache)
        (folder,) = cache.iterdir()
        stamp = (folder / "probabilities.npy").stat().st_mtime_ns
        start = automatic_start(case, model, options, cache)
        assert isinstance(start.probabilities, np.memmap)
        assert (folder / "probabilities.npy").stat().st_mtime_ns == stamp
        np.testing.assert_array_equal(start.probabilities, expected.probabilities)
        np.testing.assert_array_equal(start.labels, expected.labels)
        assert start.votes is not None
        np.testing.assert_array_equal(start.votes, expected.votes)
        assert start.settings == expected.settings
        for other in (
            (small_case(seed=1), options),
            (case, PredictOptions(members=3, threads=1)),
            (small_case(pet=False), options),
        ):
            automatic_start(other[0], model, other[1], cache)
        assert len(list(cache.iterdir())) == 4
        content = bytearray((folder / "entropy.npy").read_bytes())
        content[-1] ^= 1
        (folder / "entropy.npy").write_bytes(bytes(content))
        again = automatic_start(case, model, options, cache)
    np.testing.assert_array_equal(again.entropy, expected.entropy)


def test_a_session_begun_from_the_cache_takes_no_room_for_its_start(tmp_path: Path) -> None:
    case = small_case()
    with small_network_registered():
        model, options = small_model(), PredictOptions(members=2, threads=1)
        start = automatic_start(case, model, options, tmp_path / "cache")
        with InteractiveSession.begin(tmp_path / "s", case, start) as session:
            before = session.probabilities.copy()
            session.brush("GTVp", [position((3, 4, 4), case.ct.grid)], 3.0)
            assert (session.probabilities != before).any()
    kept = tmp_path / "s" / "start" / "probabilities.npy"
    assert kept.stat().st_nlink == 2
    np.testing.assert_array_equal(np.load(kept), before)


def test_a_drawing_begins_one_hot_and_not_sampled(tmp_path: Path) -> None:
    labels = LabelMap(Volume(ball_labels(), GRID, "label"), True, ("0.30 ml are in both",))
    start = Start.of_labels(labels, "drawn.nii.gz")
    with InteractiveSession.begin(tmp_path / "s", made_case(), start) as session:
        assert (session.probabilities.argmax(axis=0) == ball_labels()).all()
        assert np.isnan(session.uncertainty).all()
        assert session.lesions()[0].mean_disagreement is None
        prediction = session.prediction()
        assert prediction.mutual_information is None
        assert prediction.votes is not None
        assert not prediction.votes.any()
        out = tmp_path / "out"
        result = export_session(session, out, started=STARTED, created=CREATED)
        assert "0.30 ml are in both." in [notice.text for notice in result.notices]
        assert result.card.name == "by hand"
    ignored = ball_labels()
    ignored[0, 0, 0] = 255
    with pytest.raises(InputRefused, match="label 255"):
        Start.of_labels(LabelMap(Volume(ignored, GRID, "label"), True), "truth.nii.gz")


def test_a_start_of_another_grid_is_refused(tmp_path: Path) -> None:
    other = Grid.axial(GRID.shape, GRID.spacing, (0.0, 0.0, 0.0))
    start = Start.from_array(np.zeros(other.shape, dtype=np.uint8), other, {})
    with pytest.raises(InputRefused, match="another grid"):
        InteractiveSession.begin(tmp_path / "s", made_case(), start)
    assert list(tmp_path.iterdir()) == []


# outputs


def test_outputs_are_those_of_the_edited_state(tmp_path: Path) -> None:
    with begun(tmp_path) as session:
        lesion = session.lesions()[2]
        session.delete("GTVn", lesion.inside_mm)
        session.lock("GTVp")
        session.click("GTVn", lesion.inside_mm, members=3)
        out = tmp_path / "out"
        export_session(session, out, None, started=STARTED, created=CREATED)
        labels = read_image(out / "labels.nii.gz", "label").array
        assert (labels == session.labels).all()
        votes = read_image(out / "votes.nii.gz", "1").array
    described = json.loads((out / "result.json").read_text())
    assert described["approval"] == "UNAPPROVED"
    assert described["settings"]["edits"] == "1 delete, 1 lock, 1 click"
    assert described["settings"]["edit 001"].startswith("delete GTVn at (")
    assert set(np.unique(votes)) <= {0.0, 3.0, 10.0}
    assert 0.0 in votes, "where a user spoke nobody was asked"
    assert not list(out.glob("*calibrated*"))


# sizes


def edited(shape: tuple[int, int, int]) -> tuple[int, list[Layer]]:
    """Peak bytes of a brush, a click and a removal, and the layers; one lesion in any image."""
    grid = Grid.axial(shape, (2.0, 1.0, 1.0))
    canvas = Canvas(Start.from_array(np.zeros(shape, dtype=np.uint8), grid, {}))
    at = position((30, 60, 60), grid)
    layers: list[Layer] = []
    tracemalloc.start()
    edits: tuple[Edit, ...] = (BrushEdit("GTVp", (at,), 20.0), ClickEdit("GTVn", at))
    for number, edit in enumerate(edits, start=1):
        change = change_of(edit, canvas.state, layers, Nowhere())
        layers.append(change.layer(number, edit))
        canvas.put(layers[-1])
    canvas.recompose(layers[0].box, layers[1:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, layers


class Nowhere:
    """Says background, in the asked box alone."""

    sha256 = "0" * 64
    ball_mm = (6.0, 6.0, 6.0)

    def answer(self, question: Question) -> Answer:
        shape = shape_of(question.box)
        p = np.zeros((3, *shape), dtype=np.float32)
        p[0] = 1.0
        votes = np.ones(shape, dtype=np.int16)
        return Answer(question.box, p, np.zeros(shape, dtype=np.float32), None, votes)


def test_an_edit_costs_its_box_whatever_the_size_of_the_image() -> None:
    small, layers = edited((60, 120, 120))
    large, _ = edited((90, 240, 240))
    assert large <= 1.02 * small + 100_000
    brush, click = layers
    assert brush.count > 15_000
    assert brush.nbytes < 5_000, "what a user says shrinks to next to nothing"
    assert click.nbytes < 24 * click.count + 4096


# edits as JSON


def test_an_integer_without_end_is_no_number_of_mm() -> None:
    described = {"edit": "click", "class": "GTVp", "position_mm": [0, 0, 10**400]}
    with pytest.raises(WrongCall, match="a finite number"):
        edit_from_json(described)


def test_every_kind_of_edit_goes_through_json_and_back() -> None:
    generator = np.random.default_rng(1)
    state = Canvas(random_start(generator)).state
    kinds = set()
    for _ in range(300):
        edit = random_edit(state, generator)
        described = json.loads(json.dumps(edit_to_json(edit)))
        assert edit_from_json(described) == edit
        kinds.add(described["edit"])
    assert len(kinds) == 14


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({}, "an edit called None"),
        ({"edit": "draw"}, "an edit called 'draw'"),
        ({"edit": "click", "class": "GTVp"}, "click without 'position_mm'"),
        ({"edit": "click", "class": "GTVx", "position_mm": [1, 2, 3]}, "class 'GTVx'"),
        ({"edit": "click", "class": "GTVp", "position_mm": [1, 2]}, "position_mm of"),
        ({"edit": "click", "class": "GTVp", "position_mm": [1, 2, True]}, "position_mm of True"),
        ({"edit": "click", "class": "GTVp", "position_mm": [1, 2, 3], "at": 1}, "click with 'at'"),
        (
            {"edit": "click", "class": "GTVp", "position_mm": [1, 2, 3], "positive": 1},
            "positive of 1",
        ),
        ({"edit": "brush", "class": "GTVp", "positions_mm": [], "brush_mm": 3}, "positions_mm of"),
        ("click", "an edit called 'click'"),
    ],
)
def test_what_is_no_edit_is_refused(described: object, message: str) -> None:
    with pytest.raises(Exception, match=message):
        edit_from_json(described)


# the paper's way, to be compared with


def test_the_whole_volume_again_says_how_far_it_went() -> None:
    case = small_case((12, 24, 24), (3.0, 3.0, 3.0))
    with small_network_registered():
        network = CaseNetwork(case, small_model(window=(4, 4, 4)), PredictOptions(threads=1))
        start = Start.from_array(np.zeros(case.ct.grid.shape, dtype=np.uint8), case.ct.grid, {})
        again = whole_again(network, Canvas(start).state, (Click("GTVp", True, (6, 12, 12)),))
    assert again.labels.shape == case.ct.grid.shape
    changed = np.argwhere(again.labels != 0)
    distances = np.linalg.norm((changed - [6, 12, 12]) * 3.0, axis=1)
    assert again.farthest_mm == pytest.approx(distances.max())
    assert again.beyond_ml(15.0) == pytest.approx((distances > 15.0).sum() * 0.027)
    assert again.changed_ml == pytest.approx(len(changed) * 0.027)
