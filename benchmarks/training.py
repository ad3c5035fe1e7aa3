"""How fast patches are made and steps are taken, against MONAI's CacheDataset doing the same.

    .venv/bin/python benchmarks/training.py

Eight phantoms at the working spacing of scale `mini`. Ours: from the compressed cache on disk to a
turned, mirrored, noisy, prompted patch of 32 x 48 x 48 voxels. The rival: volumes in memory
(`CacheDataset`), then `RandCropByLabelClassesd`, `RandRotated`, `RandFlipd`, `RandScaleIntensityd`,
`RandShiftIntensityd`, `RandGaussianNoised` of its own, with the same sizes, ranges and
probabilities, and balls at as many clicks. One process and one thread each; medians of five rounds.
Then steps of the compact network, and what of a step is spent waiting for patches. Writes
benchmarks/results/training.json.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnuiseg.cohorts import phantoms, prepare
from hnuiseg.interaction import prompts, stage_one_clicks
from hnuiseg.networks import Precision, ResidualEncoderUNet, build, lower_precision, patch_masks
from hnuiseg.preprocessing import ct_padding
from hnuiseg.training.data import parts_of, samples_of
from hnuiseg.training.losses import Terms, loss_of_each
from hnuiseg.training.patches import Patches
from hnuiseg.training.recipe import PAPER, SCALES
from hnuiseg.training.sample_store import StoredSample

RESULTS = Path(__file__).parent / "results" / "training.json"
PATIENTS = 8
ROUNDS, A_ROUND = 5, 32  # patches
MINI = SCALES["mini"]


def data_set(folder: Path) -> tuple[StoredSample, ...]:
    """Phantoms, prepared."""

    prepare(phantoms(77, PATIENTS), folder)
    return samples_of(parts_of([folder], "all").training, MINI.settings)


def rival(samples: tuple[StoredSample, ...]) -> Callable[[int], Any]:
    """MONAI's pipeline over the same volumes, in memory."""
    from monai import transforms
    from monai.data import CacheDataset

    air = ct_padding(MINI.settings.ct_scheme)
    volumes = []
    for sample in samples:
        images, marks = sample.images(sample.whole), sample.marks(sample.whole)
        images[0] -= air  # so that zeros beyond the volume are air, as ours has it
        volumes.append({"image": torch.from_numpy(images), "label": torch.from_numpy(marks[:1])})
    how, keys = PAPER.intensity, ["image", "label"]
    angle = float(np.deg2rad(PAPER.most_degrees))
    pipeline = transforms.Compose(
        [
            transforms.SpatialPadd(keys, MINI.patch),
            transforms.RandCropByLabelClassesd(
                keys, "label", MINI.patch, ratios=[1, 0.5, 0.5], num_classes=3, num_samples=1
            ),
            transforms.RandRotated(
                keys,
                range_x=angle,
                range_y=angle,
                range_z=angle,
                prob=PAPER.turned,
                mode=["bilinear", "nearest"],
                padding_mode="zeros",
            ),
            transforms.RandFlipd(keys, prob=PAPER.mirrored, spatial_axis=2),
            transforms.RandScaleIntensityd("image", how.scale, prob=1.0, channel_wise=True),
            transforms.RandShiftIntensityd("image", how.shift, prob=1.0, channel_wise=True),
            transforms.RandGaussianNoised("image", prob=1.0, std=how.noise),
        ]
    )
    cached = CacheDataset(volumes, pipeline, cache_rate=1.0, progress=False)
    generator = np.random.default_rng(0)

    def one(number: int) -> Any:
        found = cached[number % len(cached)][0]
        labels = np.asarray(found["label"][0], dtype=np.uint8)
        clicks = stage_one_clicks(labels, generator) if generator.random() < 0.5 else ()
        return torch.cat([found["image"], torch.from_numpy(prompts(MINI.patch, clicks))])

    return one


def patches_a_second(make: Callable[[int], object]) -> float:
    """Median over rounds, after one to warm up."""
    make(0)
    found = []
    for round_ in range(ROUNDS):
        begin = time.perf_counter()
        for number in range(A_ROUND):
            make(round_ * A_ROUND + number)
        found.append(A_ROUND / (time.perf_counter() - begin))
    return round(statistics.median(found), 1)


def mini_network() -> ResidualEncoderUNet:
    network = build(MINI.settings.network, MINI.settings.network_settings)
    assert isinstance(network, ResidualEncoderUNet)
    return network


def unhalved() -> ResidualEncoderUNet:
    """As many weights, with a first level at full resolution."""
    widths, blocks = (16, 32, 64, 128, 160), (1, 1, 2, 2, 2)
    return ResidualEncoderUNet(widths=widths, blocks=blocks, batch_normed=True)


def steps_a_second(
    patches: Patches,
    precision: Precision,
    *,
    last: bool,
    made: Callable[[], ResidualEncoderUNet] = mini_network,
) -> dict[str, float]:
    """Steps without rounds of corrections, and the share of them spent waiting for patches."""
    torch.manual_seed(0)
    network = made()
    if last:
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    numbers = list(range(MINI.batch))
    stream = patches.batches(0, numbers)
    cpu = torch.device("cpu")
    waited, steps = [], []
    for step in range(14):
        begin = time.perf_counter()
        images, labels = next(stream)
        ready = time.perf_counter()
        if last:
            images = images.contiguous(memory_format=torch.channels_last_3d)
        with patch_masks(network, 0.05, [step], numbers), lower_precision(cpu, precision):
            found = network.every_scale(images)
        loss = loss_of_each([one.float() for one in found], labels, Terms())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        waited.append(ready - begin)
        steps.append(time.perf_counter() - begin)
    stream.close()
    whole = statistics.median(steps[2:])
    return {
        "steps a second": round(1 / whole, 2),
        "share of a step spent waiting": round(statistics.median(waited[2:]) / whole, 3),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        samples = data_set(Path(folder) / "set")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        patches = Patches(samples, replace(PAPER), MINI, 1, 0)
        ours = patches_a_second(lambda number: patches.patch(number, 0))
        theirs = patches_a_second(rival(samples))
        torch.set_num_threads(threads)
        result = {
            "machine": f"{os.cpu_count()} cores, {torch.cpu.get_capabilities()['cpu_name']}",
            "torch": torch.__version__,
            "patches a second": {
                "ours": ours,
                "MONAI CacheDataset": theirs,
                "times": round(ours / theirs, 1),
            },
            "float32": steps_a_second(patches, "float32", last=False),
            "bfloat16, channels last": steps_a_second(patches, "bfloat16", last=True),
            "bfloat16, channels last, first level at full resolution": steps_a_second(
                patches, "bfloat16", last=True, made=unhalved
            ),
        }
    text = json.dumps(result, indent=1)
    RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
