"""What a network sees of a case: standing axes, the model's spacing, scaled channels.

Training and inference make their images here, so that both see the same thing.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from hnuiseg.models import AVAILABILITY, IMAGES_AND_PROMPTS, ModelSettings
from hnuiseg.preprocessing import bq_per_suv, images_for_network
from hnuiseg.study import Case
from hnuiseg.volume import Grid, Reorientation, Triple, Volume, body_box, resample

CHANNELS = IMAGES_AND_PROMPTS
AIR_HU = -1000.0
_BODY_MARGIN_MM = 15.0  # air around the skin that the network still sees as image


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInputs:
    """Channels on the working grid, and the way back to the CT as stored."""

    images: Float[Tensor, "c z y x"]  # CT, PET, two empty prompt channels, what a model adds
    coverage: Bool[Tensor, "z y x"] | None  # voxels that the PET reaches; None without a PET
    turn: Reorientation  # from the CT as stored to standing order
    standing: Grid  # the CT's grid in standing order
    working: Grid  # the grid of `images`

    def cut(self, box: tuple[slice, slice, slice]) -> "NetworkInputs":
        """The part within a box of the working grid."""
        z, y, x = box
        shape = (z.stop - z.start, y.stop - y.start, x.stop - x.start)
        return replace(
            self,
            images=self.images[(slice(None), *box)].contiguous(),
            coverage=None if self.coverage is None else self.coverage[box].contiguous(),
            working=self.working.cropped((z.start, y.start, x.start), shape),
        )


def body_field(case: Case, spacing: Triple | None) -> tuple[slice, slice, slice]:
    """The box of the working grid around the patient: no tumour grows in the air beyond it.

    Found on the CT at the working spacing, so it costs little; see `volume.body_box`.
    """
    turn = Reorientation.of(case.ct.grid)
    ct = Volume(turn.array(case.ct.array), turn.grid(case.ct.grid), case.ct.unit)
    working = ct.grid if spacing is None else ct.grid.resized(spacing)
    return body_box(resample(ct, working, outside=AIR_HU), _BODY_MARGIN_MM)


def network_inputs(case: Case, settings: ModelSettings) -> NetworkInputs:
    """The network's input channels on the working grid, and which voxels the PET reaches."""
    turn = Reorientation.of(case.ct.grid)
    standing = turn.grid(case.ct.grid)
    spacing = settings.working_spacing
    working = standing if spacing is None else standing.resized(spacing)
    ct = resample(
        Volume(turn.array(case.ct.array), standing, case.ct.unit), working, outside=AIR_HU
    ).array
    pet: Shaped[np.ndarray, "z y x"] | None = None
    reached: Bool[np.ndarray, "z y x"] | None = None
    factor = None
    if case.pet is not None:
        on_ct = case.pet.on_ct
        pet = resample(Volume(turn.array(on_ct.array), standing, on_ct.unit), working).array
        covered = Volume(turn.array(case.pet.coverage).view(np.uint8), standing, "label")
        reached = resample(covered, working, order=0).array.view(bool)
        factor = bq_per_suv(case.pet.suv)
    images = torch.zeros((len(settings.channels), *working.shape))
    images[:2] = torch.from_numpy(
        images_for_network(
            ct, pet, reached, settings.ct_scheme, settings.pet_scheme, bq_per_suv=factor
        )
    )
    coverage = None if reached is None else torch.from_numpy(reached.copy())
    if coverage is not None and AVAILABILITY in settings.channels:
        images[settings.channels.index(AVAILABILITY)] = coverage
    return NetworkInputs(images, coverage, turn, standing, working)
