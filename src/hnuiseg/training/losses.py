"""The paper's loss: cross-entropy plus soft Dice (equations 1 to 3)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

CLASSES = 3


def segmentation_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 3 per sample, averaged over the batch.

    A class absent from both truth and prediction counts as perfect in the Dice term: without
    the small constant it would be 0/0, which the paper leaves open.
    """
    cross_entropy = functional.cross_entropy(logits, labels)
    return cross_entropy + soft_dice_loss(logits, labels)


def soft_dice_loss(
    logits: Float[Tensor, "batch 3 z y x"], labels: Int[Tensor, "batch z y x"]
) -> Float[Tensor, ""]:
    """Equation 2: squared sums in the denominator, mean over all classes, background included."""
    probabilities = torch.softmax(logits.float(), dim=1)
    truth = functional.one_hot(labels.long(), CLASSES).movedim(-1, 1).float()
    axes = (2, 3, 4)
    overlap = (truth * probabilities).sum(axes)
    sizes = (truth**2).sum(axes) + (probabilities**2).sum(axes)
    constant = 1.0  # voxels
    return 1.0 - ((2.0 * overlap + constant) / (sizes + constant)).mean()
