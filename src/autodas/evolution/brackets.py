"""Brackets: how many arms successive halving tries at which fidelity, and what that costs.

An *arm* is anything that can be tried at a *fidelity*: a fraction of a full training, in (0, 1].
A *bracket* is a list of *rungs* of growing fidelity and falling number of arms. Costs are counted
in full trainings, and every rung is paid in full: an arm that is promoted starts from scratch.

Sources: Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, the Successive Halving algorithm; Li, Jamieson, DeSalvo, Rostamizadeh &
Talwalkar, "Hyperband", JMLR 18(185), 2018, Algorithm 1. All arithmetic is exact.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise

from autodas.core.errors import InvalidInput

__all__ = ["Bracket", "Price", "Rung", "hyperband", "plan_bracket"]

Number = int | float | Fraction
# What one training at a fidelity costs, in full trainings.
Price = Callable[[Fraction], Number]


@dataclass(frozen=True)
class Rung:
    """Some arms at one fidelity.

    Attributes:
        fidelity: Fraction of a full training, in (0, 1].
        arms: How many arms are trained, at least 1.
        price: What one of these trainings costs, in full trainings, above 0.
    """

    fidelity: Fraction
    arms: int
    price: Fraction

    def __post_init__(self) -> None:
        if not 0 < self.fidelity <= 1:
            raise InvalidInput(f"a fidelity must lie in (0, 1], got {self.fidelity}")
        if self.arms < 1:
            raise InvalidInput(f"a rung must have at least 1 arm, got {self.arms}")
        if self.price <= 0:
            raise InvalidInput(f"the price of a training must be above 0, got {self.price}")

    @property
    def cost(self) -> Fraction:
        """What the rung costs, in full trainings."""
        return self.arms * self.price


@dataclass(frozen=True)
class Bracket:
    """One run of successive halving: rungs, the lowest fidelity first; none if nothing is tried.

    Raises:
        InvalidInput: the fidelities do not grow, or the number of arms does.
    """

    rungs: tuple[Rung, ...] = ()

    def __post_init__(self) -> None:
        for lower, upper in pairwise(self.rungs):
            if upper.fidelity <= lower.fidelity:
                raise InvalidInput(
                    f"fidelities must grow from rung to rung, got {upper.fidelity} "
                    f"after {lower.fidelity}"
                )
            if upper.arms > lower.arms:
                raise InvalidInput(
                    f"a rung cannot have more arms than the one below, got {upper.arms} "
                    f"after {lower.arms}"
                )

    @property
    def arms(self) -> int:
        """How many arms the first rung tries."""
        return self.rungs[0].arms if self.rungs else 0

    @property
    def cost(self) -> Fraction:
        """What all rungs cost if no arm fails, in full trainings; less if some do."""
        return sum((rung.cost for rung in self.rungs), Fraction(0))


def hyperband(smallest: Number, eta: Number = 3) -> tuple[Bracket, ...]:
    """The brackets s = s_max, …, 0 of Hyperband (Li et al. 2018, Algorithm 1), in that order.

    With R = 1 / ``smallest`` units of resource in a full training, s_max = ⌊log_η R⌋, bracket s
    starts with n = ⌈(s_max + 1) / (s + 1) · η^s⌉ arms and its rung i tries n_i = ⌊n η^-i⌋ of them
    with r_i = R η^(i - s) units, a fidelity of η^(i - s). For R = 81, η = 3 this gives 81, 34, 15,
    8 and 5 arms. Their Table 1 has 81, 27, 9, 6 and 5, which rounds (s_max + 1) / (s + 1) down
    first; the algorithm as printed is followed here.

    Args:
        smallest: No fidelity is below this; in (0, 1].
        eta: Reduction factor η, above 1.
    """
    eta, smallest = _eta(eta), _fidelity("smallest", smallest)
    s_max = 0
    while smallest * eta ** (s_max + 1) <= 1:
        s_max += 1
    brackets = []
    for s in range(s_max, -1, -1):
        arms = math.ceil(Fraction(s_max + 1, s + 1) * eta**s)
        counts = enumerate(_counts(arms, s + 1, eta))
        brackets.append(Bracket(tuple(_rung(eta ** (i - s), n) for i, n in counts)))
    return tuple(brackets)


def plan_bracket(
    budget: Number,
    arms: int,
    *,
    steps: int,
    smallest: Number,
    largest: Number = 1,
    eta: Number = 3,
    price: Price | None = None,
) -> Bracket:
    """A bracket that costs as much of a budget as can be spent, and never more.

    Rung k of n arms tries ⌊n η^-k⌋ of them (Li et al. 2018, Algorithm 1) for ⌊m η^k⌋ steps, where m
    is the number of steps on the first rung. As in Jamieson & Talwalkar (2016), the last rung still
    compares arms, at least two: training a last one alone would decide nothing. A bracket for whose
    cost all arms could be trained at its highest fidelity is passed over. As arms start from
    scratch, rungs save little unless η is above 2: for η = 2 the first costs all that it saves.

    Of the brackets that cost at least 95 % of the budget, one with the most rungs is taken. Among
    those, the one with the most arms that halves them down to the last few, so that no further rung
    could compare two; and only if there is none, the one with the fewest arms, which can afford the
    highest fidelities. If no bracket costs as much, because there are few arms or coarse steps, the
    dearest is taken.

    Args:
        budget: In full trainings, not negative.
        arms: How many are available, at least 1; the bracket may try fewer.
        steps: Steps (say epochs) of a full training; all fidelities are whole numbers of steps.
        smallest: No fidelity is below this; in (0, 1].
        largest: No fidelity is above this; in (0, 1].
        eta: Reduction factor η, above 1 and not necessarily whole.
        price: What one training costs at a fidelity, in full trainings, never falling with it;
            the fidelity itself if not given.

    Returns:
        The bracket; without rungs if there is nothing to compare or the budget is too small for
        two arms at the smallest fidelity.

    Raises:
        InvalidInput: an argument is out of range, no whole number of steps lies between smallest
            and largest, or a price is not above 0.
    """
    budget, eta = _exact("budget", budget), _eta(eta)
    if budget < 0:
        raise InvalidInput(f"budget must not be negative, got {budget}")
    for name, value in (("arms", arms), ("steps", steps)):
        if value < 1:
            raise InvalidInput(f"{name} must be at least 1, got {value}")
    planner = _Planner(budget, arms, steps, *_between(smallest, largest, steps), eta, price)
    best = Bracket()
    for candidate in planner.candidates():
        if candidate.cost > best.cost:
            best = candidate
            if best.cost >= Fraction(95, 100) * budget:
                break
    return best


def _between(smallest: Number, largest: Number, steps: int) -> tuple[int, int]:
    """Fewest and most steps of a training whose fidelity lies between two."""
    lowest = math.ceil(_fidelity("smallest", smallest) * steps)
    highest = math.floor(_fidelity("largest", largest) * steps)
    if lowest > highest:
        raise InvalidInput(
            f"no whole number of {steps} steps is a fidelity from {smallest} to {largest}"
        )
    return lowest, highest


@dataclass(frozen=True)
class _Planner:
    budget: Fraction
    arms: int
    steps: int
    lowest: int  # steps of the lowest and the highest fidelity
    highest: int
    eta: Fraction
    price: Price | None

    def candidates(self) -> Iterator[Bracket]:
        """What the budget allows, in the order in which a plan prefers it."""
        most = 1
        while self._starts(most + 1):
            most += 1
        for rungs in range(most, 0, -1):
            starts = self._starts(rungs)
            # The ladders from each start, priced once and not for every number of arms.
            ladders = [self._ladder(m, rungs) for m in starts]
            for arms in self._preferred(rungs, ladders[0]):
                counts = _counts(arms, rungs, self.eta)
                fitting = bisect_right(ladders, self.budget, key=partial(_cost, counts))
                priced = zip(counts, ladders[fitting - 1], strict=True)
                found = Bracket(tuple(replace(rung, arms=count) for count, rung in priced))
                if rungs == 1 or arms * found.rungs[-1].price > found.cost:
                    yield found

    def _starts(self, rungs: int) -> range:
        """Steps of a first rung whose last stays in range, each gaining at least a step."""
        lowest = self.lowest if rungs == 1 else max(self.lowest, math.ceil(1 / (self.eta - 1)))
        return range(lowest, math.ceil((self.highest + 1) / self.eta ** (rungs - 1)))

    def _ladder(self, m: int, rungs: int) -> list[Rung]:
        steps = [math.floor(m * self.eta**k) for k in range(rungs)]
        return [_rung(Fraction(each, self.steps), 1, self.price) for each in steps]

    def _preferred(self, rungs: int, cheapest: list[Rung]) -> list[int]:
        """Numbers of arms that can pay the cheapest ladder and use all its rungs, best first."""

        def least(arms: int) -> Fraction:
            return _cost(_counts(arms, rungs, self.eta), cheapest)

        sizes = range(2, self.arms + 1)
        affordable = sizes[: bisect_right(sizes, self.budget, key=least)]
        further = {arms: _halvings(arms, self.eta) - rungs for arms in affordable}
        down_to_few = [arms for arms in reversed(affordable) if further[arms] == 0]
        return down_to_few + [arms for arms in affordable if further[arms] > 0]


def _cost(counts: list[int], ladder: list[Rung]) -> Fraction:
    return sum((arms * rung.price for arms, rung in zip(counts, ladder, strict=True)), Fraction(0))


def _halvings(arms: int, eta: Fraction) -> int:
    """The most rungs that each drop an arm and leave at least two to compare."""
    rungs, left = 1, arms
    while 2 <= (after := math.floor(arms / eta**rungs)) < left:
        rungs, left = rungs + 1, after
    return rungs


def _counts(arms: int, rungs: int, eta: Fraction) -> list[int]:
    return [math.floor(arms / eta**k) for k in range(rungs)]


def _rung(fidelity: Fraction, arms: int, price: Price | None = None) -> Rung:
    return Rung(fidelity, arms, _exact("price", price(fidelity)) if price else fidelity)


def _exact(name: str, value: Number) -> Fraction:
    """The number as it is written: 0.1 is one tenth, not the nearest binary fraction."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{name} must be a finite number, got {value}")
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _eta(value: Number) -> Fraction:
    eta = _exact("eta", value)
    if eta <= 1:
        raise InvalidInput(f"eta must be above 1, got {value}")
    return eta


def _fidelity(name: str, value: Number) -> Fraction:
    fidelity = _exact(name, value)
    if not 0 < fidelity <= 1:
        raise InvalidInput(f"{name} must lie in (0, 1], got {value}")
    return fidelity
