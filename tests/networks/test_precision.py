"""Precision and threads are what the hardware is fast at, or what was asked for."""

from pathlib import Path
from unittest import mock

import pytest
import torch

from hnuiseg.errors import WrongCall
from hnuiseg.inference import Hardware, PredictOptions, hardware
from hnuiseg.networks import chosen_precision, lower_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({}, "float32"),  # an architecture that says nothing of it
    ],
)
def test_auto_is_bfloat16_only_where_it_is_built_in(able: dict[str, bool], expected: str) -> None:
    with mock.patch("torch.cpu.get_capabilities", return_value=able):
        assert chosen_precision("auto", CPU) == expected
        assert Hardware.chosen(PredictOptions()).precision == expected
        assert Hardware.chosen(PredictOptions(exact=True)).precision == "float32"
        named = PredictOptions(exact=True, precision="bfloat16")
        assert Hardware.chosen(named).precision == "bfloat16"


@pytest.mark.parametrize("name", ["float16", "half", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(WrongCall, match="allowed: auto, float32, bfloat16"):
        chosen_precision(name, CPU)


def test_layers_run_in_the_precision_and_float32_is_left_alone() -> None:
    layer, image = torch.nn.Conv3d(1, 1, 1), torch.ones(1, 1, 2, 2, 2)
    with torch.inference_mode():
        with lower_precision(CPU, "bfloat16"):
            assert layer(image).dtype == torch.bfloat16
        with lower_precision(CPU, "float32"):
            assert layer(image).dtype == torch.float32


@pytest.mark.parametrize(
    ("quota", "most"),
    [("max 100000", None), ("100000 100000", 1), ("150000 100000", 2), (None, None)],
)
def test_a_container_gets_no_more_threads_than_it_is_allowed(
    tmp_path: Path, quota: str | None, most: int | None
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota + "\n")
    with (
        mock.patch.object(hardware, "_QUOTA", file),
        mock.patch("torch.get_num_threads", return_value=16),
    ):
        assert Hardware.chosen(PredictOptions()).threads == (most or 16)
        assert Hardware.chosen(PredictOptions(threads=3)).threads == 3
