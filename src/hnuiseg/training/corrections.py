"""Rounds of corrections in training: the network answers, is clicked at, and answers again.

Only the last answer is learnt from. A share of the patches has no click at all, so that the
automatic answer stays good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from hnuiseg.interaction import Click, one_of_each_class, one_of_each_lesion, prompts
from hnuiseg.models import ModelSettings
from hnuiseg.networks import as_in_use, masks_of
from hnuiseg.training.channels import with_answer
from hnuiseg.training.recipe import Recipe
from hnuiseg.volume import Triple

_ROUNDS = 0x524F  # purpose of random numbers


@dataclass(frozen=True, slots=True)
class Corrections:
    """What becomes of a step's inputs before they are learnt from."""

    recipe: Recipe
    settings: ModelSettings
    stage: int
    seed: int
    numbers: Sequence[int]  # of this process' patches in each step

    def __call__(self, network: nn.Module, step: int, images: Tensor, labels: Tensor) -> Tensor:
        """Inputs (patch, c, z, y, x) with the clicks of up to `rounds` rounds, and the last answer.

        By the network as it is in use, without dropout of its own: masks that are held stay.
        """
        generators = [self._generator(step, number) for number in self.numbers]
        rounds = [self._rounds(generator) for generator in generators]
        clicks: list[tuple[Click, ...]] = [() for _ in rounds]
        spacing: Triple = self.settings.working_spacing or (1.0, 1.0, 1.0)
        truth = labels.cpu().numpy().astype(np.uint8)
        for round_ in range(max(rounds, default=0)):
            inputs = list(images)
            going_on = [k for k, most in enumerate(rounds) if round_ < most]
            asked = images[going_on].contiguous(memory_format=torch.channels_last_3d)
            with as_in_use(network), masks_of(network, going_on), torch.no_grad():
                answers = network(asked).argmax(1).to(torch.uint8)
            for k, answer in zip(going_on, answers, strict=True):
                clicks[k] += self._clicks(
                    round_, answer.cpu().numpy(), truth[k], spacing, generators[k]
                )
                shape = (truth.shape[1], truth.shape[2], truth.shape[3])
                drawn = torch.from_numpy(prompts(shape, clicks[k], self.settings.click_encoding))
                inputs[k] = with_answer(self.settings, inputs[k], drawn.to(images.device), answer)
            images = torch.stack(inputs)
        return images.contiguous(memory_format=torch.channels_last_3d)

    def _clicks(
        self,
        round_: int,
        answer: UInt8[np.ndarray, "z y x"],
        truth: UInt8[np.ndarray, "z y x"],
        spacing: Triple,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        share = self.recipe.each_lesion
        if share and round_ == 0 and generator.random() < share:
            return one_of_each_lesion(truth, spacing, self.recipe.placement, generator)
        return one_of_each_class(answer, truth, spacing, self.recipe.placement, generator)

    def _rounds(self, generator: np.random.Generator) -> int:
        if generator.random() >= self.recipe.prompted[self.stage - 1]:
            return 0
        return int(generator.integers(1, self.recipe.rounds + 1))

    def _generator(self, step: int, number: int) -> np.random.Generator:
        key = [self.seed, self.stage, _ROUNDS, step, number]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
