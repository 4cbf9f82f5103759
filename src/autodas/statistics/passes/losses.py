"""What the labels of a batch make of a student's outputs: the loss that is differentiated."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from autodas.core.errors import InvalidInput
from autodas.statistics.need import Unmeasurable

__all__ = ["check_differentiable", "check_labels", "check_outputs", "labels_loss"]


def labels_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean loss over images, and over pixels of a dense task.

    Labels say which. Whole numbers are classes, of an image or of each of its pixels:
    cross-entropy, in nats. Other numbers are to be met: as an image by the mean absolute
    deviation, as numbers of an image by the mean squared one. So TransNAS-Bench-101 (Duan et al.,
    CVPR 2021) was trained, but for the hundredth part of a discriminator's opinion of images.

    Args:
        outputs: ``(B, K)`` or ``(B, K, H, W)``.
        labels: ``(B,)`` or ``(B, H, W)`` whole numbers below K, or others of the outputs' shape.
    """
    if not labels.is_floating_point():
        return F.cross_entropy(outputs, labels)
    return F.l1_loss(outputs, labels) if labels.ndim == 4 else F.mse_loss(outputs, labels)


def check_differentiable(outputs: Tensor) -> None:
    """Refuse outputs that nothing can be learnt from.

    Raises:
        Unmeasurable: the network computes them without gradients.
    """
    if not outputs.requires_grad:
        raise Unmeasurable("the network computes its outputs without gradients")


def check_outputs(outputs: object) -> None:
    """Refuse what no outputs are.

    Raises:
        InvalidInput: the message says what the network puts out in their place.
    """
    if not isinstance(outputs, Tensor) or outputs.is_complex():
        what = "complex numbers" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
        raise InvalidInput(f"a network must put out logits (images, classes), it gives {what}")


def check_labels(outputs: Tensor, labels: Tensor) -> None:
    """Refuse labels that the outputs cannot meet.

    Raises:
        InvalidInput: a class is too large, or shapes differ.
    """
    if labels.is_floating_point():
        wanted = tuple(outputs.shape)
    else:
        if (largest := int(labels.max())) >= outputs.shape[1]:
            raise InvalidInput(
                f"labels go up to {largest}, but the network has {outputs.shape[1]} classes"
            )
        wanted = (len(outputs), *outputs.shape[2:])
    if tuple(labels.shape) != wanted:
        raise InvalidInput(
            f"outputs of shape {tuple(outputs.shape)} need labels of shape {wanted}, "
            f"got {tuple(labels.shape)}"
        )
