"""A model measured: perfect answers score perfectly, as inference has them, stopped or not."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.cohorts import read_cached
from hnuiseg.errors import InputRefused, OutputFailed, WrongCall
from hnuiseg.evaluation import evaluate, evaluate_many, judged_truth
from hnuiseg.inference import Field, Least, PredictOptions, drawn, likeliest, predict
from hnuiseg.interaction import (
    Canvas,
    CaseNetwork,
    Click,
    ClickEdit,
    Layer,
    Scene,
    Start,
    change_of,
    robot,
)
from hnuiseg.interaction.boxes import Box, shape_of
from hnuiseg.interaction.clicks import Index
from hnuiseg.interaction.edits import position
from hnuiseg.interaction.window import Windows
from hnuiseg.models import ModelFile
from hnuiseg.training import AssessOptions, assess_model, compare
from hnuiseg.training.assess.case import Networks, assess_case, rows_of
from hnuiseg.training.assess.measure import calibration_sums, class_measures, ranking
from hnuiseg.training.assess.regions import WithinRegions
from hnuiseg.training.assess.summary import summary
from hnuiseg.training.assess.users import USERS, Answer, Question, answers_to, judging
from hnuiseg.training.data import CaseRef, parts_of
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.whole import WholeAnswers
from hnuiseg.volume import Grid, Volume
from small_model import small_model, small_network_registered
from training.made_data import TINY, Killed, data_set

GRID = Grid.axial((6, 12, 10), (3.0, 1.0, 1.5))
NAMES = ("GTVp", "GTVn")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients; P0, with PET, and P2, without, are kept for testing."""
    folder = data_set(tmp_path_factory.mktemp("data") / "made", 4)
    file = folder / "splits.json"
    said = json.loads(file.read_text())
    kept = {"made:P0", "made:P2"}
    for part in ("folds", "calibration"):
        said[part] = [[patient for patient in one if patient not in kept] for one in said[part]]
    file.write_text(json.dumps(said | {"testing": sorted(kept)}))
    return folder


@pytest.fixture(scope="module")
def model() -> Iterator[ModelFile]:
    """Random weights on a working grid that isn't the CT's."""
    with small_network_registered():
        made = small_model(working_spacing=(12.0, 10.0, 9.0))
        yield replace(made, settings=replace(made.settings, temperatures=(1.5, 2.0)))


def _tested(data: Path) -> tuple[CaseRef, ...]:
    return parts_of([data], 0).testing


class Truthful:
    """Knows the truth, whatever it is asked; where nobody said it finds nothing."""

    def __init__(self, *, invents: int = 0) -> None:
        self.asked: list[tuple[Click, ...]] = []
        self.invents = invents  # voxels of the side of a GTVn in a corner

    def probabilities(
        self,
        sample: StoredSample,
        clicks: Sequence[Click] = (),
        before: np.ndarray | None = None,
        *,
        with_pet: bool = True,
        box: Box | None = None,
    ) -> np.ndarray:
        self.asked.append(tuple(clicks))
        truth = sample.marks(sample.whole)[0]
        if self.invents:
            truth = truth.copy()
            truth[: self.invents, : self.invents, : self.invents] = 2
        truth = truth[box or sample.whole]
        return np.stack([~np.isin(truth, (1, 2)), truth == 1, truth == 2]).astype(np.float32)

    def windows(self, shape: Index) -> Windows:
        return Windows(shape, 2)


def test_the_truth_scores_perfectly_with_every_user(data: Path) -> None:
    own = replace(TINY.settings, working_spacing=None)
    for ref in _tested(data):
        network = Truthful()
        ways = Networks(own, network, network, network)
        rows = assess_case(ref, ways, AssessOptions())
        assert (
            len(rows)
            == rows_of(ref.entry.scan, AssessOptions())
            == (16 if ref.entry.scan == "PET/CT" else 8)
        )
        for row in rows:
            for name, lesions in zip(NAMES, ref.entry.lesions, strict=True):
                found = row["classes"][name]
                if not lesions:
                    assert found["state"] == "correctly empty"
                    continue
                values = [found[m] for m in ("dsc", "nsd_2mm", "nsd_5mm", "hd_mm", "hd95_mm")]
                assert values == [1, 1, 1, 0, 0]
                perfect = {"found": lesions, "missed": 0, "invented": 0}
                assert found["lesions_by_overlap"] == found["lesions_by_iou"] == perfect
            expected = sum(ref.entry.lesions) if row["user"] == "each-lesion" else 0
            assert row["clicks"] == expected
            if row["ranking"] is not None:
                assert row["ranking"]["errors"] == 0
                assert row["ranking"]["members"] == row["ranking"]["perfect"] == 0


