"""The paper's loss: cross-entropy plus soft Dice (equations 1 to 3)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

CLASSES = 3


def segmentation_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 3 per sample, averaged over the batch."""
    cross_entropy = functional.cross_entropy(logits, labels)
    return cross_entropy + soft_dice_loss(logits, labels)


def soft_dice_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 2: squared sums in the denominator, mean over all classes, background included.

    A class without a voxel in a sample's truth adds nothing. Its term would be 1 whatever was
    predicted, and 0/0 for an empty prediction, which the paper leaves open. A small constant in
    numerator and denominator instead would punish the first wrong voxel of an absent class with
    1/2, and a missed one of a lesion of n voxels with about 1/n: rare classes then die out.
    """
    probabilities = torch.softmax(logits.float(), dim=1)
    truth = functional.one_hot(labels.long(), CLASSES).movedim(-1, 1).float()
    axes = (2, 3, 4)
    overlap = (truth * probabilities).sum(axes)
    sizes = (truth**2).sum(axes) + (probabilities**2).sum(axes)
    there = truth.any(dim=2).any(dim=2).any(dim=2)
    sizes = torch.where(there, sizes, 1.0)  # never 0, also for gradients
    return torch.where(there, 1.0 - 2.0 * overlap / sizes, 0.0).mean()
