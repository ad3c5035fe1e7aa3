"""The paper's loss: cross-entropy plus soft Dice (equations 1 to 3)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

CLASSES = 3


def segmentation_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 3 over the voxels of the whole batch."""
    cross_entropy = functional.cross_entropy(logits, labels)
    return cross_entropy + soft_dice_loss(logits, labels)


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
    probabilities = torch.softmax(logits.float(), dim=1)
    truth = functional.one_hot(labels.long(), CLASSES).movedim(-1, 1).float()
    axes = (0, 2, 3, 4)
    overlap = (truth * probabilities).sum(axes)
    sizes = (truth**2).sum(axes) + (probabilities**2).sum(axes)
    there = truth.sum(axes) > 0
    sizes = torch.where(there, sizes, 1.0)  # never 0, also for gradients
    return torch.where(there, 1.0 - 2.0 * overlap / sizes, 0.0).mean()
