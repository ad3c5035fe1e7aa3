"""A planning CT with uncertainty: ours, and the same passes by MONAI's sliding windows.

    .venv/bin/python benchmarks/inference.py            # all of it; some minutes
    .venv/bin/python benchmarks/inference.py --exact    # the exact references only; resumable

With HNUISEG_NNUNET, a Python with nnunetv2 in an environment of its own, also one pass of nnU-Net:

    python -m venv build/nnunet && build/nnunet/bin/pip install nnunetv2
    HNUISEG_NNUNET=build/nnunet/bin/python .venv/bin/python benchmarks/inference.py

Two studies of 512 x 512 x 200 voxels, a phantom and (with HNUISEG_DATA) a real planning CT
resampled to that grid, ten members, the first shipped model, whose network is the published one.
Both sides get the same preprocessed tensor, weights, draws and threads, and blend softmax
probabilities. The rival runs the published implementation of the network through the model's own
windows; its whole volume is timed for one member and multiplied by ten; medians come from a crop.
The exact answer (`--exact`: own windows, float32) is computed once and kept under build/benchmarks.
Each of our timings is a process of its own, so that peak memory is its own. Writes
benchmarks/results/inference.json.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from large_studies import STUDIES, large_study
from scipy import ndimage
from torch import Tensor, nn

from hnuiseg.inference import Accumulator, Hardware, PredictOptions, draw_members, network_for
from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.inputs import NetworkInputs, body_field, network_inputs
from hnuiseg.inference.passes import Passes
from hnuiseg.models import FULL, Card, ModelFile, load_model
from hnuiseg.networks import ChannelDropout, build, fixed_masks, lower_precision
from hnuiseg.preprocessing import ct_padding
from hnuiseg.volume import Grid, Reorientation

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from published_network import published  # noqa: E402

KEPT = ROOT / "build" / "benchmarks"
RESULTS = Path(__file__).parent / "results" / "inference.json"
MEMBERS = 10
CROP = 96  # voxels a side
REPEATS = 5
FIRST = "phantom-compact"
FULL_CROP, FULL_WINDOW = 144, 96
SIZES = {  # widths and blocks of the published implementation
    "resenc-compact": ((16, 32, 64, 128), (1, 2, 2, 2)),
    "resenc-full": ((32, 64, 128, 256), (1, 3, 4, 6)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A study as every side gets it."""

    model: ModelFile
    whole: NetworkInputs
    box: tuple[slice, slice, slice]  # the patient in it

    @classmethod
    def of(cls, name: str) -> "Setting":
        model = load_model(FIRST)
        case = large_study(name)
        box = body_field(case, model.settings.working_spacing)
        return cls(model, network_inputs(case, model.settings), box)

    def passes(self, exact: bool, members: int = MEMBERS) -> Passes:
        options = PredictOptions(members=members, exact=exact)
        cut = self.whole.cut(self.box)
        engine = TorchEngine(self.model, Hardware.chosen(options))
        return Passes(self.model, engine, options, cut.images, cut.coverage, cut.working)


def exact_answer(name: str) -> tuple[Float[Tensor, "3 z y x"], Float[Tensor, "z y x"]]:
    """Mean probability and predictive entropy; each member is kept when it is done."""
    setting = Setting.of(name)
    passes = setting.passes(exact=True)
    sums = Accumulator(passes.grid.shape)
    folder = KEPT / f"{name.replace(' ', '-')}-{setting.model.sha256[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    for member in draw_members(MEMBERS, passes.options.seed):
        file = folder / f"member-{member.index}.pt"
        if not file.exists():
            answer = passes.member(member)
            torch.save(answer, file.with_suffix(".part"))
            file.with_suffix(".part").rename(file)
            print(f"{name}: exact member {member.index + 1} of {MEMBERS}", file=sys.stderr)
        sums.add(*torch.load(file))
    return sums.mean(), sums.entropy()


def ours(name: str, members: int) -> dict[str, Any]:
    """One prediction without --exact in this process: how long, how much memory, how right."""
    setting = Setting.of(name)
    passes = setting.passes(exact=False, members=members)
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on, without making the study
    before = _peak_mib()
    begin = time.perf_counter()
    sums = passes.stochastic()
    seconds = time.perf_counter() - begin
    peak = _peak_mib()
    found: dict[str, Any] = {
        "members": members,
        "seconds": round(seconds, 1),
        "precision": passes.engine.precision,
        "peak MiB": peak,
        "of these before": before,
    }
    if members == MEMBERS:
        found["against the exact answer"] = agreement(sums, *exact_answer(name))
    return found


