"""The patches of a step: which case, where in it, turned how, with which clicks.

All of it follows from (seed, stage, step, number of the patch) alone. Any process can make any
patch, and a resumed training sees what one that was never stopped would have.
"""

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hnuiseg.interaction import correction_clicks, prompts, stage_one_clicks
from hnuiseg.preprocessing import ct_padding
from hnuiseg.training.channels import channels
from hnuiseg.training.intensity import changed
from hnuiseg.training.loop import Batch
from hnuiseg.training.placement import Patch, Placement, cut, random_turn
from hnuiseg.training.recipe import Recipe, Scale
from hnuiseg.training.sample_store import StoredSample

_ORDER, _PATCH = 0x4F52, 0x5041  # purposes of random numbers

FirstMasks = Mapping[str, UInt8[np.ndarray, "z y x"]]  # by the sample's name


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Where the patches of one stage come from."""

    samples: tuple[StoredSample, ...]
    recipe: Recipe
    scale: Scale
    stage: int
    seed: int
    first: FirstMasks | None = None  # stage 3: automatic masks of whole cases, to be corrected

    def batches(self, start: int, numbers: Sequence[int]) -> Generator[Batch]:
        """Of each step from `start` on these patches; the next ones are made meanwhile."""
        with ThreadPoolExecutor(1) as ahead:
            waiting = ahead.submit(self.batch, start, numbers)
            step = start
            while True:
                ready = waiting.result()
                step += 1
                waiting = ahead.submit(self.batch, step, numbers)
                yield ready

    def batch(self, step: int, numbers: Sequence[int]) -> Batch:
        """Inputs (patch, c, z, y, x) and labels (patch, z, y, x) of one step."""
        made = [self.patch(step, number) for number in numbers]
        images = torch.stack([images for images, _ in made])
        return images, torch.stack([labels for _, labels in made]).long()

    def patch(
        self, step: int, number: int
    ) -> tuple[Float[Tensor, "c z y x"], UInt8[Tensor, "z y x"]]:
        """One patch, changed and prompted; where there are rounds of corrections, not prompted."""
        generator = self._generator(_PATCH, step, number)
        sample = self.samples[self._who(step * self.scale.batch + number)]
        placement = drawn(sample, self.recipe, self.scale, generator)
        first = None if self.first is None else self.first[sample.name]
        air = ct_padding(self.scale.settings.ct_scheme)
        found = cut(sample, placement, air, first)
        found = self._other_pet(found, sample, placement, air, generator)
        found = changed(found, self.recipe.intensity, generator)
        clicks = torch.from_numpy(self._prompts(found, generator))
        inputs = channels(self.scale.settings, found.images, clicks, found.coverage)
        return inputs, found.labels

    def _other_pet(
        self,
        patch: Patch,
        sample: StoredSample,
        placement: Placement,
        air: float,
        generator: np.random.Generator,
    ) -> Patch:
        """The PET hidden, or moved against the CT, as often as the recipe says."""
        recipe = self.recipe
        if recipe.pet_hidden and generator.random() < recipe.pet_hidden:
            images = patch.images.clone()
            images[1] = 0.0
            return replace(patch, images=images, coverage=torch.zeros_like(patch.coverage))
        if recipe.pet_shift_mm:
            moved_mm = generator.normal(0.0, recipe.pet_shift_mm, size=3)
            z, y, x = (
                start + round(float(mm / step))
                for start, mm, step in zip(placement.start, moved_mm, sample.spacing, strict=True)
            )
            other = cut(sample, replace(placement, start=(z, y, x)), air)
            images = torch.stack([patch.images[0], other.images[1]])
            return replace(patch, images=images, coverage=other.coverage)
        return patch

    def _prompts(
        self, patch: Patch, generator: np.random.Generator
    ) -> Float[np.ndarray, "2 z y x"]:
        """Clicks of the stage, for both classes together or none."""
        shape = (patch.labels.shape[0], patch.labels.shape[1], patch.labels.shape[2])
        if self.recipe.rounds or generator.random() >= self.recipe.prompted[self.stage - 1]:
            return prompts(shape, ())
        labels = patch.labels.numpy()
        if patch.first is None:
            return prompts(shape, stage_one_clicks(labels, generator))
        return prompts(shape, correction_clicks(patch.first.numpy(), labels, generator))

    def _who(self, drawn_before: int) -> int:
        """Every case once, in a random order, before any comes again."""
        round_, place = divmod(drawn_before, len(self.samples))
        order = self._generator(_ORDER, round_, 0).permutation(len(self.samples))
        return int(order[place])

    def _generator(self, purpose: int, step: int, number: int) -> np.random.Generator:
        key = [self.seed, self.stage, purpose, step, number]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def drawn(
    sample: StoredSample, recipe: Recipe, scale: Scale, generator: np.random.Generator
) -> Placement:
    """A random place: around a voxel of a random class that is there, or of the body.

    The voxel lies anywhere in the patch but in its outer eighth.
    """
    present = [kind for kind in ("GTVp", "GTVn") if sample.counts[kind]]
    around = bool(generator.random() < recipe.around_tumour) and bool(present)
    kind = present[int(generator.integers(len(present)))] if around else "tissue"
    voxel = sample.place(kind, int(generator.integers(sample.counts[kind])))
    z, y, x = (
        _start(at, n, size, generator)
        for at, n, size in zip(voxel, sample.shape, scale.patch, strict=True)
    )
    mirrored = (False, False, bool(generator.random() < recipe.mirrored))
    turn = None
    if generator.random() < recipe.turned:
        turn = random_turn(generator, recipe.most_degrees)
    return Placement((z, y, x), scale.patch, mirrored, turn)


def _start(voxel: int, n: int, size: int, generator: np.random.Generator) -> int:
    """First voxel of a patch; within the volume where that is large enough, else centred on it."""
    edge = size // 8
    start = voxel - int(generator.integers(edge, max(edge + 1, size - edge)))
    if n <= size:
        return (n - size) // 2
    return min(max(start, 0), n - size)
