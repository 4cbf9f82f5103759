"""Combine a few scores into one: boosting of scaled terms, and how many steps to take.

A formula that ranks well alone often says what another one says. What is wanted of a further term
is what the others leave unexplained; small steps keep the weights small where tens of labels
decide between thousands of formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.core.rng import derive
from autodas.fitness.correlation import TauAgainst
from autodas.fitness.unseen_spaces import Unseen, gains_unseen

__all__ = ["Combination", "FamilyFeatures", "boosted", "simplest"]

Floats = npt.NDArray[np.float64]
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class FamilyFeatures:
    """One family as boosting sees it.

    Attributes:
        features: ``(A, N)`` values of N candidate terms, on one scale.
        truth: ``(A,)`` accuracies; NaN where unknown.
        group: Families of one table share a group, and are resampled together.
        weight: Its weight in the fit, above 0.
        space: Families of one space are left out together.
    """

    features: Floats
    truth: Floats
    group: str
    weight: float = 1.0
    space: str = ""


@dataclass(frozen=True, eq=False)
class Combination:
    """A weighted sum of candidate terms.

    Attributes:
        chosen: Numbers of the terms, in the order of their choice.
        weights: ``(K,)`` their weights.
    """

    chosen: tuple[int, ...]
    weights: Floats

    def __call__(self, features: Floats) -> Floats:
        """``(A,)`` values of the sum from ``(A, N)`` features, rounded to single precision."""
        return _in_single(features[:, list(self.chosen)] @ self.weights)


def boosted(
    parts: Sequence[FamilyFeatures],
    terms: int,
    *,
    rate: float = 0.2,
    steps: int = 200,
    slopes: bool = False,
    start: int | None = None,
    unseen: Unseen | None = None,
) -> list[Combination]:
    """Sums that grow: each step moves one weight a little towards the best fit.

    Least squares of the ranks of the truth, brought to [-1/2, 1/2], on the features; every family
    counts by its weight whatever its number of architectures. A step takes the term that explains
    most of what is left, at ``rate`` of its full coefficient: terms that say the same share the
    weight, and few of thousands of candidates are chosen by luck.

    Args:
        parts: Families; all with the same N terms.
        terms: Largest number of different terms, at least 1.
        rate: Size of a step, in (0, 1].
        steps: Largest number of steps.
        slopes: Whether each family has a slope of its own, at least 0, from the sum to the ranks of
            its truth, fitted again before every step. Features then need not spread as much in
            one family as in another; they must be centred in each.
        start: A term that the sum begins with, at weight 1.
        unseen: If given, a step is as good as what it gains on spaces that are left out when its
            size is chosen, see :func:`gains_unseen`; boosting ends when none gains anything there.

    Returns:
        The sum at the start, if it starts with anything, and after every step, up to the one that
        would need another term.

    Raises:
        InvalidInput: there is nothing to choose from, or numbers are out of range.

    Source: componentwise L2 boosting, Bühlmann and Yu, JASA 98, 2003.
    """
    stacked = _stacked(parts, terms, rate)
    squares = np.stack([(features**2).sum(0) for features, _ in stacked])
    weights: dict[int, float] = {} if start is None else {start: 1.0}
    sums = [_sum(features, weights) for features, _ in stacked]
    path = [_combination(weights)] if weights else []
    for _ in range(steps):
        slope = _slopes(stacked, sums) if slopes and weights else np.ones(len(parts))
        by_family = _aligned(stacked, sums, slope)
        aligned, scale = by_family.sum(axis=0), slope**2 @ squares
        if unseen is None:
            gain = _explained(aligned, scale)
        else:
            scales = slope[:, None] ** 2 * squares
            gain = gains_unseen(by_family, scales, [p.space for p in parts], rate, unseen)
        best = _first_of_the_best(gain)
        if gain[best] <= TINY or (best not in weights and len(weights) == terms):
            break
        step = float(_in_single(rate * aligned[best] / scale[best]))
        weights[best] = weights.get(best, 0.0) + step
        sums = [own + step * each[:, best] for own, (each, _) in zip(sums, stacked, strict=True)]
        path.append(_combination(weights))
    return path


def _stacked(
    parts: Sequence[FamilyFeatures], terms: int, rate: float
) -> list[tuple[Floats, Floats]]:
    """Features and ranks of each family, by its weight; the other arguments are checked."""
    if not parts or terms < 1 or not 0.0 < rate <= 1.0:
        raise InvalidInput("boosting needs families, at least 1 term and a rate in (0, 1]")
    return [_weighed(part, sum(each.weight for each in parts)) for part in parts]


def _explained(aligned: Floats, scale: Floats) -> Floats:
    """``(N,)`` how much of what is left each term explains; 0 of one that does not vary."""
    nothing = np.zeros_like(scale)
    found: Floats = np.divide(aligned**2, scale, out=nothing, where=scale > TINY)
    return found


def _first_of_the_best(gain: Floats) -> int:
    # Rounded, so that the first of several that gain the same is taken on every processor.
    return int(np.argmax(_in_single(gain)))


def _aligned(
    stacked: Sequence[tuple[Floats, Floats]], sums: Sequence[Floats], slope: Floats
) -> Floats:
    """``(P, N)`` products of what the sums leave unexplained of each family with its terms."""
    return np.stack(
        [
            factor * (features.T @ (target - factor * own))
            for (features, target), own, factor in zip(stacked, sums, slope, strict=True)
        ]
    )


def _in_single(values: npt.ArrayLike) -> Floats:
    """Without what the order of summands decides."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _combination(weights: dict[int, float]) -> Combination:
    return Combination(tuple(weights), np.array(list(weights.values())))