def _peak_mib() -> int:
    """Most memory that this process held (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return round(int(found[1]) / 1024)


def agreement(
    sums: Accumulator, exact: Float[Tensor, "3 z y x"], doubt: Float[Tensor, "z y x"]
) -> dict[str, Any]:
    """The bars that speed has to hold."""
    mean, entropy, votes = sums.mean(), sums.entropy(), sums.votes
    labels, truth = mean.argmax(0), exact.argmax(0)
    dice, lost = {}, 0
    for value, class_name in ((1, "GTVp"), (2, "GTVn")):
        a, b = labels == value, truth == value
        total = int(a.sum() + b.sum())
        dice[class_name] = round(2 * int((a & b).sum()) / total, 4) if total else None
        lesions, count = ndimage.label(b.numpy(), structure=np.ones((3, 3, 3)))
        lost += count - len(np.unique(lesions[a.numpy() & (lesions > 0)]))
    apart = (entropy - doubt).abs()[doubt > 0.05]
    return {
        "label Dice": dice,
        "mean entropy difference where exact > 0.05 nat": round(float(apart.mean()), 4),
        "share sampled where exact > 0.2 nat": round(
            float((votes[doubt > 0.2] >= 2).float().mean()), 4
        ),
        "share sampled of all": round(float((votes >= 2).float().mean()), 4),
        "lesions lost": lost,
    }


def their_network(model: ModelFile, member: int | None) -> nn.Module:
    """The published implementation with the model's weights; a member's masks."""
    by_batch = bool(model.settings.network_settings.get("batch_normed"))
    network = published(*SIZES[model.settings.network], batch_normed=by_batch)
    ours = network_for(model)
    missing, unknown = network.load_state_dict(ours.state_dict(), strict=False)
    assert not unknown
    assert all(".all_modules." in name or "decoder.encoder." in name for name in missing)
    if member is None:
        return network
    with fixed_masks(ours, model.settings.dropout_rate, 0, member):
        for name, layer in ours.named_modules():
            if isinstance(layer, ChannelDropout):
                convolution = network.get_submodule(name.removesuffix("dropout") + "conv")
                convolution.register_forward_hook(_masked(layer.held))
    return network


def _masked(mask: Tensor | None) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    assert mask is not None
    return lambda _module, _inputs, features: features * mask.to(features)


def rival(
    setting: Setting, images: Float[Tensor, "4 z y x"], precision: Literal["float32", "bfloat16"]
) -> Callable[[], Float[Tensor, "3 z y x"]]:
    """One member by MONAI over the whole of `images`; bfloat16 with channels last."""
    from monai.inferers import sliding_window_inference

    network, device = their_network(setting.model, member=0), torch.device("cpu")
    last = torch.channels_last_3d if precision == "bfloat16" else torch.contiguous_format
    network.to(memory_format=last)  # type: ignore[call-overload]

    def answer(windows: Tensor) -> Tensor:
        with lower_precision(device, precision):
            return torch.softmax(network(windows.contiguous(memory_format=last)).float(), 1)

    def one() -> Float[Tensor, "3 z y x"]:
        with torch.inference_mode():
            return sliding_window_inference(
                images[None],
                setting.model.settings.window,
                1,
                answer,
                overlap=0.5,
                mode="gaussian",
                cval=ct_padding(setting.model.settings.ct_scheme),
            )[0]

    return one


def _seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def whole_volume(name: str) -> dict[str, Any]:
    """Ours in processes of their own, the rival's one pass times ten."""
    rows = {n: _apart("--ours", name, str(n)) for n in (2, MEMBERS)}
    setting = Setting.of(name)
    rivals = {}
    for precision in ("float32", "bfloat16"):
        one = _seconds(rival(setting, setting.whole.images, precision))
        rivals[precision] = round(one * MEMBERS, 1)
    seconds = rows[MEMBERS]["seconds"]
    return {
        "working grid (z, y, x)": list(setting.whole.working.shape),
        "of these the patient's": [side.stop - side.start for side in setting.box],
        "ours": rows[MEMBERS],
        "ours, two members": rows[2],
        "MONAI, seconds (one pass times ten)": rivals,
        "times faster than MONAI": {p: round(s / seconds, 1) for p, s in rivals.items()},
    }


