"""The paper's loss, cross-entropy plus soft Dice (equations 1 to 3), and what recipes add to it.

Voxels of truth 255, where nobody said what is there, add nothing to any term.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from hnuiseg.study import IGNORE
from hnuiseg.training.lesion_loss import lesion_dice_loss

CLASSES = 3
_COARSER = 0.5  # weight of a scale, to that of the next finer one; nnU-Net's choice


@dataclass(frozen=True, slots=True)
class Terms:
    """What is added to the paper's loss; as it stands, nothing."""

    every_scale: bool = False  # deep supervision (Lee et al., arXiv 1409.5185)
    absent_voxels: float = 0.0  # so many, invented of a class that isn't there, cost half its Dice
    lesions: float = 0.0  # weight of the Dice of each lesion in its own surroundings


_NOTHING = Terms()


def loss_at_every_scale(
    logits: Sequence[Float[Tensor, "batch 3 z y x"]],
    labels: Int[Tensor, "batch Z Y X"],
    terms: Terms = _NOTHING,
) -> Float[Tensor, ""]:
    """Deep supervision (Lee et al., arXiv 1409.5185): the loss at every scale, the finest last.

    Coarse scales learn soon where disease is, and the fine ones then only how far it goes.
    Each scale halves the sides; its truth is the label of the voxel at each cell's middle. Lesions
    one by one count at the finest scale alone: at others small ones have no voxel.
    """
    total = segmentation_loss(logits[-1], labels, terms)
    for level, coarse in enumerate(reversed(logits[:-1]), 1):
        step = 2**level
        middle = slice(step // 2, None, step)
        truth = labels[:, middle, middle, middle]
        here = Terms(absent_voxels=terms.absent_voxels / step**3)
        total = total + _COARSER**level * segmentation_loss(coarse, truth, here)
    return total


def segmentation_loss(
    logits: Float[Tensor, "batch 3 z y x"],
    labels: Int[Tensor, "batch z y x"],
    terms: Terms = _NOTHING,
) -> Float[Tensor, ""]:
    """Equation 3 over the voxels of the whole batch, and what is added to it."""
    said = (labels != IGNORE).sum().clamp(min=1)  # of nothing, the mean is 0
    summed = functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum")
    loss = summed / said + soft_dice_loss(logits, labels, terms.absent_voxels)
    if terms.lesions:
        loss = loss + terms.lesions * lesion_dice_loss(logits, labels)
    return loss


def loss_of_each(
    logits: Sequence[Float[Tensor, "batch 3 z y x"]],
    labels: Int[Tensor, "batch Z Y X"],
    terms: Terms,
) -> Float[Tensor, ""]:
    """The mean of the patches' own losses, as with a batch of one a device (paper section 3.3).

    `logits` at every scale, the finest last; without `terms.every_scale` it alone counts.
    """
    used = logits if terms.every_scale else logits[-1:]
    losses = [
        loss_at_every_scale([a[k : k + 1] for a in used], labels[k : k + 1], terms)
        for k in range(len(labels))
    ]
    return torch.stack(losses).mean()


def soft_dice_loss(
    logits: Float[Tensor, "batch 3 z y x"],
    labels: Int[Tensor, "batch z y x"],
    absent_voxels: float = 0.0,
) -> Float[Tensor, ""]:
    """Equation 2: squared sums in the denominator, mean over all classes, background included.

    The sums run over the whole batch, so that in a batch of several a wrong voxel in a healthy
    patch costs as much overlap as one beside a lesion; with a batch of one, as in the paper
    (section 3.4), over the patch.

    A class without a voxel in the batch adds nothing by itself. Its term would be 1 whatever was
    predicted, and 0/0 for an empty prediction, which the paper leaves open. A small constant in
    numerator and denominator instead would punish the first wrong voxel of an absent class with
    1/2, and a missed one of a lesion of n voxels with about 1/n: rare classes then die out.

    But then networks invent lesions in healthy patches: the cross-entropy averages them away. With
    `absent_voxels` K an absent class of squared sum S adds S / (S + K) in its place: nothing where
    nothing is invented, 1/2 for K certain voxels. K is the size of a lesion, not of a voxel, so
    that inventing one costs about what missing one does. Present classes keep equation 2.
    """
    said = (labels != IGNORE)[:, None]
    probabilities = torch.softmax(logits.float(), dim=1) * said
    truth = functional.one_hot(torch.where(said[:, 0], labels.long(), 0), CLASSES)
    truth = truth.movedim(-1, 1).float() * said
    axes = (0, 2, 3, 4)
    overlap = (truth * probabilities).sum(axes)
    squares = (probabilities**2).sum(axes)
    sizes = (truth**2).sum(axes) + squares
    there = truth.sum(axes) > 0
    sizes = torch.where(there, sizes, 1.0)  # never 0, also for gradients
    invented = squares / (squares + absent_voxels) if absent_voxels else torch.zeros_like(squares)
    return torch.where(there, 1.0 - 2.0 * overlap / sizes, invented).mean()