def test_what_is_too_small_to_be_drawn_is_missed_until_a_click_confirms_it(data: Path) -> None:
    own = replace(TINY.settings, working_spacing=None, least_ml=(5000.0, 5000.0))
    users = ("automatic", "each-lesion")
    for every, expected in ((False, ["missed", "both present"]), (True, ["both present"] * 2)):
        options = AssessOptions(
            users=users, scans=("CT",), uncertainty_members=0, every_component=every
        )
        for ref in _tested(data):
            network = Truthful()
            rows = assess_case(ref, Networks(own, network, network, None), options)
            for name, lesions in zip(NAMES, ref.entry.lesions, strict=True):
                found = [row["classes"][name]["state"] for row in rows]
                assert found == (expected if lesions else ["correctly empty"] * 2)


def test_alone_is_each_lesion_without_what_was_not_clicked(data: Path) -> None:
    own = replace(TINY.settings, working_spacing=None)
    options = AssessOptions(
        users=("each-lesion", "each-lesion-alone"), scans=("CT",), uncertainty_members=0
    )
    for ref in _tested(data):
        network = Truthful(invents=2)
        every, alone = assess_case(ref, Networks(own, network, network, None), options)
        assert every["clicks"] == alone["clicks"] == sum(ref.entry.lesions)
        for name, lesions in zip(NAMES, ref.entry.lesions, strict=True):
            one, other = (row["classes"][name] for row in (every, alone))
            assert other["dsc"] == (1 if lesions else None)
            if name == "GTVn":
                assert one["dsc"] != other["dsc"], "the corner counts until it is deleted"


def test_deleting_leaves_no_invention_whatever_the_network_says(data: Path) -> None:
    own = replace(TINY.settings, working_spacing=None)
    options = AssessOptions(
        users=("automatic", "deleting", "corrective"),
        scans=("CT",),
        uncertainty_members=0,
        within_region=True,
    )
    for ref in _tested(data):
        network = Truthful(invents=10)  # more than five refused clicks take away
        before, *steps = assess_case(ref, Networks(own, network, network, None), options)
        assert [row["step"] for row in steps] == [1, 2, 3, 4, 5] * 2
        assert before["classes"]["GTVn"]["lesions_by_overlap"]["invented"] == 1
        for row in steps[:5]:
            for name, lesions in zip(NAMES, ref.entry.lesions, strict=True):
                assert row["classes"][name]["lesions_by_overlap"]["invented"] == 0
                assert row["classes"][name]["dsc"] == (1 if lesions else None)
        assert steps[-1]["classes"]["GTVn"]["lesions_by_overlap"]["invented"] > 0


