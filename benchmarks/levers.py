"""What each lever of speed gives alone: one window of 96 x 96 x 96 voxels, both networks.

    .venv/bin/python benchmarks/levers.py                   # minutes on two cores
    .venv/bin/pip install openvino && … again               # with OpenVINO beside them

From the published implementation in float32 as it comes, one change after another; random weights,
which cost the same as trained ones. Best of three after one to warm up; what compiling costs once
stands apart. Writes benchmarks/results/levers.json.
"""

import importlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hnuiseg.networks import Precision, build, fixed_masks, lower_precision

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from published_network import published

RESULTS = Path(__file__).parent / "results" / "levers.json"
SIDE = 96
REPEATS = 3
NETWORKS: dict[str, tuple[tuple[int, ...], tuple[int, ...], bool]] = {
    "resenc-compact": ((16, 32, 64, 128), (1, 2, 2, 2), True),
    "resenc-full": ((32, 64, 128, 256), (1, 3, 4, 6), False),
}


def timed(
    act: Callable[[], object], within: Callable[[], AbstractContextManager[object]] = nullcontext
) -> float:
    """Best of three in seconds, after one to warm up."""
    seconds = []
    with torch.inference_mode(), within():
        for _ in range(REPEATS + 1):
            begin = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - begin)
    return round(min(seconds[1:]), 3)


def levers(name: str) -> dict[str, float]:
    """Seconds a window, one change after another."""
    widths, blocks, batch_normed = NETWORKS[name]
    window = torch.randn(1, 4, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    last = window.contiguous(memory_format=torch.channels_last_3d)
    theirs = published(widths, blocks, batch_normed=batch_normed)
    ours = build(name, {"batch_normed": batch_normed}).eval()
    cpu = torch.device("cpu")

    def lower(precision: Precision) -> Callable[[], AbstractContextManager[object]]:
        return lambda: lower_precision(cpu, precision)

    found = {
        "published, float32": timed(lambda: theirs(window)),
        "published, bfloat16": timed(lambda: theirs(window), lower("bfloat16")),
    }
    theirs.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    found["published, float32, channels last"] = timed(lambda: theirs(last))
    found["published, bfloat16, channels last"] = timed(lambda: theirs(last), lower("bfloat16"))
    ours.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    found["ours, float32"] = timed(lambda: ours(last))
    found["ours, bfloat16"] = timed(lambda: ours(last), lower("bfloat16"))
    with fixed_masks(ours, 0.05, 0, 1):
        found["ours, bfloat16, a member's masks"] = timed(lambda: ours(last), lower("bfloat16"))
    if name == "resenc-compact":  # what is shipped; compiling the full one takes minutes
        found |= compiled(ours, last)
        if importlib.util.find_spec("openvino"):
            found |= by_openvino(ours, window)
    return found


def compiled(network: nn.Module, window: Tensor) -> dict[str, float]:
    """torch.compile with frozen weights."""
    inductor = importlib.import_module("torch._inductor.config")
    inductor.freezing = True
    quick = torch.compile(network)
    begin = time.perf_counter()
    with torch.inference_mode(), lower_precision(torch.device("cpu"), "bfloat16"):
        quick(window)
        once = time.perf_counter() - begin
        each = timed(lambda: quick(window))
    return {"compiled, bfloat16": each, "compiled, bfloat16, once": round(once, 1)}


def by_openvino(network: nn.Module, window: Tensor) -> dict[str, float]:
    """OpenVINO in both precisions."""
    openvino: Any = importlib.import_module("openvino")
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    begin = time.perf_counter()
    model = openvino.convert_model(network, example_input=window, input=[list(window.shape)])
    found = {"OpenVINO, once": round(time.perf_counter() - begin, 1)}
    for precision, hint in (("float32", "f32"), ("bfloat16", "bf16")):
        settings = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        request = openvino.compile_model(model, "CPU", settings).create_infer_request()
        array = window.numpy()
        found[f"OpenVINO, {precision}"] = timed(lambda: request.infer({0: array}))  # noqa: B023
    return found


def main() -> None:
    result: dict[str, object] = {
        "machine": f"{os.cpu_count()} cores, {torch.cpu.get_capabilities()['cpu_name']}",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    for name in NETWORKS:
        result[name] = levers(name)
        print(json.dumps({name: result[name]}, indent=1), flush=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
