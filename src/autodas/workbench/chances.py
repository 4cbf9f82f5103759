"""How sure a choice is: the chance that another network is better than the one that was taken.

Two things are luck: which images were judged on, and from which seed a training began. The first is
seen in paired differences on the same images; the second only where something was trained twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["NO_LUCK", "Luck", "chance_that_better"]

Losses = Sequence[float]


@dataclass(frozen=True)
class Luck:
    """How much results of one network differ from seed to seed.

    Attributes:
        variance: Of the result of one training; 0 if nothing was trained twice.
        degrees: Of freedom that it was estimated with: how many networks were trained twice. With
            0, luck is left out.
    """

    variance: float = 0.0
    degrees: int = 0

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Luck:
        """Pooled over networks, of both results of each."""
        if not pairs:
            return cls()
        squares = [(first - second) ** 2 / 2 for first, second in pairs]
        return cls(float(np.mean(squares)), len(pairs))


NO_LUCK = Luck()


def chance_that_better(
    losses: Sequence[Losses], best: Sequence[Losses], luck: Luck = NO_LUCK
) -> float:
    """The chance that a network has a lower mean loss than another, trained and judged anew.

    By Student's distribution with the degrees of freedom of ``luck``, by the normal one without.

    Args:
        losses: Of each training, those of N ≥ 2 images.
        best: The same of the network with the lower mean, on the same images.
        luck: Of the seeds.

    Returns:
        In [0, 0.5].
    """
    differences = np.mean(losses, axis=0) - np.mean(best, axis=0)
    images = differences.var(ddof=1) / len(differences)
    seeds = luck.variance * (1 / len(losses) + 1 / len(best))
    mean, error = float(differences.mean()), math.sqrt(images + seeds)
    if error == 0:
        return 0.5 if mean == 0 else 0.0
    spread = stats.t(luck.degrees) if luck.degrees else stats.norm()
    return float(spread.cdf(-mean / error))