def _sum(features: Floats, weights: dict[int, float]) -> Floats:
    return _combination(weights)(features) if weights else np.zeros(len(features))


def _slopes(stacked: Sequence[tuple[Floats, Floats]], sums: Sequence[Floats]) -> Floats:
    """``(P,)`` least squares of each family's target on its sum, at least 0."""
    return np.array(
        [
            max(0.0, float(target @ own) / max(TINY, float(own @ own)))
            for (_, target), own in zip(stacked, sums, strict=True)
        ]
    )


def _weighed(part: FamilyFeatures, total: float) -> tuple[Floats, Floats]:
    """Features and ranks of a family, so that all squares sum to its share of the total weight."""
    known = np.isfinite(part.truth)
    count = int(known.sum())
    if count < 2:
        raise InvalidInput("every family needs at least two architectures with an accuracy")
    scale = np.sqrt(part.weight / total / count)
    ranks = scipy.stats.rankdata(part.truth[known]) / count - 0.5 - 0.5 / count
    return part.features[known] * scale, ranks * scale


def simplest(
    parts: Sequence[FamilyFeatures],
    sums: Sequence[Sequence[Floats]],
    *,
    resamples: int = 400,
    seed: int = 0,
) -> tuple[int, list[float], list[float]]:
    """The first of several sums that is as good as the best within one standard error.

    The error is that of the *difference* to the best on the same resampled architectures, which
    is much smaller than that of either: both see the same easy and hard architectures.

    Args:
        parts: Families that selection may look at; features are not used.
        sums: Sums from simple to complex; of each, its ``(A,)`` values in every family.
        resamples: Bootstrap resamples.
        seed: Of the resamples.

    Returns:
        Which one, the mean τ-b of each, and the standard error of each one's difference to the
        best (0 for the best itself).

    Raises:
        InvalidInput: no sum is given.

    Source: the one-standard-error rule of Breiman et al., Classification and Regression Trees,
    1984, section 3.4.3.
    """
    if not sums:
        raise InvalidInput("there is nothing to choose from")
    everything = {part.group: np.arange(len(part.truth)) for part in parts}
    means = [_mean_tau(parts, each, everything) for each in sums]
    best = int(np.argmax(means))
    differences = np.empty((resamples, len(sums)))
    for number in range(resamples):
        rng = derive(seed, "one standard error", number)
        rows = {
            name: rng.integers(0, len(index), len(index))
            for name, index in sorted(everything.items())
        }
        taus = np.array([_mean_tau(parts, each, rows) for each in sums])
        differences[number] = taus[best] - taus
    errors = differences.std(axis=0).tolist()
    for number in range(len(sums)):
        if means[best] - means[number] <= errors[number]:
            return number, means, errors
    return best, means, errors


def _mean_tau(
    parts: Sequence[FamilyFeatures], values: Sequence[Floats], rows: dict[str, npt.NDArray[np.intp]]
) -> float:
    found, weights = [], []
    for part, own in zip(parts, values, strict=True):
        index = rows[part.group]
        tau = TauAgainst(part.truth[index])(own[index])
        found.append(tau.value if isinstance(tau, Ok) else 0.0)
        weights.append(part.weight)
    return float(np.average(found, weights=weights))
