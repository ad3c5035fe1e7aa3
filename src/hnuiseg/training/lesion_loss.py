"""Every lesion's own Dice: a node of 1 ml counts as much as a primary of 40 ml.

One Dice over all of a class is that of its largest lesion; small ones may be missed, or drawn twice
too large, at next to no cost. Here each lesion is compared within its surroundings, the voxels that
lie nearer to it than to another lesion of its class; what is invented counts against the nearest
(as in CC-DiceCE; blob loss, Kofler et al., arXiv 2205.08209, leaves inventions with every lesion).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.study import IGNORE
from hnuiseg.volume import components


def lesion_dice_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """1 less the soft Dice (equation 2's squares), mean over the lesions of each patch and class.

    Then the mean over classes that are there, of all patches; 0 where no patch has any.
    """
    probabilities = torch.softmax(logits.float(), dim=1)
    found = []
    for own, truth in zip(probabilities, labels, strict=True):
        known = truth != IGNORE
        for value in TUMOURS.values():
            mask = truth == value
            if mask.any():
                numbered, nearest = surroundings(mask)
                found.append(_mean_of_lesions(own[value] * known, numbered, nearest))
    return torch.stack(found).mean() if found else probabilities.sum() * 0.0


def surroundings(
    mask: Tensor,
) -> tuple[Int[Tensor, "z y x"], Int[Tensor, "z y x"]]:
    """Number of the lesion that a voxel belongs to, 0 for none, and of the nearest one, from 1.

    Nearest by the distance to the lesion's middle less the radius of a ball of its volume, in
    voxels: distances to true surfaces would cost as much time as the network.
    """
    found, count = components(mask.cpu().numpy())
    numbered = torch.from_numpy(found).to(mask.device).long()
    axes = [torch.arange(n, device=mask.device, dtype=torch.float32) for n in mask.shape]
    best = torch.full(mask.shape, torch.inf, device=mask.device)
    nearest = torch.ones_like(numbered)
    for number in range(1, count + 1):
        voxels = (numbered == number).nonzero().float()
        z, y, x = voxels.mean(0)
        radius = (0.75 * len(voxels) / torch.pi) ** (1 / 3)
        dz, dy, dx = ((axis - at) ** 2 for axis, at in zip(axes, (z, y, x), strict=True))
        away = (dz[:, None, None] + dy[:, None] + dx).sqrt() - radius
        nearer = away < best
        best = torch.where(nearer, away, best)
        nearest = torch.where(nearer, number, nearest)
    return numbered, torch.where(numbered > 0, numbered, nearest)


def _mean_of_lesions(
    probability: Float[Tensor, "z y x"],
    numbered: Int[Tensor, "z y x"],
    nearest: Int[Tensor, "z y x"],
) -> Float[Tensor, ""]:
    count = int(numbered.max())

    def summed(what: Tensor) -> Tensor:
        sums = probability.new_zeros(count + 1).index_add(0, nearest.flatten(), what.flatten())
        return sums[1:]

    there = (numbered > 0).float()
    sizes = summed(there) + summed(probability**2)
    return (1.0 - 2.0 * summed(there * probability) / sizes).mean()
