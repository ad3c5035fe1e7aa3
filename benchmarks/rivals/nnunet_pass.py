"""One pass of nnUNetPredictor over a tensor: inference.py runs it in nnU-Net's environment."""

import json
import os
import sys
import time
from importlib.metadata import version
from types import SimpleNamespace

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from published_network import published


def main() -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    widths, blocks, weights, images, window = torch.load(sys.argv[1])
    network = published(widths, blocks, batch_normed=True)
    network.load_state_dict(weights)
    predictor = nnUNetPredictor(
        use_mirroring=False,
        perform_everything_on_device=False,
        device=torch.device("cpu"),
        allow_tqdm=False,
    )
    labels = SimpleNamespace(num_segmentation_heads=3)
    predictor.manual_initialization(
        network,
        SimpleNamespace(get_label_manager=lambda _: labels),
        SimpleNamespace(patch_size=window),
        None,
        {},
        "",
        None,
    )
    begin = time.perf_counter()
    with torch.inference_mode():
        predictor.predict_sliding_window_return_logits(images)
    seconds = time.perf_counter() - begin
    found = {
        "nnunetv2": version("nnunetv2"),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "seconds, one pass without uncertainty": round(seconds, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
