"""The passes over one case: every member looks at all of the body.

An exact pass sees it through the model's own windows, half overlapping, as in the paper. Where the
network normalises by batch its answer depends on what lies near alone, so any other pass shows it
as much at once as memory allows: the same answer but for rounding (docs/benchmarks.md), without
looking at most voxels eight times.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hnuiseg.inference.engine import Engine
from hnuiseg.inference.members import Member, draw_members
from hnuiseg.inference.options import PredictOptions
from hnuiseg.inference.prediction import CLASSES
from hnuiseg.inference.uncertainty import Accumulator
from hnuiseg.inference.windows import Index, WindowAnswer, index_of, predict_windows
from hnuiseg.models import ModelFile
from hnuiseg.preprocessing import ct_padding
from hnuiseg.volume import Grid

_SEAM = 32  # voxels that large windows share: twice as far as a network's answer is swayed much
_MOST_AT_ONCE = 2**22  # voxels of a window; a compact network then needs about 2 GiB

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """What every pass over one case on one device needs."""

    model: ModelFile
    engine: Engine
    options: PredictOptions
    images: Float[Tensor, "c z y x"]
    coverage: Bool[Tensor, "z y x"] | None
    grid: Grid
    progress: Progress | None = None

    def stochastic(self) -> Accumulator:
        """Every member once."""
        sums = Accumulator(
            self.grid.shape,
            classes=len(CLASSES),
            variance=self.options.variance,
            device=self.images.device,
        )
        for member in draw_members(self.options.members, self.options.seed):
            probabilities, voted = self.member(member)
            sums.add(probabilities, voted)
            del probabilities, voted
        return sums

    def deterministic(self) -> Accumulator:
        """The network as it is, dropout off."""
        sums = Accumulator(self.grid.shape, classes=len(CLASSES), device=self.images.device)
        with self.engine.plain() as answer:
            sums.add(self._blended(answer, self.images, 0, 1, "prediction"))
        return sums

    def member(
        self, member: Member
    ) -> tuple[Float[Tensor, "3 z y x"], Bool[Tensor, "z y x"] | None]:
        """A member's probabilities, back in place, and the voxels it votes on; None: all."""
        spacing, count = self.grid.spacing, self.options.members
        seen = member.apply(self.images, spacing, coverage=self.coverage, padding=self._padding())
        said = f"member {member.index + 1} of {count}"
        with self.engine.member(self.options.seed, member.index) as answer:
            probabilities = self._blended(answer, seen, member.index, count, said)
        del seen  # before the copies that undoing makes
        return member.undo(probabilities, spacing)

    def _blended(
        self,
        answer: WindowAnswer,
        images: Float[Tensor, "4 z y x"],
        done: int,
        of: int,
        said: str,
    ) -> Float[Tensor, "3 z y x"]:
        def heard(fraction: float) -> None:
            if self.progress is not None:
                self.progress((done + fraction) / of, said)

        window, overlap, cell = self.windows
        return predict_windows(
            answer, images, window, overlap, padding=self._padding(), progress=heard, cell=cell
        )

    @property
    def windows(self) -> tuple[Index, float, int]:
        """What `windows_for` says of this case."""
        return windows_for(self.grid.shape, self.model, self.engine, self.options)

    def _padding(self) -> Float[Tensor, " c"]:
        air = torch.zeros(len(self.images))
        air[0] = ct_padding(self.model.settings.ct_scheme)
        return air


def windows_for(
    shape: Index, model: ModelFile, engine: Engine, options: PredictOptions
) -> tuple[Index, float, int]:
    """Windows for a volume of that shape: sides (z, y, x; voxels), overlap, and their cell."""
    own = model.settings.window
    cell = math.gcd(engine.cell, *own)
    if options.exact or engine.by_window:
        return own, options.overlap, cell
    window = large_window(shape, cell)
    return window, min(options.overlap, _SEAM / min(window)), cell


def large_window(shape: Index, cell: int) -> Index:
    """The whole volume in multiples of `cell`, or its half, quarter, … that is small enough."""
    sides = [math.ceil(n / cell) * cell for n in shape]
    while math.prod(sides) > _MOST_AT_ONCE:
        longest = sides.index(max(sides))
        sides[longest] = math.ceil((sides[longest] + _SEAM) / 2 / cell) * cell
    return index_of(sides)
