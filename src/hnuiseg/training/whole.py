"""What a network says of a stored case: for validation, calibration, stage 3's masks, robots."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hnuiseg.inference import Hardware, PredictOptions, likeliest
from hnuiseg.inference.engine import TorchEngine
from hnuiseg.inference.passes import Passes
from hnuiseg.interaction import Click, prompts
from hnuiseg.interaction.boxes import Box, shape_of
from hnuiseg.interaction.clicks import Index
from hnuiseg.interaction.window import Windows, clicks_in, windows_of
from hnuiseg.models import ModelFile
from hnuiseg.training.channels import channels
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.volume import Grid

_ONE_PASS = PredictOptions(uncertainty=False)


class WholeAnswers:
    """A model, ready for one stored case after the other; by default one pass without dropout."""

    def __init__(
        self, model: ModelFile, device: torch.device, options: PredictOptions = _ONE_PASS
    ) -> None:
        self.model = model
        self.options = replace(options, device=device.type)
        self.hardware = Hardware.chosen(self.options)
        self.engine = TorchEngine(model, self.hardware)

    def windows(self, shape: Index) -> Windows:
        """Through which it looks at one place of a patient of that shape."""
        return windows_of(self.engine, self.model.settings, shape)

    def labels(
        self,
        sample: StoredSample,
        clicks: Sequence[Click] = (),
        before: UInt8[np.ndarray, "z y x"] | None = None,
    ) -> UInt8[np.ndarray, "z y x"]:
        """Labels on the working grid; with clicks, by the network's own answer to them."""
        return likeliest(self.probabilities(sample, clicks, before))

    def probabilities(
        self,
        sample: StoredSample,
        clicks: Sequence[Click] = (),
        before: UInt8[np.ndarray, "z y x"] | None = None,
        *,
        with_pet: bool = True,
        box: Box | None = None,
    ) -> Float[np.ndarray, "3 z y x"]:
        """Mean probability of each class on the working grid; `with_pet` False hides the PET.

        `before` are the labels of all of the patient that the clicks correct, for networks that
        look at them. With a box, the network sees it and the clicks in it alone, and answers there.
        """
        settings, seen = self.model.settings, box or sample.whole
        images = torch.from_numpy(sample.images(seen))
        coverage = torch.from_numpy(sample.marks(seen)[1])
        if not with_pet:
            images[1], coverage[:] = 0.0, 0
        shape = shape_of(seen)
        drawn = torch.from_numpy(prompts(shape, clicks_in(seen, clicks), settings.click_encoding))
        answered = None if before is None else torch.from_numpy(before[seen].copy())
        inputs = channels(settings, images, drawn, coverage, answered)
        passes = Passes(
            self.model,
            self.engine,
            self.options,
            inputs.to(self.hardware.device),
            coverage.bool().to(self.hardware.device) if coverage.any() else None,
            Grid.axial(shape, sample.spacing),
        )
        sums = passes.stochastic() if self.options.uncertainty else passes.deterministic()
        return sums.mean().cpu().numpy()
