"""What members agree and disagree on, from running sums: memory doesn't grow with their number.

Predictive entropy is that of the mean probability; mutual information is what the members'
own mean entropy leaves of it (Houlsby et al., arXiv 1112.5745; the paper's section 3.4).
Over dropout and transforms together it is called disagreement, not epistemic uncertainty.
"""

import math

import torch
from jaxtyping import Bool, Float, Int16
from torch import Tensor

LEAST_VOTES = 2  # fewer members than this say nothing of disagreement: not sampled

_SLAB = 8  # slices at a time, so that intermediate values stay small


def entropy(probabilities: Float[Tensor, "k z y x"]) -> Float[Tensor, "z y x"]:
    """Entropy in nats over the classes (first axis), within [0, ln k]; nan stays nan."""
    classes, *shape = probabilities.shape
    result = torch.empty(shape, device=probabilities.device)
    for slab in _slabs(shape[0]):
        result[slab] = torch.special.entr(probabilities[:, slab]).sum(dim=0)
    return result.clamp_(0.0, _at_most(math.log(classes)))


class Accumulator:
    """Sums over members, for `classes` classes on a grid of shape (z, y, x).

    With `variance` one more sum a class is kept. Voxels without a single vote have a mean,
    an entropy and a mean entropy of nan; below `LEAST_VOTES` also mutual information and variance
    are nan.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        classes: int = 3,
        variance: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        self._sum = torch.zeros((classes, *shape), device=device)
        self._entropies = torch.zeros(shape, device=device)
        self._votes = torch.zeros(shape, dtype=torch.int16, device=device)
        self._squares = torch.zeros_like(self._sum) if variance else None

    @property
    def votes(self) -> Int16[Tensor, "z y x"]:
        """How many members voted on each voxel."""
        return self._votes

    def add(
        self,
        probabilities: Float[Tensor, "k z y x"],
        voted: Bool[Tensor, "z y x"] | None = None,
    ) -> None:
        """Count a member's probabilities where it voted; None: everywhere."""
        for slab in _slabs(self._votes.shape[0]):
            member = probabilities[:, slab]
            uncertain = torch.special.entr(member).sum(dim=0)
            if voted is not None:
                # where, not a product: nothing a non-voter says may count, not even nan
                member = torch.where(voted[slab], member, 0.0)
                uncertain = torch.where(voted[slab], uncertain, 0.0)
            self._sum[:, slab] += member
            self._entropies[slab] += uncertain
            self._votes[slab] += 1 if voted is None else voted[slab].to(torch.int16)
            if self._squares is not None:
                self._squares[:, slab] += member**2

    def mean(self) -> Float[Tensor, "k z y x"]:
        """Mean probability over the members that voted."""
        return self._sum / self._votes

    def entropy(self) -> Float[Tensor, "z y x"]:
        """Predictive entropy: that of the mean probability, in nats."""
        return entropy(self.mean())

    def mean_entropy(self) -> Float[Tensor, "z y x"]:
        """Mean of the members' own entropies, in nats."""
        return self._entropies / self._votes

    def mutual_information(self) -> Float[Tensor, "z y x"]:
        """Predictive entropy less the mean entropy, in nats, within [0, entropy]."""
        return mutual_information(self.entropy(), self.mean_entropy(), self._votes)

    def variance(self) -> Float[Tensor, "k z y x"]:
        """Variance of each class's probability over the members (divided by their number).

        From float32 sums of squares: right within 1e-6.
        """
        if self._squares is None:
            raise ValueError("this accumulator was made without variance=True")
        spread = torch.empty_like(self._squares)
        for slab in _slabs(self._votes.shape[0]):
            votes = self._votes[slab]
            mean = self._sum[:, slab] / votes
            spread[:, slab] = self._squares[:, slab] / votes - mean**2
        return spread.clamp_(min=0.0).masked_fill_(self._votes < LEAST_VOTES, math.nan)


def mutual_information(
    predictive: Float[Tensor, "z y x"],
    mean_entropy: Float[Tensor, "z y x"],
    votes: Int16[Tensor, "z y x"],
) -> Float[Tensor, "z y x"]:
    """Predictive less mean entropy in nats, within [0, predictive]; nan: not sampled."""
    gained = (predictive - mean_entropy).clamp_(min=0.0)
    gained = torch.minimum(gained, predictive, out=gained)
    return gained.masked_fill_(votes < LEAST_VOTES, math.nan)


def _slabs(length: int) -> list[slice]:
    return [slice(z, min(z + _SLAB, length)) for z in range(0, length, _SLAB)]


def _at_most(bound: float) -> float:
    """The largest float32 that doesn't exceed a bound, so that laws hold to the last bit."""
    nearest = torch.tensor(bound, dtype=torch.float32)
    if nearest.item() > bound:
        nearest = torch.nextafter(nearest, torch.tensor(0.0))
    return nearest.item()