class Random:
    """Says anything, and something else each time."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(3)

    def probabilities(
        self,
        sample: StoredSample,
        clicks: Sequence[Click] = (),
        before: np.ndarray | None = None,
        *,
        with_pet: bool = True,
        box: Box | None = None,
    ) -> np.ndarray:
        return (
            self.generator.dirichlet((1, 1, 1), shape_of(box or sample.whole))
            .T.astype(np.float32)
            .transpose(0, 3, 2, 1)
        )

    def windows(self, shape: Index) -> Windows:
        return Windows(shape, 4)


def test_within_regions_nothing_changes_far_from_every_click(data: Path) -> None:
    (ref, *_) = _tested(data)
    sample = ref.sample(replace(TINY.settings, working_spacing=None))
    network = Random()
    automatic = Answer.plain(Question(), network.probabilities(sample))
    local = WithinRegions(sample, network, automatic, with_pet=True)
    (a, b, c), (d, e, f) = ([int(n * part) for n in sample.shape] for part in (0.3, 0.7))
    at = ((a, b, c), (d, e, f))
    clicks = (Click("GTVp", True, at[0]), Click("GTVn", False, at[1]))
    first = local(Question(clicks[:1])).probabilities
    both = local(Question(clicks)).probabilities
    places = np.moveaxis(np.indices(sample.shape), 0, -1) * sample.spacing
    near = [np.linalg.norm(places - np.array(i) * sample.spacing, axis=-1) <= 40 for i in at]
    for found, where in ((first, near[0]), (both, near[0] | near[1])):
        assert not where.all()
        assert np.array_equal(found[:, ~where], automatic.probabilities[:, ~where])
        assert not np.array_equal(found, automatic.probabilities)
    assert both.argmax(0)[at[0]] == 1
    assert both.argmax(0)[at[1]] != 2
    assert local(Question(clicks)).probabilities.tobytes() == both.tobytes()


def test_within_regions_the_truth_is_found_click_by_click(data: Path) -> None:
    own = replace(TINY.settings, working_spacing=None)
    users = ("automatic", "each-lesion", "unsteady", "suggested", "predicted-places")
    options = AssessOptions(users=users, within_region=True)
    for ref in _tested(data):
        network = Truthful()
        rows = assess_case(ref, Networks(own, network, network, network), options)
        assert [row["user"] for row in rows[:2]] == list(users[:2])
        assert [row["user"] for row in rows[2:11:3]] == list(users[2:])
        for row in rows:
            assert (row["calibration"] is None) == (row["user"] != "automatic")
            for name, lesions in zip(NAMES, ref.entry.lesions, strict=True):
                assert row["classes"][name]["dsc"] == (1 if lesions else None)


@pytest.mark.parametrize("members", [0, 2])
def test_measured_where_and_as_inference_answers(
    data: Path, model: ModelFile, members: int
) -> None:
    """On the CT's grid, which isn't the network's, with the PET and with it hidden."""
    options = AssessOptions(users=("automatic",), members=members, uncertainty_members=2)
    ways = Networks.of(model, options, torch.device("cpu"))
    states: set[str] = set()
    for ref in _tested(data):
        found = read_cached(ref.folder)
        for row in assess_case(ref, ways, options):
            hidden = row["scan"] == "CT"
            case = replace(found.case, pet=None) if hidden else found.case
            asked = PredictOptions(uncertainty=members > 0, members=2)
            labels = predict(case, model, asked).labels
            table = evaluate(Volume(labels, found.truth.grid, "label"), found.truth)
            states |= {one.state for one in table.classes}
            for name, one in table.to_json()["classes"].items():
                same = row["classes"][name]
                assert (one["dsc"], one["nsd"]) == (same["dsc"], same["nsd_2mm"])
                assert (one["hd_mm"], one["hd95_mm"]) == (same["hd_mm"], same["hd95_mm"])
            sampled = predict(case, model, PredictOptions(members=2)).probabilities
            sums = calibration_sums(sampled, found.truth, 2.0 if hidden else 1.5)
            for name in NAMES:
                for kind in ("as they are", "calibrated"):
                    ours = row["calibration"][name][kind]
                    np.testing.assert_allclose(ours, sums[name][kind], rtol=1e-6, atol=1e-6)
    assert "both present" in states


def test_stopped_and_resumed_is_never_stopped(data: Path, model: ModelFile, tmp_path: Path) -> None:
    options = AssessOptions(users=("corrective",), uncertainty_members=2)
    whole = assess_model(model, [data], tmp_path / "whole", options)

    def killed(fraction: float, what: str) -> None:
        if fraction > 0.8:
            raise Killed

    parts = tmp_path / "parts"
    with pytest.raises(Killed):
        assess_model(model, [data], parts, options, told=killed)
    assert not (parts / "results.json").exists()
    assert len(list((parts / "patients").iterdir())) == 1
    with pytest.raises(OutputFailed, match="--resume"):
        assess_model(model, [data], parts, options)
    for _ in range(2):  # and again, when nothing is left to do
        assess_model(model, [data], parts, options, resume=True)
        for name in ("results.json", "results.md"):
            assert (parts / name).read_bytes() == (whole.parent / name).read_bytes()
    with pytest.raises(OutputFailed, match="another model, data set, option"):
        assess_model(model, [data], parts, replace(options, seed=1), resume=True)
    spoilt = next((parts / "patients").iterdir())
    spoilt.write_text(spoilt.read_text()[:100])
    assess_model(model, [data], parts, options, resume=True)
    assert (parts / "results.json").read_bytes() == (whole.parent / "results.json").read_bytes()
    page = whole.read_text()
    assert "Research use only" in page
    assert "`hnuiseg assess MODEL --data made --out FOLDER --user corrective" in page
    results = json.loads((whole.parent / "results.json").read_text())
    assert [entry["patients"] for entry in results["summary"]] == [1] * 5 + [2] * 5
    alike = compare(results, results)
    assert {row["p"] for row in alike if row["patients"]} == {1.0}
    assert not any(row["differs"] for row in alike)


