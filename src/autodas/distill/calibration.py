"""Judging networks of different teachers: what too much confidence costs is taken away.

Students of other teachers, or of none, are more or less sure of their answers, by the temperature
and the weights of their losses. Cross-entropy charges whoever is sure and wrong without end, though
a temperature on the logits, which changes no answer, would mend that (Guo et al., "On Calibration
of Modern Neural Networks", ICML 2017, section 4.2).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["best_scale", "brier_score", "calibrated_losses"]

HALVINGS = 50


def best_scale(logits: Tensor, labels: Tensor) -> float:
    """β = 1/T in [0, 1] for which the mean cross-entropy of β · logits is lowest.

    Never above 1: that would reward guesses on the few images that happen to be all right. The mean
    is convex in β, so halving an interval by the sign of its derivative finds the one minimum.
    Logits that are worse than guessing get 0.

    Args:
        logits: ``(M, K)`` float64, M ≥ 1.
        labels: ``(M,)`` int64.
    """
    right = logits.gather(1, labels.unsqueeze(1)).mean()

    def rises(scale: float) -> bool:
        expected = ((scale * logits).softmax(dim=1) * logits).sum(dim=1).mean()
        return bool(expected >= right)

    low, high = 0.0, 1.0
    if rises(low) or not rises(high):
        return low if rises(low) else high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return (low + high) / 2


def calibrated_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """``(M,)`` cross-entropy of each image at the best temperature T ≥ 1, in nats, ≥ 0.

    Their mean is at most ln K, which is what guessing costs. The temperature is fitted on the very
    images that are judged: one number, the same freedom for every candidate.

    Args:
        logits: ``(M, K)``, M ≥ 1.
        labels: ``(M,)`` int64.
    """
    exact = logits.double()
    scaled = best_scale(exact, labels) * exact
    return F.cross_entropy(scaled, labels, reduction="none")


def brier_score(logits: Tensor, labels: Tensor) -> float:
    """Mean squared distance of the probabilities from the labels, in [0, 2].

    Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950.

    Args:
        logits: ``(M, K)``, M ≥ 1.
        labels: ``(M,)`` int64.
    """
    probabilities = logits.double().softmax(dim=1)
    wanted = F.one_hot(labels, logits.shape[1])
    return float((probabilities - wanted).square().sum(dim=1).mean())
