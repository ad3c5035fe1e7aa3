"""The passes over one case: every member everywhere, or where a first one leaves doubt."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hnuiseg.inference.doubt import Showing, doubtful, looks
from hnuiseg.inference.engine import answer_of
from hnuiseg.inference.members import Member, draw_members
from hnuiseg.inference.options import PredictOptions
from hnuiseg.inference.prediction import CLASSES
from hnuiseg.inference.uncertainty import Accumulator
from hnuiseg.inference.windows import Index, index_of, predict_windows
from hnuiseg.models import ModelFile
from hnuiseg.networks import Precision, cell_of, fixed_masks, normalises_by_window
from hnuiseg.preprocessing import ct_padding
from hnuiseg.volume import Grid

_FIRST_OVERLAP = 0.25  # of windows in a pass that only has to find where doubt is
_REACH = 12  # voxels around a place that still sway a network's answer there noticeably
_MOST_AT_ONCE = 2**22  # voxels of a window; a compact network then needs about 2 GiB

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """What every pass over one case on one device needs."""

    model: ModelFile
    network: nn.Module
    options: PredictOptions
    precision: Precision
    images: Float[Tensor, "4 z y x"]
    coverage: Bool[Tensor, "z y x"] | None
    grid: Grid
    progress: Progress | None = None

    @property
    def cell(self) -> int:
        """What windows and pieces start and end at multiples of, if the window is."""
        return math.gcd(cell_of(self.network), *self.model.settings.window)

    def stochastic(self) -> Accumulator:
        """Every member once: everywhere, or where a first pass leaves doubt."""
        options = self.options
        passes = options.members + (0 if options.exact else 1)
        sums = Accumulator(
            self.grid.shape,
            classes=len(CLASSES),
            variance=options.variance,
            device=self.images.device,
        )
        doubt = None
        if not options.exact:
            heard = self._heard(0, passes, "a first look")
            first = self._at_once(self.images, _FIRST_OVERLAP, heard)
            doubt = doubtful(first, self.grid.spacing)
            sums.settle(first, ~doubt)
            del first
        for member in draw_members(options.members, options.seed):
            said = f"member {member.index + 1} of {options.members}"
            done = passes - options.members + member.index
            probabilities, voted = self.member(member, doubt, self._heard(done, passes, said))
            sums.add(probabilities, voted)
            del probabilities, voted
        return sums

    def deterministic(self) -> Accumulator:
        """The network as it is, dropout off."""
        sums = Accumulator(self.grid.shape, classes=len(CLASSES), device=self.images.device)
        heard = self._heard(0, 1, "prediction")
        if self.options.exact:
            sums.add(self._blended(self.images, self.options.overlap, heard))
        else:
            sums.add(self._at_once(self.images, _FIRST_OVERLAP, heard))
        return sums

    def member(
        self,
        member: Member,
        doubt: Bool[Tensor, "z y x"] | None = None,
        heard: Callable[[float], None] | None = None,
    ) -> tuple[Float[Tensor, "3 z y x"], Bool[Tensor, "z y x"] | None]:
        """A member's probabilities, back in place, and the voxels it votes on; None: all.

        Where there is a `doubt` it looks, and votes, there alone.
        """
        spacing, rate = self.grid.spacing, self.model.settings.dropout_rate
        needed = None if doubt is None else member.needed(doubt, spacing)
        seen = member.apply(self.images, spacing, coverage=self.coverage, padding=self._padding())
        with fixed_masks(self.network, rate, self.options.seed, member.index):
            if needed is None:
                probabilities = self._blended(seen, self.options.overlap, heard)
            else:
                probabilities = self._looked(seen, needed, heard)
        del seen  # before the copies that undoing and adding make
        probabilities, voted = member.undo(probabilities, spacing)
        if doubt is None:
            return probabilities, voted
        return probabilities, doubt if voted is None else doubt & voted

    def _looked(
        self,
        images: Float[Tensor, "4 z y x"],
        needed: Bool[Tensor, "z y x"],
        heard: Callable[[float], None] | None,
    ) -> Float[Tensor, "3 z y x"]:
        """Probabilities where they are needed, and background elsewhere."""
        found = torch.zeros((len(CLASSES), *needed.shape), device=images.device)
        found[0] = 1.0
        pieces = looks(needed, self._showing())
        for number, piece in enumerate(pieces):
            seen = self._at_once(images[(slice(None), *piece.shown)], self.options.overlap)
            found[(slice(None), *piece.taken)] = seen[(slice(None), *piece.inner())]
            if heard is not None:
                heard((number + 1) / len(pieces))
        return found

    def _showing(self) -> Showing:
        """For networks that normalise by window, a piece is a window as in training."""
        window = self.model.settings.window
        if normalises_by_window(self.network):
            z, y, x = (max(1, side // 4) for side in window)  # what overlap 0.5 leaves around
            return Showing(window, (z, y, x), self.cell)
        return Showing((self.cell,) * 3, (_REACH,) * 3, self.cell)

    def _at_once(
        self,
        images: Float[Tensor, "4 z y x"],
        overlap: float,
        heard: Callable[[float], None] | None = None,
    ) -> Float[Tensor, "3 z y x"]:
        """Through as few windows as memory allows, where the network's answer lets us choose."""
        window = self.model.settings.window
        if not normalises_by_window(self.network):
            window = _large_window(index_of(images.shape[1:]), self.cell)
        return self._blended(images, overlap, heard, window)

    def _blended(
        self,
        images: Float[Tensor, "4 z y x"],
        overlap: float,
        heard: Callable[[float], None] | None = None,
        window: Index | None = None,
    ) -> Float[Tensor, "3 z y x"]:
        return predict_windows(
            answer_of(self.network, self.model, self.precision),
            images,
            window or self.model.settings.window,
            overlap,
            padding=self._padding(),
            progress=heard,
            cell=self.cell,
        )

    def _heard(self, done: int, of: int, said: str) -> Callable[[float], None]:
        def heard(fraction: float) -> None:
            if self.progress is not None:
                self.progress((done + fraction) / of, said)

        return heard

    def _padding(self) -> Float[Tensor, " c"]:
        return torch.tensor([ct_padding(self.model.settings.ct_scheme), 0.0, 0.0, 0.0])


def _large_window(shape: Index, cell: int) -> Index:
    """The whole volume in multiples of `cell`, or its half, quarter, … that is small enough."""
    sides = [math.ceil(n / cell) * cell for n in shape]
    while math.prod(sides) > _MOST_AT_ONCE and max(sides) > 4 * _REACH:
        longest = sides.index(max(sides))
        sides[longest] = math.ceil((sides[longest] / 2 + _REACH) / cell) * cell
    return index_of(sides)