def _volume(generator: np.random.Generator, ignored: float = 0.0) -> Volume:
    labels = generator.choice(3, GRID.shape, p=(0.9, 0.05, 0.05)).astype(np.uint8)
    labels[generator.random(GRID.shape) < ignored] = 255
    return Volume(labels, GRID, "label")


@given(seed=st.integers(0, 500))
def test_what_is_predicted_in_255_is_counted_apart_and_changes_nothing_else(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, labels = _volume(generator, 0.2), _volume(generator).array
    unsaid = truth.array == 255
    loud = labels.copy()
    loud[unsaid] = 1
    apart_whole = judged_truth(loud, truth.array) == 255
    quiet = np.where(apart_whole, 0, loud)
    without, with_them = class_measures(quiet, truth)["GTVp"], class_measures(loud, truth)["GTVp"]
    assert without["in_255_ml"] == without["lesions_in_255"] == 0
    assert without["hd_with_255_mm"] == without["hd_mm"]
    assert with_them["in_255_ml"] == pytest.approx(unsaid.sum() * GRID.voxel_ml)
    apart = {"in_255_ml", "lesions_in_255", "hd_with_255_mm", "dsc_with_rims"}
    assert {k: v for k, v in without.items() if k not in apart} == {
        k: v for k, v in with_them.items() if k not in apart
    }
    rims_too = np.where(unsaid, 0, labels)
    strict = class_measures(rims_too, truth)["GTVp"]["dsc"]
    assert with_them["dsc_with_rims"] == pytest.approx(strict, rel=1e-12)
    said = Volume(np.where(unsaid, 0, truth.array).astype(np.uint8), GRID, "label")
    assert with_them["hd_with_255_mm"] == class_measures(loud, said)["GTVp"]["hd_mm"]


def test_lesions_in_255_by_hand() -> None:
    truth, labels = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint8)
    truth[:3] = 255
    labels[0, 2, 2] = 1  # wholly within
    labels[2:4, 8, 8] = 1  # reaches out
    found = class_measures(labels, Volume(truth, GRID, "label"))["GTVp"]
    assert found["lesions_in_255"] == 1
    assert found["in_255_ml"] == pytest.approx(2 * GRID.voxel_ml)
    assert found["state"] == "invented"
    labels[2:4, 8, 8] = 0
    labels[:4, 8, 8] = 1  # a quarter of it reaches out: the rim of what nobody knows
    found = class_measures(labels, Volume(truth, GRID, "label"))["GTVp"]
    assert found["lesions_in_255"] == 2
    assert found["in_255_ml"] == pytest.approx(4 * GRID.voxel_ml)
    assert found["state"] == "correctly empty"
    assert found["dsc_with_rims"] == 0


def test_no_user_clicks_at_the_rim_of_what_nobody_knows() -> None:
    truth, labels = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint8)
    truth[:3] = 255
    labels[:4, 8, 8] = 1
    scene, generator = Scene(truth, GRID.spacing), np.random.default_rng(0)
    clicking = robot("ten-clicks")
    assert clicking(labels, scene, generator)
    assert judging(clicking)(labels, scene, generator) == ()
    labels[5, 2, 2] = 1  # where all is known
    assert [c.index for c in judging(clicking)(labels, scene, generator)] == [(5, 2, 2)]


