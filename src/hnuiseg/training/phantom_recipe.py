"""Recipe `phantom`: the compact first model, from phantoms alone, on two cores.

Later recipes replace it; it shares their losses, sampling, augmentation and loop.
"""

from collections.abc import Generator
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult

import numpy as np
import torch

from hnuiseg.cohorts.phantom import phantom, phantom_case
from hnuiseg.inference.inputs import network_inputs
from hnuiseg.models import COMPACT
from hnuiseg.networks import Precision
from hnuiseg.training.augment import augmented, without_pet
from hnuiseg.training.loop import Batch
from hnuiseg.training.sampling import Sample, draw_box
from hnuiseg.training.truth import truth_on

_AIR_SCALED = -0.9  # every CT scheme makes air -1


@dataclass(frozen=True, slots=True)
class PhantomRecipe:
    """Everything that decides the outcome, but for the seed."""

    steps: int = 4000
    batch: int = 4
    around_tumour: int = 2  # patches of each batch; the others are anywhere in the body
    patch: tuple[int, int, int] = (32, 48, 48)  # z, y, x; voxels
    learning_rate: float = 1e-3
    warm_up: int = 50
    hold_from: float = 0.7  # of the steps: normalisation as it will be used, so nothing shifts
    ct_only: float = 0.25  # of the patches
    new_patient_every: int = 20  # steps
    patients_at_start: int = 8
    patients_kept: int = 64
    precision: Precision = "float32"

    def described(self) -> dict[str, object]:
        """For the record beside the weights."""
        return asdict(self)


def phantom_sample(seed: int, index: int) -> Sample:
    """A phantom as the network sees it, with its truth on the working grid."""
    torch.set_num_threads(1)  # runs beside the training process
    made = phantom(seed, index)
    inputs = network_inputs(phantom_case(made), COMPACT)
    return Sample.of(inputs, truth_on(made.truth, inputs.working))


def phantom_batches(recipe: PhantomRecipe, seed: int, first: int) -> Generator[Batch]:
    """Batches from step `first` on; a second process makes the patients.

    Which patients are at hand at a step follows from the step alone, so a resumed run sees the
    same batches as one that was never stopped.
    """
    # leaving a Pool ends its process at once; an executor would first make what is queued
    with get_context("spawn").Pool(1) as maker:
        waiting: dict[int, AsyncResult[Sample]] = {}
        ready: dict[int, Sample] = {}
        step = first
        while True:
            newest = recipe.patients_at_start + step // recipe.new_patient_every
            oldest = max(0, newest - recipe.patients_kept)
            for index in range(oldest, newest + 3):  # a few ahead of need
                if index not in waiting and index not in ready:
                    waiting[index] = maker.apply_async(phantom_sample, (seed, index))
            generator = np.random.Generator(
                np.random.Philox(np.random.SeedSequence([seed, 0x42415443, step]))
            )
            for index in [k for k in waiting if k < newest]:
                ready[index] = waiting.pop(index).get()
            for index in [k for k in ready if k < oldest]:
                del ready[index]
            patches = [
                _patch(ready[int(generator.integers(oldest, newest))], recipe, k, generator)
                for k in range(recipe.batch)
            ]
            images = torch.stack([patch.images for patch in patches])
            yield images, torch.stack([patch.labels for patch in patches]).long()
            step += 1


def _patch(
    patient: Sample, recipe: PhantomRecipe, number: int, generator: np.random.Generator
) -> Sample:
    box = draw_box(
        patient.labels.numpy(),
        patient.images[0].numpy() > _AIR_SCALED,
        recipe.patch,
        generator,
        around_tumour=number < recipe.around_tumour,
    )
    patch = patient.cut(box)
    if generator.random() < recipe.ct_only:
        patch = without_pet(patch)
    return augmented(patch, generator)
