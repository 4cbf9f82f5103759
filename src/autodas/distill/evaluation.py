"""How good a network is: accuracy, and whether its confidence can be believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.data.image_files import Images
from autodas.distill.confusion import Confusion
from autodas.distill.shifted_views import predict

__all__ = ["Quality", "calibration_error", "confusion", "evaluate", "quality"]

BINS = 15


@dataclass(frozen=True)
class Quality:
    """How a network does on labelled images.

    Attributes:
        top1: Images whose label gets the largest logit, in percent.
        top5: Images whose label is among the five largest, in percent; of fewer classes, 100.
        ece: Expected calibration error, in percent.
        cross_entropy: Mean, in nats.
    """

    top1: float
    top5: float
    ece: float
    cross_entropy: float


def evaluate(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    ready: Callable[[Tensor], Tensor] | None = None,
) -> float:
    """Share of ``(N, C, H, W)`` images classified as their ``(N,)`` labels say, in percent.

    Raw images need ``ready``, which normalises them (:meth:`ImageData.ready`).
    """
    return quality(network, images, labels, ready).top1


def quality(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    ready: Callable[[Tensor], Tensor] | None = None,
) -> Quality:
    """All that is measured, of the arguments of :func:`evaluate`."""
    logits = _logits(network, images, ready)
    correct = int((logits.argmax(dim=1) == labels).sum())
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    among = int((best == labels.unsqueeze(1)).any(dim=1).sum())
    return Quality(
        top1=100.0 * correct / len(labels),
        top5=100.0 * among / len(labels),
        ece=100.0 * calibration_error(logits, labels),
        cross_entropy=float(F.cross_entropy(logits, labels)),
    )


def confusion(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    ready: Callable[[Tensor], Tensor] | None = None,
) -> Confusion:
    """What becomes of the images of every class, of the arguments of :func:`evaluate`."""
    return Confusion.of(_logits(network, images, ready), labels)


def _logits(network: nn.Module, images: Images, ready: Callable[[Tensor], Tensor] | None) -> Tensor:
    network.eval()
    return predict(network, images, ready).cpu().float()


def calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ECE: Σ_b |B_b| / N · |accuracy(B_b) − confidence(B_b)|, in [0, 1].

    Images are sorted by their largest probability into ``bins`` bins of equal width (Guo et al.,
    "On Calibration of Modern Neural Networks", ICML 2017, equation 3).

    Args:
        logits: ``(N, K)``, N ≥ 1.
        labels: ``(N,)`` int64.
        bins: Number of bins.
    """
    confidence, guess = logits.double().softmax(dim=1).max(dim=1)
    # (lower, upper] as in the paper: a confidence of exactly 1 belongs to the last bin.
    where = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = (guess == labels).double() - confidence
    empty = torch.zeros(bins, dtype=torch.float64, device=gap.device)
    sums = empty.index_add_(0, where, gap)
    return float(sums.abs().sum() / len(labels))
