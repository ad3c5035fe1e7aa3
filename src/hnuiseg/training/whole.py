"""What a network says of a whole stored case: for validation, and for the masks of stage 3."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from hnuiseg.inference import Hardware, PredictOptions
from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.passes import Passes
from hnuiseg.interaction import Click, prompts
from hnuiseg.models import ModelFile
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.volume import Grid


class WholeAnswers:
    """A model, ready for one stored case after the other: one pass each, without dropout."""

    def __init__(self, model: ModelFile, device: torch.device) -> None:
        self.model = model
        self.options = PredictOptions(uncertainty=False, device=device.type)
        self.hardware = Hardware.chosen(self.options)
        self.engine = TorchEngine(model, self.hardware)

    def labels(
        self, sample: StoredSample, clicks: Sequence[Click] = ()
    ) -> UInt8[np.ndarray, "z y x"]:
        """Labels on the working grid; with clicks, by the network's own answer to them."""
        images = np.concatenate([sample.images(sample.whole), prompts(sample.shape, clicks)])
        grid = Grid.axial(sample.shape, sample.spacing)
        on_device = torch.from_numpy(images).to(self.hardware.device)
        passes = Passes(self.model, self.engine, self.options, on_device, None, grid)
        found = passes.deterministic().mean().argmax(0)
        return found.to(torch.uint8).cpu().numpy()
