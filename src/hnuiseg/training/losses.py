"""The paper's loss: cross-entropy plus soft Dice (equations 1 to 3).

Voxels of truth 255, where nobody said what is there, add nothing to either.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from hnuiseg.study import IGNORE

CLASSES = 3
_COARSER = 0.5  # weight of a scale, to that of the next finer one; nnU-Net's choice


def loss_at_every_scale(
    logits: Sequence[Float[Tensor, "batch 3 z y x"]], labels: Int[Tensor, "batch Z Y X"]
) -> Float[Tensor, ""]:
    """Deep supervision (Lee et al., arXiv 1409.5185): the loss at every scale, the finest last.

    Coarse scales learn soon where disease is, and the fine ones then only how far it goes.
    Each scale halves the sides; its truth is the label of the voxel at each cell's middle.
    """
    total = segmentation_loss(logits[-1], labels)
    for level, coarse in enumerate(reversed(logits[:-1]), 1):
        step = 2**level
        middle = slice(step // 2, None, step)
        truth = labels[:, middle, middle, middle]
        total = total + _COARSER**level * segmentation_loss(coarse, truth)
    return total


def segmentation_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 3 over the voxels of the whole batch."""
    said = (labels != IGNORE).sum().clamp(min=1)  # of nothing, the mean is 0
    summed = functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum")
    return summed / said + soft_dice_loss(logits, labels)


def loss_of_each(
    logits: Sequence[Float[Tensor, "batch 3 z y x"]],
    labels: Int[Tensor, "batch Z Y X"],
    *,
    every_scale: bool,
) -> Float[Tensor, ""]:
    """The mean of the patches' own losses, as with a batch of one a device (paper section 3.3).

    `logits` at every scale, the finest last; without `every_scale` it alone counts.
    """
    patches = range(len(labels))
    if every_scale:
        losses = [
            loss_at_every_scale([a[k : k + 1] for a in logits], labels[k : k + 1]) for k in patches
        ]
    else:
        losses = [segmentation_loss(logits[-1][k : k + 1], labels[k : k + 1]) for k in patches]
    return torch.stack(losses).mean()


def soft_dice_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 2: squared sums in the denominator, mean over all classes, background included.

    The sums run over the whole batch, so that a wrong voxel in a healthy patch costs as much
    overlap as one beside a lesion. Per patch it would cost next to nothing (the cross-entropy
    averages it away), and networks invent lesions far from disease. With a batch of one, as in
    the paper (section 3.4), both are the same.

    A class without a voxel in the batch adds nothing. Its term would be 1 whatever was
    predicted, and 0/0 for an empty prediction, which the paper leaves open. A small constant in
    numerator and denominator instead would punish the first wrong voxel of an absent class with
    1/2, and a missed one of a lesion of n voxels with about 1/n: rare classes then die out.
    """
    said = (labels != IGNORE)[:, None]
    probabilities = torch.softmax(logits.float(), dim=1) * said
    truth = functional.one_hot(torch.where(said[:, 0], labels.long(), 0), CLASSES)
    truth = truth.movedim(-1, 1).float() * said
    axes = (0, 2, 3, 4)
    overlap = (truth * probabilities).sum(axes)
    sizes = (truth**2).sum(axes) + (probabilities**2).sum(axes)
    there = truth.sum(axes) > 0
    sizes = torch.where(there, sizes, 1.0)  # never 0, also for gradients
    return torch.where(there, 1.0 - 2.0 * overlap / sizes, 0.0).mean()
