"""Cross-entropy without confidence: what is left of it when logits are scaled to fit best.

A student of a teacher is more or less sure of its answers than one of labels alone, by the
temperature and the weights of its losses. Cross-entropy charges that; a scale of the logits, which
changes no answer, takes it away (temperature scaling, Guo et al., "On Calibration of Modern Neural
Networks", ICML 2017, section 4.2).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["best_scale", "calibrated_losses"]

LARGEST = 10.0  # scale: where all images are right, the larger the better, without end
HALVINGS = 50


def best_scale(logits: Tensor, labels: Tensor) -> float:
    """β = 1/T in [0, 10] for which the mean cross-entropy of β · logits is lowest.

    The mean is convex in β, so halving an interval by the sign of its derivative finds the one
    minimum. Logits that are worse than guessing get 0.

    Args:
        logits: ``(M, K)`` float64, M ≥ 1.
        labels: ``(M,)`` int64.
    """
    right = logits.gather(1, labels.unsqueeze(1)).mean()

    def rises(scale: float) -> bool:
        expected = ((scale * logits).softmax(dim=1) * logits).sum(dim=1).mean()
        return bool(expected >= right)

    low, high = 0.0, LARGEST
    if rises(low):
        return low
    if not rises(high):
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return (low + high) / 2


def calibrated_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """``(M,)`` cross-entropy of each image after the logits are scaled to fit, in nats, ≥ 0.

    Their mean is at most ln K, which is what guessing costs. The scale is fitted on the images that
    are judged: one number, the same freedom for every candidate.

    Args:
        logits: ``(M, K)``, M ≥ 1.
        labels: ``(M,)`` int64.
    """
    exact = logits.double()
    scaled = best_scale(exact, labels) * exact
    return F.cross_entropy(scaled, labels, reduction="none")
