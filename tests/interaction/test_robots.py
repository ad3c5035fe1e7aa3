"""Robot users: what each promises, on any pair of maps."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicked_maps import SPACING, Labels, Pair, component_at, depth_mm, maps, rng, row
from hnuiseg.errors import WrongCall
from hnuiseg.interaction import (
    ROBOTS,
    AutopetIV,
    Click,
    Cvpr2025,
    EachLesion,
    Human,
    InventionsFirst,
    LargestError,
    PredictedPlaces,
    Robot,
    Scene,
    TenClicks,
    error_findings,
    lesion_findings,
    robot,
    said_of,
)
from hnuiseg.volume import Triple

VALUES = {"GTVp": 1, "GTVn": 2}
seeds = st.integers(0, 99)


def _wrong(click: Click, predicted: Labels, truth: Labels) -> np.ndarray:
    """Voxels that are wrong in the way the click says."""
    value = VALUES[click.region]
    if click.positive:
        return (truth == value) & (predicted != value)
    return (predicted == value) & (truth != value) & (truth != 255)


def _component(mask: np.ndarray, voxel: tuple[int, ...]) -> np.ndarray:
    component = np.zeros_like(mask)
    component[tuple(np.array(sorted(component_at(mask, voxel))).T)] = True
    return component


def _deepest(component: np.ndarray, spacing: Triple, voxel: tuple[int, int, int]) -> bool:
    depths = [depth_mm(component, spacing, tuple(v)) for v in np.argwhere(component)]
    return depth_mm(component, spacing, voxel) == pytest.approx(max(depths))


@pytest.mark.parametrize("name", ROBOTS)
@given(pair=maps(), seed=seeds)
def test_the_same_generator_makes_the_same_clicks(name: str, pair: Pair, seed: int) -> None:
    predicted, truth = pair
    scene = Scene(truth, SPACING, rng(seed).random(truth.shape))
    first, second = (robot(name)(predicted, scene, rng(seed)) for _ in range(2))
    assert first == second
    assert all(isinstance(i, int) for click in first for i in click.index)  # goes into JSON


@pytest.mark.parametrize("name", [name for name in ROBOTS if name != "human"])
@given(pair=maps(), seed=seeds)
def test_no_robot_clicks_what_the_truth_ignores(name: str, pair: Pair, seed: int) -> None:
    predicted, truth = pair
    scene = Scene(truth, SPACING, rng(seed).random(truth.shape))
    for click in robot(name)(predicted, scene, rng(seed)):
        assert (truth[click.index] == VALUES[click.region]) == click.positive
        assert truth[click.index] != 255


@pytest.mark.parametrize("name", ["ten-clicks", "largest-error", "cvpr-2025"])
@given(pair=maps())
def test_what_is_right_is_not_corrected(name: str, pair: Pair) -> None:
    _, truth = pair
    right = np.where(truth == 255, 1, truth).astype(np.uint8)
    assert robot(name)(right, Scene(truth, SPACING), rng()) == ()


@given(pair=maps(), seed=seeds)
def test_each_lesion_is_clicked_once_where_it_is_deepest(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    clicks = EachLesion()(predicted, Scene(truth, SPACING), rng(seed))
    lesions = set()
    for click in clicks:
        assert click.positive
        lesion = _component(truth == VALUES[click.region], click.index)
        assert _deepest(lesion, SPACING, click.index)
        lesions.add(lesion.tobytes())
    assert len(lesions) == len(clicks) == len(lesion_findings(truth))


@given(pair=maps(), seed=seeds)
def test_ten_clicks_go_to_the_largest_errors_of_each_class(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    clicks = TenClicks()(predicted, Scene(truth, SPACING), rng(seed))
    for region in VALUES:
        sizes = [f.component.size for f in error_findings(predicted, truth) if f.region == region]
        clicked = []
        for click in clicks:
            if click.region == region:
                error = _component(_wrong(click, predicted, truth), click.index)
                assert error[click.index]
                assert _deepest(error, SPACING, click.index)
                clicked.append(int(error.sum()))
        assert clicked == sizes[:5]


@given(pair=maps(), seed=seeds)
def test_a_smaller_budget_makes_the_first_clicks_of_a_larger_one(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    scene = Scene(truth, SPACING)
    runs = [TenClicks(budget)(predicted, scene, rng(seed)) for budget in range(6)]
    assert runs[0] == ()
    for fewer, more in pairwise(runs):
        assert more[: len(fewer)] == fewer
    for budget, clicks in enumerate(runs):
        assert all(sum(c.region == region for c in clicks) <= budget for region in VALUES)


@given(pair=maps(), seed=seeds)
def test_the_largest_error_is_clicked_alone(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    clicks = LargestError()(predicted, Scene(truth, SPACING), rng(seed))
    errors = error_findings(predicted, truth)
    assert len(clicks) == min(1, len(errors))
    for click in clicks:
        error = _component(_wrong(click, predicted, truth), click.index)
        assert error.sum() == max(f.component.size for f in errors)


@given(pair=maps(), seed=seeds)
def test_cvpr_2025_clicks_the_largest_error_of_each_class(pair: Pair, seed: int) -> None:
    """Missed and invented voxels of a class are one error where they touch."""
    predicted, truth = pair
    clicks = Cvpr2025()(predicted, Scene(truth, SPACING), rng(seed))
    assert len({click.region for click in clicks}) == len(clicks)
    for region, value in VALUES.items():
        wrong = ((predicted == value) != (truth == value)) & (truth != 255)
        own = [click for click in clicks if click.region == region]
        assert len(own) == wrong.any()
        for click in own:
            error = _component(wrong, click.index)
            assert _deepest(error, (1.0, 1.0, 1.0), click.index)  # the challenge counts voxels
            assert _wrong(click, predicted, truth)[click.index]
            seen = np.zeros_like(wrong)
            for voxel in np.argwhere(wrong):
                if not seen[tuple(voxel)]:
                    other = _component(wrong, tuple(voxel))
                    assert other.sum() <= error.sum()
                    seen |= other


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ("......", "ppp.pp", {Click("GTVp", True, (0, 0, 1))}),
        ("ppp.pp", "......", {Click("GTVp", False, (0, 0, 1))}),
        # two missed and three invented voxels that touch: one error, clicked in its middle
        ("...ppp.", ".pp....", {Click("GTVp", False, (0, 0, 3))}),
        # the larger of two errors that don't touch, whatever its kind
        ("..p.nn", "..n...", None),
    ],
)
def test_cvpr_2025_by_eye(predicted: str, truth: str, expected: set[Click] | None) -> None:
    """With many equal slices and rows the middle of the longest run is deepest."""
    big = [np.tile(row(text), (9, 9, 1)) for text in (predicted, truth)]
    clicks = Cvpr2025()(big[0], Scene(big[1], SPACING), rng())
    columns = {Click(c.region, c.positive, (0, 0, c.index[2])) for c in clicks}
    if expected is None:
        assert {(c.region, c.positive) for c in clicks} == {("GTVp", False), ("GTVn", False)}
    else:
        assert columns == expected


# autoPET IV


@given(pair=maps(), seed=seeds, jitter=st.integers(0, 2), pet=st.booleans())
def test_autopet_pairs_are_fixed_beforehand(pair: Pair, seed: int, jitter: int, pet: bool) -> None:
    """Whatever is predicted, and fewer pairs are the first of more."""
    predicted, truth = pair
    scene = Scene(truth, SPACING, rng(seed).random(truth.shape) if pet else None)
    runs = [AutopetIV(n, jitter)(predicted, scene, rng(seed)) for n in range(12)]
    for n, clicks in enumerate(runs):
        assert clicks == AutopetIV(n, jitter)(truth, scene, rng(seed))
        assert clicks == runs[-1][: len(clicks)]
        tumour = [c for c in clicks if c.positive]
        background = [c for c in clicks if not c.positive]
        assert len(tumour) == (n if np.isin(truth, (1, 2)).any() else 0)
        assert len(background) == (n if (truth == 0).any() else 0)
        assert all(truth[c.index] == VALUES[c.region] for c in tumour)
        assert all(truth[c.index] == 0 for c in background)
        if tumour and background:
            assert [c.region for c in tumour] == [c.region for c in background]


@given(pair=maps(), seed=seeds)
def test_autopet_tumour_clicks_are_centres_and_then_surface(pair: Pair, seed: int) -> None:
    _, truth = pair
    clicks = [c for c in AutopetIV(14)(truth, Scene(truth, SPACING), rng(seed)) if c.positive]
    lesions = lesion_findings(truth)[:10]
    for k, click in enumerate(clicks):
        lesion = _component(truth == VALUES[click.region], click.index)
        assert lesion.sum() == lesions[k % len(lesions)].component.size
        if k < len(lesions):
            assert _deepest(lesion, SPACING, click.index)
        else:
            assert depth_mm(lesion, (1.0, 1.0, 1.0), click.index) == 1.0


def test_autopet_background_clicks_start_in_the_hottest_tissue() -> None:
    """A brain and a bladder, larger first, and the tumour, hotter than both, never."""
    truth: Labels = np.zeros((11, 30, 31), dtype=np.uint8)
    truth[4:7, 14:17, 14:17] = 1
    pet = rng(1).random(truth.shape)
    pet[truth == 1] = 90.0
    pet[1:4, 2:5, 2:4] = 20.0  # 18 voxels, deepest in their middle row
    pet[7:9, 24:26, 25:26] = 30.0  # 4 voxels; 22 of 10,203 lie above the percentile
    clicks = AutopetIV(6)(truth, Scene(truth, SPACING, pet), rng())
    background = [c.index for c in clicks if not c.positive]
    assert background[0][1] == 3
    hot = [pet[index] for index in background]
    assert hot[:2] == [20.0, 30.0]
    without = AutopetIV(6)(truth, Scene(truth, SPACING), rng())
    assert [c for c in without if c.positive] == [c for c in clicks if c.positive]


def test_autopet_jitter_moves_clicks_by_two_voxels_at_most() -> None:
    truth: Labels = np.zeros((14, 15, 16), dtype=np.uint8)
    truth[3:10, 3:10, 3:10] = 2
    moved = set()
    for seed in range(60):
        steady, jittered = (
            AutopetIV(1, jitter)(truth, Scene(truth, (1.0, 1.0, 1.0)), rng(seed))
            for jitter in (0, 2)
        )
        steps = np.subtract(jittered[0].index, steady[0].index)
        moved |= set(steps.tolist())
        assert steady[1].region == jittered[1].region == "GTVn"
    assert moved == {-2, -1, 0, 1, 2}


def test_a_pet_of_another_shape_is_refused() -> None:
    with pytest.raises(WrongCall, match=r"PET of shape \(1, 1, 2\).*truth .*\(1, 1, 3\)"):
        Scene(row("..."), SPACING, np.zeros((1, 1, 2)))


# a human hand


class _Fixed:
    """A robot that clicks one voxel again and again."""

    def __init__(self, index: tuple[int, int, int], times: int) -> None:
        self.clicks = (Click("GTVn", True, index),) * times

    def __call__(
        self, predicted: Labels, scene: Scene, generator: np.random.Generator
    ) -> tuple[Click, ...]:
        return self.clicks


@given(pair=maps(), seed=seeds)
def test_a_steady_hand_that_is_never_wrong_is_the_robot(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    scene = Scene(truth, SPACING)
    for inner in (TenClicks(), EachLesion(), AutopetIV()):
        steady = Human(inner, jitter_mm=0.0, wrong=0.0)(predicted, scene, rng(seed))
        assert steady == inner(predicted, scene, rng(seed))


@given(pair=maps(), seed=seeds, jitter=st.floats(0.0, 50.0))
def test_a_hand_stays_inside_the_image(pair: Pair, seed: int, jitter: float) -> None:
    predicted, truth = pair
    scene = Scene(truth, SPACING)
    human: Robot = Human(EachLesion(), jitter_mm=jitter, wrong=1.0)
    clicks = human(predicted, scene, rng(seed))
    meant = EachLesion()(predicted, scene, rng(seed))
    assert [(c.region, not c.positive) for c in clicks] == [(c.region, c.positive) for c in meant]
    for click in clicks:
        assert all(0 <= i < n for i, n in zip(click.index, truth.shape, strict=True))


def test_a_hand_slips_in_millimetres_and_errs_as_often_as_said() -> None:
    scene = Scene(np.zeros((200, 200, 200), dtype=np.uint8), (3.0, 0.5, 1.0))
    human = Human(_Fixed((100, 100, 100), 4000), jitter_mm=4.0, wrong=0.2)
    clicks = human(scene.truth, scene, rng(7))
    slips_mm = (np.array([click.index for click in clicks]) - 100) * scene.spacing
    np.testing.assert_allclose(slips_mm.std(axis=0), 4.0, rtol=0.05)  # rounding adds little
    np.testing.assert_allclose(slips_mm.mean(axis=0), 0.0, atol=0.3)
    assert np.mean([not click.positive for click in clicks]) == pytest.approx(0.2, abs=0.02)


# inventions before errors


@given(pair=maps(), seed=seeds)
def test_what_is_wholly_invented_comes_first(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    scene = Scene(truth, SPACING)
    clicks = InventionsFirst()(predicted, scene, rng(seed))
    largest = TenClicks(1)(predicted, scene, rng(seed))
    assert [click.region for click in clicks] == sorted({c.region for c in largest}, reverse=True)
    for click in clicks:
        drawn = predicted == VALUES[click.region]
        wholly = []
        rest = drawn.copy()
        while rest.any():
            one = _component(drawn, tuple(np.argwhere(rest)[0]))
            rest &= ~one
            if set(truth[one]) <= {0, 255} and 0 in truth[one]:
                wholly.append(one)
        if wholly:
            assert not click.positive
            size = max(int(one.sum()) for one in wholly)
            assert any(one.sum() == size and one[click.index] for one in wholly)
            assert _deepest(_component(drawn, click.index), SPACING, click.index)
        else:
            errors = [e for e in error_findings(predicted, truth) if e.region == click.region]
            wrong = _component(_wrong(click, predicted, truth), click.index)
            assert wrong.sum() == errors[0].component.size
            assert _deepest(wrong, SPACING, click.index)


# places that the prediction names


@given(pair=maps(), seed=seeds)
def test_at_predicted_places_the_truth_is_said(pair: Pair, seed: int) -> None:
    predicted, truth = pair
    clicks = PredictedPlaces(4)(predicted, Scene(truth, SPACING), rng(seed))
    assert len({click.index for click in clicks}) == len(clicks) <= 4
    if not predicted.any():
        assert not clicks
    for click in clicks:
        assert predicted[click.index] != 0
        assert click.positive == (truth[click.index] in (1, 2))
        of = truth if click.positive else predicted
        assert of[click.index] == VALUES[click.region]


def test_what_nobody_knows_nobody_says() -> None:
    truth = row("..pn?")
    for x, expected in enumerate([None, None, "GTVp", "GTVn", None]):
        click = said_of((0, 0, x), np.zeros_like(truth), truth)
        if x == 4:
            assert click is None
            continue
        assert click is not None
        assert click.positive == (expected is not None)
        assert click.region == (expected or "GTVp")


# names and settings


def test_robots_by_name() -> None:
    assert robot("ten-clicks", per_class=3) == TenClicks(3)
    assert robot("human", robot=Cvpr2025(), wrong=0.0) == Human(Cvpr2025(), 3.0, 0.0)
    assert {type(robot(name)) for name in ROBOTS} == set(ROBOTS.values())
    with pytest.raises(WrongCall, match=r"'clumsy'.*each-lesion, ten-clicks.*choose one of these"):
        robot("clumsy")
    with pytest.raises(WrongCall, match="robot each-lesion with per_class"):
        robot("each-lesion", per_class=3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ten-clicks", {"per_class": -1}),
        ("autopet-iv", {"pairs": -1}),
        ("autopet-iv", {"jitter_voxels": -2}),
        ("human", {"jitter_mm": -1.0}),
        ("human", {"jitter_mm": float("nan")}),
        ("human", {"wrong": 1.5}),
    ],
)
def test_settings_without_sense_are_refused(name: str, settings: dict[str, float]) -> None:
    with pytest.raises(WrongCall, match="allowed: "):
        robot(name, **settings)