@given(seed=st.integers(0, 300))
def test_a_cohort_is_what_the_table_of_evaluate_says(seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = [(_volume(generator), _volume(generator, 0.1)) for _ in range(3)]
    pairs.append((pairs[0][1], Volume(np.zeros(GRID.shape, np.uint8), GRID, "label")))
    pairs[-1] = (Volume(np.zeros(GRID.shape, np.uint8), GRID, "label"), pairs[-1][1])
    options = AssessOptions(users=("automatic",), scans=("CT",))
    (entry,) = summary([_case(k, *pair) for k, pair in enumerate(pairs)], options)
    table = evaluate_many(pairs)
    for name in NAMES:
        found = entry["classes"][name]
        assert found["states"] == table.states(name)
        for ours, theirs in (("dsc", "dsc"), ("nsd_2mm", "nsd"), ("hd95_mm", "hd95_mm")):
            mean = table.mean(name, theirs)  # type: ignore[arg-type]
            assert found["means"][ours]["value"] == pytest.approx(mean.value)
            assert found["means"][ours]["defined"] == mean.defined
        assert found["dsc_agg"]["value"] == pytest.approx(table.dsc_agg(name))
        for ours, detection in zip(
            ("lesions_by_overlap", "lesions_by_iou"), table.detection(name), strict=True
        ):
            assert found[ours]["found"] == detection.found
            assert found[ours]["f1"]["value"] == pytest.approx(detection.f1)
            assert found[ours]["f1"]["low"] <= found[ours]["f1"]["high"]


def _case(number: int, prediction: Volume, truth: Volume) -> dict[str, object]:
    row = {
        "scan": "CT",
        "user": "automatic",
        "step": 0,
        "clicks": 0,
        "diagonal_mm": truth.grid.diagonal_mm,
        "classes": class_measures(np.array(prediction.array), truth),
        "calibration": None,
        "ranking": None,
    }
    return {"case": f"c{number}", "patient": f"p{number}", "answers": [row]}


def _results(cases: Sequence[dict[str, object]]) -> dict[str, object]:
    data = {"sha256": "same"}
    return {"format": 2, "model": {}, "data": data, "summary": [], "cases": list(cases)}


def test_comparison_counts_a_miss_as_the_diagonal_and_rightly_empty_as_best() -> None:
    generator = np.random.default_rng(0)
    truths = [_volume(generator) for _ in range(6)]
    nothing = Volume(np.zeros(GRID.shape, np.uint8), GRID, "label")
    missed = _results([_case(k, nothing, truth) for k, truth in enumerate(truths)])
    right = _results([_case(k, truth, truth) for k, truth in enumerate(truths)])
    rows = {(row["class"], row["measure"]): row for row in compare(missed, right)}
    assert rows["GTVp", "dsc"]["difference"]["value"] == 1.0
    assert rows["GTVp", "hd_mm"]["difference"]["value"] == pytest.approx(-GRID.diagonal_mm)
    assert rows["GTVp", "dsc"]["p"] == pytest.approx(2 / 2**6)
    assert rows["GTVp", "dsc"]["p_holm"] == pytest.approx(10 * 2 / 2**6)
    invented = _results([_case(k, truth, nothing) for k, truth in enumerate(truths)])
    empty = _results([_case(k, nothing, nothing) for k in range(6)])
    rows = {(row["class"], row["measure"]): row for row in compare(invented, empty)}
    assert rows["GTVn", "dsc"]["difference"]["value"] == 1.0
    assert rows["GTVn", "hd95_mm"]["difference"]["value"] == pytest.approx(-GRID.diagonal_mm)
    assert all(row["patients"] == 0 and row["p"] is None for row in compare(empty, empty))
    with pytest.raises(InputRefused, match="other patients"):
        compare(missed, _results([_case(7, nothing, truths[0])]))


def test_ranking_knows_who_points_at_the_errors() -> None:
    truth = np.zeros(GRID.shape, np.uint8)
    truth[2:4, 4:8, 4:8] = 1
    labels = np.roll(truth, 1, axis=2)
    wrong = labels != truth
    knowing = np.stack([np.where(wrong, 0.5, 1.0), np.where(wrong, 0.5, 0.0), 0 * truth])
    flat = np.full_like(knowing, 1 / 3)
    found = ranking(
        labels, knowing.astype(np.float32), flat.astype(np.float32), Volume(truth, GRID, "label")
    )
    assert found["errors"] == wrong.sum()
    assert found["members"] == pytest.approx(found["perfect"])
    assert found["one pass"] == pytest.approx(found["errors"] / found["voxels"])


def test_a_user_sees_the_last_answer_and_stops_when_content() -> None:
    """Each answer is right in one more lesion; after two steps nothing is left to say."""
    truth = np.zeros((12, 12, 12), np.uint8)
    truth[1:3, 1:3, 1:3] = 1
    truth[7:9, 7:9, 7:9] = 1
    part = truth.copy()
    part[7:] = 0
    asked: list[Question] = []

    def answer(question: Question, labels: np.ndarray) -> Answer:
        sure = np.stack([labels == k for k in range(3)]).astype(np.float32)
        return Answer.plain(question, sure)

    def ask(question: Question) -> Answer:
        asked.append(question)
        return answer(question, part if len(asked) == 1 else truth)

    automatic = answer(Question(), np.zeros_like(truth))
    scene = Scene(truth, (1.0, 1.0, 1.0))
    generator = np.random.default_rng(0)
    user = USERS["corrective"]
    assert user.robot is not None
    steps = dict(answers_to(user, user.robot, ask, automatic, scene, generator))
    assert list(steps) == [1, 2, 3, 4, 5]
    assert len(asked) == 2
    first, second = asked
    assert first.before is not None
    assert second.before is not None
    assert not first.before.any()
    np.testing.assert_array_equal(second.before, part)
    assert second.clicks[:1] == first.clicks
    np.testing.assert_array_equal(steps[1].labels, part)
    assert steps[2] is steps[3] is steps[4] is steps[5]
    np.testing.assert_array_equal(steps[5].labels, truth)


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": ("nobody",)},
        {"users": ("suggested",)},
        {"users": ("deleting",)},
        {"users": ("suggested",), "within_region": True, "uncertainty_members": 0},
        {"users": ()},
        {"scans": ("CT", "CT")},
        {"part": "training"},
        {"uncertainty_members": 1},
    ],
)
def test_options_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(WrongCall):
        AssessOptions(**wrong)  # type: ignore[arg-type]


