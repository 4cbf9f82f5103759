"""Which classes a network tells apart: from the logits of labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from scipy import stats
from torch import Tensor

__all__ = ["Confusion", "share_interval"]


def share_interval(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share, in percent, after Wilson (J. Am. Stat. Assoc. 22, 1927).

    Args:
        hits: Of ``total``, 0 ≤ hits ≤ total.
        total: At least 1.
    """
    found = stats.binomtest(hits, total).proportion_ci(0.95, "wilson")
    return 100.0 * float(found.low), 100.0 * float(found.high)


@dataclass(frozen=True)
class Confusion:
    """What became of the images of every class.

    Attributes:
        counts: ``(K, K)`` int64: images of the class of the row that were taken for the class of
            the column.
    """

    counts: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> Confusion:
        """From ``(N, K)`` logits and ``(N,)`` labels."""
        classes = logits.shape[1]
        pairs = labels.long() * classes + logits.argmax(dim=1)
        return cls(torch.bincount(pairs, minlength=classes**2).view(classes, classes))

    @property
    def images(self) -> int:
        """How many there are, N."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100.0 * int(self.counts.diagonal().sum()) / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Of the accuracy, at 95 %, in percent; the luck of the images, not of the training."""
        return share_interval(int(self.counts.diagonal().sum()), self.images)

    def to_json(self) -> dict[str, Any]:
        """Plain values, few of them also of many classes.

        Returns:
            ``classes``: [right, images] of each; ``mistaken``: [class, taken for, images], the most
            images first.
        """
        right, all_of = self.counts.diagonal().tolist(), self.counts.sum(dim=1).tolist()
        wrong = self.counts.clone().fill_diagonal_(0)
        found = [(int(i), int(j), int(wrong[i, j])) for i, j in wrong.nonzero()]
        return {
            "classes": [list(each) for each in zip(right, all_of, strict=True)],
            "mistaken": [list(each) for each in sorted(found, key=lambda e: (-e[2], e[0], e[1]))],
        }
