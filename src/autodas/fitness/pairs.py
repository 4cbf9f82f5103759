"""How well scores order pairs of student and teacher, told apart by what is compared.

Two pairs may share the student, and then a score says which teacher suits it; or the teacher, and
then it says which student is better with it; or neither. Each is a correlation of its own, since a
score that knows students only can be good at the second and knows nothing of the first.

The correlation is Somers' D (Somers, "A new asymmetric measure of association for ordinal
variables", 1962): of all comparisons whose accuracies differ, the share that the score gets right
less the share that it gets wrong. It is Kendall's τ where the score has no ties. A score that is
the same for all teachers of a student gets 0 among them: as good as a coin, and comparable with
others. Comparisons are pooled over students, or teachers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.bootstrap import Interval, interval_of
from autodas.fitness.discoveries import two_sided_p

__all__ = ["COMPARISONS", "PairGoodness", "PairIntervals", "variance_shares"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

COMPARISONS = ("teachers of one student", "students of one teacher", "all pairs")
RESAMPLES = 1000
ROUNDING = 1e-6  # of single precision


class PairGoodness:
    """The goodness of scores on pairs: the mean of the three correlations.

    Args:
        truth: ``(P,)`` accuracies; NaN where unknown.
        student: ``(P,)`` number of the student of each pair.
        teacher: ``(P,)`` number of its teacher.

    Attributes:
        odd: Whether a score turned over has minus the goodness.
        floor: What goodness is counted from.
    """

    odd = True
    floor = 0.0

    def __init__(
        self, truth: npt.ArrayLike, student: npt.ArrayLike, teacher: npt.ArrayLike
    ) -> None:
        values = np.asarray(truth, dtype=np.float64)
        owners = [np.asarray(each, dtype=np.intp) for each in (student, teacher)]
        if values.ndim != 1 or any(each.shape != values.shape for each in owners):
            raise InvalidInput(
                f"truth, student and teacher must have one shape (P,), got {values.shape}, "
                f"{owners[0].shape} and {owners[1].shape}"
            )
        self.size = len(values)
        self.known: Index = np.flatnonzero(np.isfinite(values))
        self.student, self.teacher = (each[self.known] for each in owners)
        better = values[self.known][:, None] > values[self.known][None, :]
        same = [each[:, None] == each[None, :] for each in (self.student, self.teacher)]
        among = dict(zip(COMPARISONS, (*same, np.ones_like(better)), strict=True))
        self.better = {name: better & mask for name, mask in among.items()}

    def parts(self, score: npt.ArrayLike) -> Result[Mapping[str, float]]:
        """The three correlations by name, each in [−1, 1]; or why there are none."""
        found = self.seen(score)
        if isinstance(found, Failed):
            return found
        wins = found.value[:, None] > found.value[None, :]
        parts = {}
        for name, better in self.better.items():
            count = int(np.count_nonzero(better))
            if not count:
                return Failed(f"no two {name} differ in accuracy")
            right = int(np.count_nonzero(wins & better))
            wrong = int(np.count_nonzero(wins.T & better))
            parts[name] = (right - wrong) / count
        return Ok(parts)

    def seen(self, score: npt.ArrayLike) -> Result[Floats]:
        """``(n,)`` the score of pairs whose accuracy is known, or why it orders nothing.

        Raises:
            InvalidInput: its shape is not that of the truth.
        """
        x = np.asarray(score, dtype=np.float64)
        if x.shape != (self.size,):
            raise InvalidInput(f"the score must have the shape ({self.size},), got {x.shape}")
        x = x[self.known]
        if not np.isfinite(x).all():
            return Failed("score is not finite everywhere")
        if not len(x) or (x == x[0]).all():
            return Failed("constant score")
        return Ok(x)

    def __call__(self, score: npt.ArrayLike) -> Result[float]:
        """The mean of the three."""
        found = self.parts(score)
        if isinstance(found, Failed):
            return found
        return Ok(float(np.mean(list(found.value.values()))))


class PairIntervals:
    """The three correlations with 95 % intervals over students and teachers.

    Students and teachers are drawn again independently, and a pair counts as often as both were
    drawn (Owen, "The pigeonhole bootstrap", 2007, which errs on the wide side): the table has some
    students and some teachers, and others would have been other.

    Args:
        truth: ``(P,)`` accuracies; NaN where unknown.
        student: ``(P,)`` number of the student of each pair.
        teacher: ``(P,)`` number of its teacher.
        seed: Decides the resamples, the same for all scores.
    """

    def __init__(
        self, truth: npt.ArrayLike, student: npt.ArrayLike, teacher: npt.ArrayLike, seed: int = 0
    ) -> None:
        self.goodness = PairGoodness(truth, student, teacher)
        rng = np.random.default_rng([seed, self.goodness.size])
        students = _drawn(self.goodness.student, rng)
        teachers = _drawn(self.goodness.teacher, rng)
        # What is compared within one student is there as often as that student was drawn.
        weights = (np.sqrt(students) * teachers, students * np.sqrt(teachers), students * teachers)
        self._weights = dict(zip(COMPARISONS, weights, strict=True))

    def of(self, score: npt.ArrayLike) -> Result[Mapping[str, Interval]]:
        """By comparison the correlation with its interval."""
        found = self._samples(score)
        if isinstance(found, Failed):
            return found
        return Ok({name: interval_of(*each) for name, each in found.value.items()})

    def difference(
        self, score: npt.ArrayLike, other: npt.ArrayLike
    ) -> Result[Mapping[str, tuple[Interval, float | None]]]:
        """By comparison what a score has above another, on the same resamples, with the p-value."""
        first, second = self._samples(score), self._samples(other)
        if isinstance(first, Failed) or isinstance(second, Failed):
            return first if isinstance(first, Failed) else Failed("nothing to compare with")
        gaps = {
            name: (value - second.value[name][0], drawn - second.value[name][1])
            for name, (value, drawn) in first.value.items()
        }
        return Ok({name: (interval_of(*gap), two_sided_p(gap[1])) for name, gap in gaps.items()})

    def _samples(self, score: npt.ArrayLike) -> Result[dict[str, tuple[float, Floats]]]:
        """By comparison the correlation, and ``(R,)`` that of every resample; NaN where nothing is
        left to compare.
        """
        found, seen = self.goodness.parts(score), self.goodness.seen(score)
        if isinstance(found, Failed) or isinstance(seen, Failed):
            return found if isinstance(found, Failed) else Failed("constant score")
        right = np.sign(seen.value[:, None] - seen.value[None, :])
        given = {}
        for name, better in self.goodness.better.items():
            weights = self._weights[name]
            won = np.einsum("rp,rp->r", weights @ (right * better), weights)
            count = np.einsum("rp,rp->r", weights @ better.astype(np.float64), weights)
            drawn = np.divide(won, count, out=np.full(len(won), np.nan), where=count > 0)
            given[name] = (found.value[name], drawn)
        return Ok(given)


def variance_shares(
    values: npt.ArrayLike, student: npt.ArrayLike, teacher: npt.ArrayLike
) -> Result[tuple[float, float]]:
    """Which shares of the variance of a number of pairs lie between students and between teachers.

    Sums of squares of a two-way layout without repetition (Fisher, "Statistical Methods for
    Research Workers", 1925); what is left to 1 is of the pair.

    Args:
        values: ``(P,)`` finite numbers, one of every student with every teacher.
        student: ``(P,)`` number of the student of each pair.
        teacher: ``(P,)`` number of its teacher.

    Returns:
        Both shares in [0, 1], the students' first; or why there are none.

    Raises:
        InvalidInput: a pair is missing, or is there twice.
    """
    x = np.asarray(values, dtype=np.float64)
    owners = [np.unique(np.asarray(each), return_inverse=True) for each in (student, teacher)]
    grid = np.full([len(names) for names, _ in owners], np.nan)
    grid[owners[0][1], owners[1][1]] = x
    if grid.size != len(x) or not np.isfinite(grid).all():
        raise InvalidInput("every student must be there once with every teacher")
    apart = grid - grid.mean()
    total = float(np.square(apart).mean())
    if np.abs(apart).max() <= ROUNDING * np.abs(grid).max():
        return Failed("it is the same for all pairs")
    students, teachers = (float(np.square(apart.mean(axis)).mean()) / total for axis in (1, 0))
    return Ok((students, teachers))


def _drawn(owner: Index, rng: np.random.Generator) -> Floats:
    """``(R, n)`` how often the owner of each pair was drawn."""
    names, number = np.unique(owner, return_inverse=True)
    count = max(1, len(names))
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    weights: Floats = drawn[:, number]
    return weights