def crop() -> dict[str, Any]:
    """Medians on a cube about the phantom's tumour."""
    setting = Setting.of("phantom")
    primary = exact_answer("phantom")[0].argmax(0) == 1
    sides = []
    for places, length in zip(torch.nonzero(primary).T, primary.shape, strict=True):
        middle, size = int(places.float().mean()), min(CROP, length)
        first = min(max(0, middle - size // 2), length - size)
        sides.append(slice(first, first + size))
    cut = setting.whole.cut(setting.box).cut((sides[0], sides[1], sides[2]))
    passes = replace(
        setting.passes(exact=False), images=cut.images, coverage=cut.coverage, grid=cut.working
    )
    acts: dict[str, Callable[[], object]] = {"ours, ten members": passes.stochastic}
    for precision in ("float32", "bfloat16"):
        acts[f"MONAI {precision}, one member"] = rival(setting, cut.images, precision)
    medians = {
        name: round(statistics.median(_seconds(act) for _ in range(REPEATS)), 2)
        for name, act in acts.items()
    }
    return {"voxels (z, y, x)": list(cut.working.shape), "median seconds": medians}


def full_network() -> dict[str, Any]:
    """The paper's network, fresh weights, on a cube of noise: ten members and the rival's one."""
    settings = replace(FULL, window=(FULL_WINDOW,) * 3)
    torch.manual_seed(0)
    weights = build(settings.network, settings.network_settings).state_dict()
    model = ModelFile(
        Card("full", "none", "full", "", "", "", "", 0, {}, ""),
        settings,
        {name: value.numpy() for name, value in weights.items()},
        "0" * 64,
    )
    grid = Grid.axial((FULL_CROP,) * 3, (1.0, 1.0, 1.0))
    images = torch.rand(4, *grid.shape, generator=torch.Generator().manual_seed(0))
    images[2:] = 0.0  # prompts
    whole = NetworkInputs(images, None, Reorientation.of(grid), grid, grid)
    all_of_it = slice(0, FULL_CROP)
    setting = Setting(model, whole, (all_of_it, all_of_it, all_of_it))
    passes = setting.passes(exact=False)
    one = {p: _seconds(rival(setting, images, p)) for p in ("float32", "bfloat16")}
    seconds = _seconds(passes.stochastic)
    return {
        "voxels (z, y, x)": list(grid.shape),
        "window": list(settings.window),
        "ours, ten members": round(seconds, 1),
        "MONAI, seconds (one pass times ten)": {p: round(s * MEMBERS, 1) for p, s in one.items()},
        "times faster than MONAI": {p: round(s * MEMBERS / seconds, 1) for p, s in one.items()},
    }


def by_nnunet(python: str) -> dict[str, Any]:
    """One pass without uncertainty by nnUNetPredictor on the phantom: same network and tensor."""
    setting = Setting.of("phantom")
    network = their_network(setting.model, member=None)
    KEPT.mkdir(parents=True, exist_ok=True)
    given = KEPT / "for-nnunet.pt"
    window = setting.model.settings.window
    sizes = SIZES[setting.model.settings.network]
    torch.save((*sizes, network.state_dict(), setting.whole.images, window), given)
    script = Path(__file__).parent / "rivals" / "nnunet_pass.py"
    # it asks for folders that this pass doesn't use
    unused = dict.fromkeys(("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"), "")
    done = subprocess.run(
        [python, script, given],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **unused, "PYTHONPATH": str(ROOT / "tests")},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _apart(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _bfloat16_peak() -> float:
    """Best of nine products of 2048 x 2048 matrices, in 10^9 operations a second."""
    a = torch.randn(2048, 2048, dtype=torch.bfloat16)
    return 2 * 2048**3 / min(_seconds(lambda: a @ a) for _ in range(9)) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--ours", nargs=2, metavar=("STUDY", "MEMBERS"))
    asked = parser.parse_args()
    if asked.ours:
        print(json.dumps(ours(asked.ours[0], int(asked.ours[1]))))
        return
    studies = STUDIES if "HNUISEG_DATA" in os.environ else STUDIES[:1]
    for name in studies:
        exact_answer(name)
    if asked.exact:
        return
    nnunet = os.environ.get("HNUISEG_NNUNET")
    result: dict[str, object] = {
        "machine": f"{os.cpu_count()} cores, {torch.cpu.get_capabilities()['cpu_name']}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "bfloat16 matrix product, GFLOP/s, for information": round(_bfloat16_peak()),
        "model": load_model(FIRST).sha256[:12],
    }
    parts: dict[str, Callable[[], object]] = {
        **{name: partial(whole_volume, name) for name in studies},
        "crop": crop,
        "full network": full_network,
    }
    if nnunet:
        parts["nnUNetPredictor"] = partial(by_nnunet, nnunet)
    for name, measure in parts.items():
        result[name] = measure()
        print(json.dumps({name: result[name]}, indent=1), flush=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
