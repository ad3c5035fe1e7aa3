"""A model asked through a window: where clicks are drawn, what lies around, when it zooms out."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hnuiseg.inference import PredictOptions, predict
from hnuiseg.interaction import CaseNetwork, Click, Question
from hnuiseg.interaction.boxes import Box, around, box_of, placed, shape_of, whole
from hnuiseg.models import AVAILABILITY, BEFORE, ModelFile
from hnuiseg.networks import NETWORKS
from hnuiseg.study import Case
from hnuiseg.volume import Grid, Reorientation, Volume
from made_case import made_case
from small_model import small_model, small_network_registered

GRID = Grid.axial((30, 72, 80), (3.0, 2.0, 2.0), (-79.0, -71.0, 100.0), "1.2.3")
MIDDLE = (15, 36, 40)


class Echo(nn.Module):
    """Tumour where a prompt is drawn, as the sign says, or where an extra channel says so.

    `spread` further in voxels, and with `hazy` doubtful one more, background by a little.
    """

    def __init__(self, inputs: int = 4, spread: int = 0, hazy: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.spread = spread
        self.hazy = hazy

    def forward(self, images: Tensor) -> Tensor:
        tumour = images[:, 2:4].clone()
        if images.shape[1] > 4:
            before = images[:, -2:]
            tumour = torch.where(tumour == 0, before, tumour)
        tumour = self._wider(tumour, self.spread)
        background = 5 * torch.ones_like(images[:, :1])
        if self.hazy:
            near = self._wider(tumour, 1).amax(dim=1, keepdim=True) > 0
            background[near & (tumour.amax(dim=1, keepdim=True) <= 0)] = 0.8
        return torch.cat([background, 10 * tumour], dim=1) + 0 * self.weight

    @staticmethod
    def _wider(tumour: Tensor, voxels: int) -> Tensor:
        for axis in range(3):
            size, edge = [1, 1, 1], [0, 0, 0]
            size[axis], edge[axis] = 2 * voxels + 1, voxels
            tumour = nn.functional.max_pool3d(tumour, tuple(size), 1, tuple(edge))
        return tumour


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with mock.patch.dict(cast(dict[str, Any], NETWORKS), {"echo": Echo}):
        yield


def echo_model(
    extra: tuple[str, ...] = (), spread: int = 0, hazy: bool = False, **settings: Any
) -> ModelFile:
    plain = small_model()
    given = {"inputs": 4 + len(extra), "spread": spread, "hazy": hazy}
    chosen = replace(
        plain.settings,
        network="echo",
        network_settings=given,
        window=(8, 8, 8),
        extra_channels=extra,
        **settings,
    )
    return replace(plain, settings=chosen, weights={"weight": np.zeros(1, dtype=np.float32)})


def asked(
    case: Case, model: ModelFile, clicks: tuple[Click, ...], box: Box, members: int = 0
) -> tuple[np.ndarray, Box, int]:
    network = CaseNetwork(case, model, PredictOptions(threads=1))
    labels = np.zeros(case.ct.grid.shape, dtype=np.uint8)
    question = Question(clicks, (clicks[-1].index,), box, labels, members)
    answer = network.answer(question)
    return answer.labels(), answer.box, answer.zoomed_out


def near(index: tuple[int, int, int] = MIDDLE) -> Box:
    return around(index, (5, 8, 8), GRID.shape)


def test_the_window_holds_the_region_and_not_the_patient() -> None:
    labels, box, zoomed = asked(
        made_case(GRID), echo_model(), (Click("GTVp", True, MIDDLE),), near()
    )
    assert zoomed == 0
    assert all(a.start <= b.start and b.stop <= a.stop for a, b in zip(box, near(), strict=True))
    assert np.prod(shape_of(box)) < 0.6 * np.prod(GRID.shape)
    inside = tuple(i - s.start for i, s in zip(MIDDLE, box, strict=True))
    assert labels[inside] == 1
    assert 100 < np.count_nonzero(labels) < 130, "a ball of radius three"


@pytest.mark.parametrize("spacing", [None, (4.0, 4.0, 4.0)])
@pytest.mark.parametrize(
    ("axes", "flips"),
    [((0, 1, 2), (False,) * 3), ((2, 0, 1), (True, False, True)), ((1, 2, 0), (True,) * 3)],
)
def test_a_click_is_drawn_where_it_was_put_whatever_the_order_of_storage(
    axes: tuple[int, int, int],
    flips: tuple[bool, bool, bool],
    spacing: tuple[float, float, float] | None,
) -> None:
    case = made_case(GRID)
    turn = Reorientation(axes, flips)
    grid = turn.grid(GRID)
    assert case.pet is not None
    pet = replace(
        case.pet,
        on_ct=Volume(turn.array(case.pet.on_ct.array), grid, "g/ml"),
        coverage=turn.array(case.pet.coverage),
    )
    turned = replace(case, ct=Volume(turn.array(case.ct.array), grid, "HU"), pet=pet)
    x, y, z = GRID.to_world(np.array([MIDDLE], dtype=float))[0]
    at = np.rint(grid.to_index(np.array([[x, y, z]]))[0]).astype(int)
    index = (int(at[0]), int(at[1]), int(at[2]))
    model = echo_model(working_spacing=spacing)
    box = around(index, (6, 6, 6), grid.shape)
    labels, where, _ = asked(turned, model, (Click("GTVn", True, index),), box)
    places = np.argwhere(labels == 2) + [s.start for s in where]
    assert len(places)
    middle = grid.to_world(places.mean(axis=0, keepdims=True))[0]
    working = 0.0 if spacing is None else 2.0  # half a working voxel
    assert np.abs(middle - [x, y, z]).max() <= working + 1e-6
    reach = np.array(CaseNetwork(turned, model).ball_mm)
    far = np.abs(places - at).max(axis=0) * np.array(grid.spacing)
    assert (far <= reach + working + np.array(grid.spacing)).all()


def test_only_clicks_within_the_window_are_drawn() -> None:
    far = Click("GTVn", True, (1, 20, 12))
    labels, box, _ = asked(
        made_case(GRID), echo_model(), (far, Click("GTVp", True, MIDDLE)), near()
    )
    inside = all(s.start <= i < s.stop for i, s in zip(far.index, box, strict=True))
    assert (labels == 2).any() == inside


def test_a_change_at_the_window_s_face_zooms_out_and_a_small_one_does_not() -> None:
    click = (Click("GTVp", True, MIDDLE),)
    _, small, none = asked(made_case(GRID), echo_model(spread=1), click, near())
    _, large, grown = asked(made_case(GRID), echo_model(spread=26), click, near())
    assert none == 0
    assert grown >= 1
    assert np.prod(shape_of(large)) > np.prod(shape_of(small))


def test_the_answer_before_and_the_pet_s_reach_are_shown_to_models_that_ask() -> None:
    case = made_case(GRID)
    network = CaseNetwork(case, echo_model((AVAILABILITY, *BEFORE)), PredictOptions(threads=1))
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[14:17, 30:33, 44:47] = 2
    click = Click("GTVp", True, MIDDLE)
    answer = network.answer(Question((click,), (MIDDLE,), near(), labels))
    assert (answer.labels() == 2).sum() == 27
    ready = network._prepared().inputs.images
    channel = ready[network.model.settings.channels.index(AVAILABILITY)]
    assert set(np.unique(channel.numpy())) <= {0.0, 1.0}
    assert channel.any()


def test_in_the_air_beside_the_patient_nobody_looks() -> None:
    case = made_case(GRID)
    hu = case.ct.array.copy()
    hu[:, :, 42:] = -1000.0
    half = replace(case, ct=replace(case.ct, array=hu))
    index = (15, 36, 79)
    model = echo_model()
    labels, box, _ = asked(
        half, model, (Click("GTVp", True, index),), around(index, (2,) * 3, GRID.shape)
    )
    assert not labels.any()
    assert box == around(index, (2, 2, 2), GRID.shape)


def test_within_its_window_the_answer_is_that_of_the_whole_image() -> None:
    """The small network sees its neighbours only, so far faces make no difference."""
    case = made_case(GRID)
    with small_network_registered():
        model = small_model(window=(8, 8, 8))
        whole = predict(case, model, PredictOptions(uncertainty=False, threads=1))
        network = CaseNetwork(case, model, PredictOptions(threads=1))
        question = Question((), (MIDDLE,), near(), whole.labels)
        answer = network.answer(question)
    box = near()
    there = box_of(
        [b.start - a.start for a, b in zip(answer.box, box, strict=True)],
        [b.stop - a.start for a, b in zip(answer.box, box, strict=True)],
    )
    np.testing.assert_allclose(
        answer.probabilities[(slice(None), *there)],
        whole.probabilities[(slice(None), *box)],
        atol=1e-5,
    )


@pytest.mark.parametrize("spacing", [None, (4.0, 4.0, 4.0), (1.5, 5.0, 3.0)])
@pytest.mark.parametrize(("spread", "hazy"), [(0, False), (3, False), (0, True), (3, True)])
def test_what_is_left_out_of_an_answer_is_background_before_and_after(
    spread: int, hazy: bool, spacing: tuple[float, float, float] | None
) -> None:
    case, model = made_case(GRID), echo_model((), spread, hazy, working_spacing=spacing)
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[14:17, 20:23, 44:47] = 2  # the network drops it
    clicks = (Click("GTVn", True, (16, 34, 30)), Click("GTVp", True, MIDDLE))
    question = Question(clicks, (MIDDLE,), around(MIDDLE, (2, 3, 3), GRID.shape), labels)

    def all_that_is_seen(network: CaseNetwork, working: Grid, *_: Any) -> Box:
        return network._box_on_the_ct(working)

    network = CaseNetwork(case, model, PredictOptions(threads=1))
    answer = network.answer(question)
    with mock.patch.object(CaseNetwork, "_where_it_matters", all_that_is_seen):
        full = network.answer(question)
    assert np.prod(shape_of(answer.box)) < np.prod(shape_of(full.box))
    seen = placed(answer.labels(), answer.box, whole(GRID.shape))
    np.testing.assert_array_equal(seen, placed(full.labels(), full.box, whole(GRID.shape)))
    beside = placed(np.ones(shape_of(answer.box), dtype=bool), answer.box, full.box)
    assert not labels[full.box][~beside].any()
    both = full.on(answer.box)
    np.testing.assert_allclose(answer.probabilities, both.probabilities, atol=1e-6)
    np.testing.assert_allclose(answer.entropy, both.entropy, atol=1e-6)


def test_members_measure_doubt_in_the_same_window() -> None:
    case = made_case(GRID)
    with small_network_registered():
        network = CaseNetwork(case, small_model(window=(8, 8, 8)), PredictOptions(threads=1))
        labels = np.zeros(GRID.shape, dtype=np.uint8)
        one = network.answer(Question((), (MIDDLE,), near(), labels))
        four = network.answer(Question((), (MIDDLE,), near(), labels, members=4))
        again = network.answer(Question((), (MIDDLE,), near(), labels, members=4))
    assert one.mutual_information is None
    assert int(one.votes.max()) == 1
    shared = four.mutual_information
    assert shared is not None
    assert int(four.votes.max()) == 4
    sampled = np.isfinite(shared)
    assert sampled.any()
    assert (shared[sampled] >= 0).all()
    assert (shared[sampled] <= four.entropy[sampled] + 1e-7).all()
    np.testing.assert_array_equal(four.probabilities, again.probabilities)
