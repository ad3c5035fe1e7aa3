"""A model and a case small enough that a whole prediction takes milliseconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from unittest import mock

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hnuiseg.dicom import SuvFactor
from hnuiseg.models import Card, ModelFile, ModelSettings
from hnuiseg.networks import NETWORKS, ChannelDropout
from hnuiseg.study.case import Case, PetImage, Provenance
from hnuiseg.volume import Grid, Volume

Index = tuple[int, int, int]


class SmallNetwork(nn.Module):
    """Two convolutions and a dropout between; sees all four channels and its neighbours."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv3d(4, 6, 3, padding=1)
        self.dropout = ChannelDropout(6, 0.2)
        self.last = nn.Conv3d(6, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.dropout(torch.tanh(self.first(images))))
        return logits


@contextmanager
def small_network_registered() -> Iterator[None]:
    """Within: the registry knows the small network as "small"."""
    with mock.patch.dict(cast(dict[str, Any], NETWORKS), {"small": SmallNetwork}):
        yield


def small_model(
    *,
    seed: int = 0,
    gain: float = 3.0,
    rate: float = 0.2,
    window: Index = (6, 6, 6),
    working_spacing: tuple[float, float, float] | None = None,
    pet_only: bool = False,
) -> ModelFile:
    """Random weights; `gain` makes their answers surer. `pet_only`: blind to all but PET."""
    generator = np.random.default_rng(seed)
    weights = {
        name: (gain * generator.normal(0, 0.4, value.shape)).astype(np.float32)
        for name, value in SmallNetwork().state_dict().items()
    }
    if pet_only:
        weights["first.weight"][:, [0, 2, 3]] = 0
    settings = ModelSettings("small", {}, "window_wide", "suv_0_50", working_spacing, window, rate)
    card = Card("small", "phantom", "compact", "", "", "", "", seed, {}, "")
    return ModelFile(card, settings, weights, "0" * 64)


def small_case(
    shape: Index = (7, 8, 9),
    spacing: tuple[float, float, float] = (3.0, 1.0, 2.0),
    *,
    seed: int = 0,
    pet: bool = True,
) -> Case:
    """Random CT, and a random PET that doesn't reach the first third of slices."""
    generator = np.random.default_rng(seed)
    grid = Grid.axial(shape, spacing, (-20.0, 5.0, 70.0))
    ct = generator.integers(-1000, 1500, shape).astype(np.int16)
    suv = generator.gamma(2.0, 4.0, shape).astype(np.float32)
    coverage = np.zeros(shape, dtype=bool)
    coverage[shape[0] // 3 :] = True
    return case_of(grid, ct, suv if pet else None, coverage)


def case_of(
    grid: Grid,
    hu: np.ndarray[Any, np.dtype[np.int16]],
    suv: Float[np.ndarray, "z y x"] | None,
    coverage: Bool[np.ndarray, "z y x"],
) -> Case:
    """A case of plain files."""
    ct = Volume(hu, grid, "HU")
    provenance = Provenance("files", "ct.nii.gz", None)
    if suv is None:
        return Case(ct, None, (), provenance, None)
    on_ct = Volume(np.where(coverage, suv, np.float32(0)), grid, "g/ml")
    factor = SuvFactor((1.0,), "SUV", "as stated", None, None, None, False)
    return Case(ct, PetImage(on_ct, coverage, on_ct, factor), (), provenance, None)