def test_nobody_to_measure_is_said(data: Path, model: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="nobody is kept for calibration in made"):
        assess_model(model, [data], tmp_path / "out", AssessOptions(part="calibration"))
    assert not (tmp_path / "out").exists()


def test_law_11_nobody_is_measured_on_who_was_learnt_from(
    data: Path, model: ModelFile, tmp_path: Path
) -> None:
    with pytest.raises(InputRefused, match="has learnt from patient made:P2"):
        assess_model(
            model, [data], tmp_path / "out", AssessOptions(), learnt=frozenset({"made:P2"})
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("least_peak", [None, (0.6, 0.6)])
def test_within_regions_is_what_a_session_answers(
    data: Path, least_peak: tuple[float, float] | None
) -> None:
    """On the CT's own grid, where both can be compared voxel by voxel."""
    with small_network_registered():
        model = small_model(working_spacing=None)
        model = replace(model, settings=replace(model.settings, least_peak=least_peak))
        for ref in _tested(data):
            case = read_cached(ref.folder).case
            sample, network = ref.sample(model.settings), WholeAnswers(model, torch.device("cpu"))
            field = Field.of(case, None).box
            sure = network.probabilities(sample)
            grid = Grid.axial(sample.shape, sample.spacing)
            kept = drawn(likeliest(sure), sure, grid, Least.of(model.settings)).labels
            local = WithinRegions(sample, network, Answer(Question(), sure, kept))
            canvas = Canvas(
                Start.of_prediction(predict(case, model, PredictOptions(uncertainty=False)))
            )
            session = CaseNetwork(case, model)
            layers: list[Layer] = []
            clicks: list[Click] = []
            for part, positive in ((0.3, True), (0.6, True), (0.7, False)):
                z, y, x = (int(n * part) for n in sample.shape)
                clicks.append(Click("GTVp", positive, (z, y, x)))
                answered = local(Question(tuple(clicks)))
                a, b, c = (i + side.start for i, side in zip((z, y, x), field, strict=True))
                edit = ClickEdit("GTVp", position((a, b, c), case.ct.grid), positive)
                change = change_of(edit, canvas.state, layers, session)
                layers.append(change.layer(len(layers) + 1, edit))
                canvas.put(layers[-1])
                there = canvas.state.probabilities[(slice(None), *field)]
                np.testing.assert_allclose(answered.probabilities, there, atol=1e-5)
                assert np.array_equal(answered.labels, canvas.state.labels[field])
