"""What students lose by the ways that were chosen for them, with intervals over students."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodas.core.rng import derive

RESAMPLES = 2000

Loss = Callable[[Any, Any], Any]
"""Points lost, ``(A,)``, of accuracies ``(A, T, S)`` and of the ways chosen ``(A,)``."""


def lost(accuracy: Any, chosen: Any) -> Any:
    """To the way that is best by the mean of all trainings.

    The best of several noisy means is too good, so that this is more than what is really lost.
    """
    mean = accuracy.mean(axis=2)
    return mean.max(axis=1) - mean[np.arange(len(mean)), chosen]


def lost_crossed(accuracy: Any, chosen: Any) -> Any:
    """To the way that is best by some trainings, judged by the one that is left out.

    No luck flatters that way, and it need not be the best, so that this is less than what is
    really lost.

    Raises:
        ValueError: there is but one training of each pair.
    """
    students, trainings = np.arange(len(accuracy)), accuracy.shape[2]
    if trainings < 2:
        raise ValueError("two trainings of each pair are needed")
    found = []
    for own in range(trainings):
        best = np.delete(accuracy, own, axis=2).mean(axis=2).argmax(axis=1)
        judged = accuracy[:, :, own]
        found.append(judged[students, best] - judged[students, chosen])
    return np.mean(found, axis=0)


def interval(parts: Sequence[Any]) -> list[float]:
    """Mean over tables of the means over students, and its 95 % interval over students."""
    means = _resampled(parts)
    mean = float(np.mean([part.mean() for part in parts]))
    return [mean, *map(float, np.quantile(means, [0.025, 0.975]))]


def share(parts: Sequence[Any], of: Sequence[Any]) -> list[float]:
    """What is lost in percent of another's losses, of the same students; with its interval."""
    whole = 100 * np.sum([p.mean() for p in parts]) / np.sum([p.mean() for p in of])
    drawn = 100 * _resampled(parts) / _resampled(of)  # the same students of both
    return [float(whole), *map(float, np.quantile(drawn, [0.025, 0.975]))]


def _resampled(parts: Sequence[Any]) -> Any:
    """``(RESAMPLES,)`` means over students that are drawn again within each table."""
    rng = derive(0, "teachers", "students")
    means = np.zeros(RESAMPLES)
    for part in parts:
        drawn = rng.integers(len(part), size=(RESAMPLES, len(part)))
        means += part[drawn].mean(axis=1) / len(parts)
    return means
