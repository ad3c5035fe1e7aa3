"""`autopet-iv`: pairs of a tumour and a background click, fixed before anything is predicted."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice, zip_longest

import numpy as np
from jaxtyping import UInt8

from hnuiseg.errors import WrongCall
from hnuiseg.evaluation import surface_voxels
from hnuiseg.interaction.clicks import TUMOURS, Click, Index, Tumour
from hnuiseg.interaction.component import components_of
from hnuiseg.interaction.findings import lesion_findings
from hnuiseg.interaction.random_voxels import random_voxels
from hnuiseg.interaction.scene import Scene

_CENTRES = 10  # components that are clicked at their centre, of tumour and of background
_HOT_PERCENTILE = 99.75  # of the PET outside tumour


@dataclass(frozen=True, slots=True)
class AutopetIV:
    """Not corrective: the label and the PET decide, and `pairs` is 0 to 10 in the challenge.

    Tumour: where each of the ten largest lesions is deepest (mm), largest first; then random
    surface voxels of these lesions in turn. Background: where each of the ten largest components
    of PET above its 99.75th percentile outside tumour is deepest; then, and without a PET from
    the start, random voxels outside tumour. Fewer pairs are the first of more.

    The challenge has one class. Here a tumour click goes to the class of its lesion and the
    background click of its pair to the same channel; without tumour, background clicks take
    turns between the classes.

    Jitter moves a click by up to so many voxels along each axis, where that leaves it in its
    class or outside tumour, as it was.

    Source: simulate_clicks.py of autoPET IV. It draws components at random instead of by size,
    goes on in the hot components where we go anywhere outside, and shifts by 0 to n, not ±n.
    """

    pairs: int = 10
    jitter_voxels: int = 0  # the challenge's training clicks: 2

    def __post_init__(self) -> None:
        if self.pairs < 0 or self.jitter_voxels < 0:
            raise WrongCall(
                f"{self.pairs} pairs of clicks, moved by {self.jitter_voxels} voxels",
                "0 or more of both",
                "give a number of pairs and of voxels",
            )

    def __call__(
        self,
        predicted: UInt8[np.ndarray, "z y x"],
        scene: Scene,
        generator: np.random.Generator,
    ) -> tuple[Click, ...]:
        """A tumour and a background click by turns; the prediction isn't looked at.

        Only background clicks without tumour, only tumour clicks where all is tumour.
        """
        # A stream for each kind: how many clicks one takes must not change the other's.
        first, second = (np.random.default_rng(s) for s in generator.integers(2**63, size=2))
        tumour = islice(_tumour(scene, first), self.pairs)
        background = islice(_background(scene, second), self.pairs)
        turns = cycle(TUMOURS)
        clicks: list[Click] = []
        for hit, miss in zip_longest(tumour, background):
            region = next(turns) if hit is None else hit[0]
            if hit is not None:
                clicks.append(Click(region, True, self._moved(hit[1], scene, first)))
            if miss is not None:
                clicks.append(Click(region, False, self._moved(miss, scene, second)))
        return tuple(clicks)

    def _moved(self, index: Index, scene: Scene, generator: np.random.Generator) -> Index:
        reach = self.jitter_voxels
        steps = generator.integers(-reach, reach + 1, size=3)
        z, y, x = (int(i + s) for i, s in zip(index, steps, strict=True))
        inside = all(0 <= i < n for i, n in zip((z, y, x), scene.truth.shape, strict=True))
        stays = inside and scene.truth[z, y, x] == scene.truth[index]
        return (z, y, x) if stays else index


def _tumour(scene: Scene, generator: np.random.Generator) -> Iterator[tuple[Tumour, Index]]:
    """Tumour clicks without end; none without tumour."""
    largest = lesion_findings(scene.truth)[:_CENTRES]
    for lesion in largest:
        yield lesion.region, lesion.component.deepest(scene.spacing, generator)
    surfaces = [surface_voxels(lesion.component.mask) for lesion in largest]
    for lesion, surface in cycle(zip(largest, surfaces, strict=True)):
        voxel = surface[int(generator.integers(len(surface)))]
        z, y, x = (s + int(i) for s, i in zip(lesion.component.start, voxel, strict=True))
        yield lesion.region, (z, y, x)


def _background(scene: Scene, generator: np.random.Generator) -> Iterator[Index]:
    """Background clicks without end; none where all is tumour or ignored."""
    outside = scene.truth == 0
    if not outside.any():
        return
    if scene.pet is not None:
        hot = outside & (scene.pet > np.percentile(scene.pet[outside], _HOT_PERCENTILE))
        for component in components_of(hot)[:_CENTRES]:
            yield component.deepest(scene.spacing, generator)
    while True:
        yield from random_voxels(outside, 1, generator)
