"""What `hnuiseg benchmark` tells follows from what a prediction would show its network."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from torch import Tensor

from hnuiseg.inference import Hardware, PredictOptions, speed, speeds
from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.passes import Passes
from hnuiseg.inference.windows import WindowAnswer
from hnuiseg.volume import Grid
from small_model import small_model, small_network_registered


class _Counting(TorchEngine):
    shown = 0

    @contextmanager
    def plain(self) -> Iterator[WindowAnswer]:
        with super().plain() as answer:

            def counted(windows: Tensor) -> Tensor:
                self.shown += windows[:, 0].numel()
                return answer(windows)

            yield counted


@pytest.mark.parametrize("number", [0, 1])
def test_a_pass_is_as_long_as_what_the_network_is_shown(number: int) -> None:
    model = small_model(window=(16, 16, 16), working_spacing=(2.0, 2.0, 2.0))
    with small_network_registered(), mock.patch.object(speed, "HEAD_AND_NECK_MM", (59.0, 80, 101)):
        told = speeds(model, PredictOptions())[number]
        options = PredictOptions(uncertainty=False, exact=told.exact)
        engine = _Counting(model, Hardware.chosen(options))
        assert told.case == (30, 40, 51)
        grid = Grid.axial(told.case, (2.0, 2.0, 2.0))
        Passes(model, engine, options, torch.zeros(4, *told.case), None, grid).deterministic()
    assert told.exact == (number == 1)
    assert told.hardware.precision == "float32" or not told.exact
    assert told.seconds_a_pass == pytest.approx(engine.shown / told.voxels_a_second)
