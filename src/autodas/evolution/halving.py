"""Successive halving: try many arms a little, the better ones more, the best of them most.

After Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016 (the Successive Halving algorithm), and the inner loop of Li et al.,
"Hyperband", JMLR 18(185), 2018, Algorithm 1. Synchronous: a rung is decided when all its arms are
told. How many arms there are on which rung is said by a :class:`~autodas.evolution.Bracket`.

Like the searches beside it, it evaluates nothing: ``ask`` says what to train at which fidelity,
``tell`` takes one result at a time, in any order. The state is a function of the arms, the bracket
and the results told, whatever their order, so :func:`SuccessiveHalving.replay` of a journal
rebuilds it, and what was asked but never told is asked again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.evolution.brackets import Bracket
from autodas.evolution.individual import result_from_json, result_to_json

__all__ = ["ArmResult", "Request", "RungRecord", "Standing", "SuccessiveHalving"]

A = TypeVar("A")


@dataclass(frozen=True)
class Request(Generic[A]):
    """A training that successive halving wants to know the result of.

    Attributes:
        arm: What to train.
        key: Its text key.
        fidelity: Fraction of a full training, in (0, 1]; from scratch.
        rung: Number of the rung, from 0.
    """

    arm: A
    key: str
    fidelity: Fraction
    rung: int


@dataclass(frozen=True)
class ArmResult:
    """What was told of one training: all that a journal must keep of it.

    Attributes:
        key: Key of the arm.
        fidelity: Fraction of a full training.
        result: Its score, higher being better, or why there is none.
    """

    key: str
    fidelity: Fraction
    result: Result[float]

    def to_json(self) -> dict[str, Any]:
        """Plain values; the fidelity as text such as ``"1/9"``, a failure as its reason."""
        return {
            "key": self.key,
            "fidelity": str(self.fidelity),
            "result": result_to_json(self.result),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ArmResult:
        """The inverse of :meth:`to_json`.

        Raises:
            InvalidInput: the record is not one that :meth:`to_json` makes.
        """
        try:
            return cls(
                str(record["key"]),
                Fraction(record["fidelity"]),
                result_from_json(record["result"]),
            )
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a record of a training ({error!r})") from None


@dataclass(frozen=True)
class RungRecord:
    """A rung that was decided.

    Attributes:
        rung: Its number, from 0.
        fidelity: Fraction of a full training that each arm was given.
        arms: Keys of the arms, those that did best on the rung below first.
        results: Their results, in the same order.
        promoted: Keys of the arms that went on, best first; of the last rung, the winner alone.
        failures: Number of failed arms by reason.
        cost: What the rung cost, in full trainings; failed arms are paid for.
    """

    rung: int
    fidelity: Fraction
    arms: tuple[str, ...]
    results: tuple[Result[float], ...]
    promoted: tuple[str, ...]
    failures: dict[str, int]
    cost: Fraction

    def to_json(self) -> dict[str, Any]:
        """Plain values; fidelity and cost as text such as ``"1/9"``, failures as their reason."""
        return {
            "rung": self.rung,
            "fidelity": str(self.fidelity),
            "arms": list(self.arms),
            "results": [result_to_json(each) for each in self.results],
            "promoted": list(self.promoted),
            "failures": dict(self.failures),
            "cost": str(self.cost),
        }


@dataclass(frozen=True)
class Standing(Generic[A]):
    """How far an arm has come.

    Attributes:
        arm: The arm.
        key: Its text key.
        rung: The highest rung it has a result on, from 0; None if it was not tried.
        result: Its result there; None if it was not tried.
    """

    arm: A
    key: str
    rung: int | None
    result: Result[float] | None


class SuccessiveHalving(Generic[A]):
    """Finds the best of some arms by trying them at growing fidelity.

    Args:
        arms: What can be tried, the most promising first: of equal scores, the earlier arm
            counts as the better one. If there are more than the bracket tries, the first ones are.
        bracket: How many arms are tried at which fidelity. Without rungs, the first arm wins.
        key: Names an arm; all arms must have different keys.

    Raises:
        InvalidInput: no arms, fewer than the bracket wants, or two with one key.
    """

    def __init__(
        self, arms: Sequence[A], bracket: Bracket, *, key: Callable[[A], str] = str
    ) -> None:
        self.bracket = bracket
        self.history: list[RungRecord] = []
        self._arms = {key(arm): arm for arm in arms}
        if not arms:
            raise InvalidInput("there is no arm to choose from")
        if len(self._arms) < len(arms):
            ((twice, _),) = Counter(key(arm) for arm in arms).most_common(1)
            raise InvalidInput(f"two arms have the key {twice!r}")
        if len(arms) < bracket.arms:
            raise InvalidInput(f"the bracket tries {bracket.arms} arms, only {len(arms)} are given")
        self._place = {name: place for place, name in enumerate(self._arms)}
        self._entrants = tuple(self._arms)[: bracket.arms]
        self._missing = set(self._entrants)
        self._told: dict[tuple[str, Fraction], Result[float]] = {}

    @property
    def finished(self) -> bool:
        """True once the last rung is decided, or all arms of a rung have failed."""
        return len(self.history) == len(self.bracket.rungs) or not self._entrants

    @property
    def winner(self) -> Result[A] | None:
        """The best arm of the last rung; a failure if all arms of a rung failed; None until then.

        Without any rung it is the arm that was given first.
        """
        if not self.finished:
            return None
        if not self.history:
            return Ok(next(iter(self._arms.values())))
        last = self.history[-1]
        if last.promoted:
            return Ok(self._arms[last.promoted[0]])
        reasons = ", ".join(f"{reason} ({count})" for reason, count in last.failures.items())
        return Failed(f"all {len(last.arms)} arms failed at fidelity {last.fidelity}: {reasons}")

    @property
    def spent(self) -> Fraction:
        """What the trainings told so far cost, in full trainings."""
        price = {rung.fidelity: rung.price for rung in self.bracket.rungs}
        return sum((price[fidelity] for _, fidelity in self._told), Fraction(0))

    @property
    def failures(self) -> int:
        """The number of trainings told so far that failed."""
        return sum(isinstance(each, Failed) for each in self._told.values())

    @property
    def ranking(self) -> tuple[Standing[A], ...]:
        """All arms, best first: by the highest rung they have a result on, then by the result.

        On one rung failures come last, and equals in the order given; so do arms never tried.
        """
        standings = {key: Standing(arm, key, None, None) for key, arm in self._arms.items()}
        for number, rung in enumerate(self.bracket.rungs):
            for key in self._arms:
                if (key, rung.fidelity) in self._told:
                    result = self._told[key, rung.fidelity]
                    standings[key] = Standing(self._arms[key], key, number, result)
        return tuple(sorted(standings.values(), key=_order))

    def ask(self) -> tuple[Request[A], ...]:
        """All trainings of the open rung that were not told yet; empty if finished.

        Asking changes nothing: whoever asks again before all is told gets again what is missing.
        """
        if self.finished:
            return ()
        number = len(self.history)
        fidelity = self.bracket.rungs[number].fidelity
        return tuple(
            Request(self._arms[key], key, fidelity, number)
            for key in self._entrants
            if key in self._missing
        )

    def tell(self, key: str, fidelity: Fraction, result: Result[float]) -> ArmResult:
        """Learn the result of one training that was asked for; the rung is decided with its last.

        Args:
            key: Key of the arm.
            fidelity: The fidelity that was asked for.
            result: A finite score, higher being better, or a failure; its details are dropped.

        Returns:
            What a journal must keep. Telling the same once more changes nothing.

        Raises:
            InvalidInput: it was not asked for, or something else was told of it before.
            ValueError: the score is NaN or infinite; nothing is changed then.
        """
        told: Result[float]
        if isinstance(result, Failed):
            told = Failed(result.reason)
        elif math.isfinite(result.value):
            told = Ok(float(result.value))
        else:
            raise ValueError(
                f"the score of {key!r} at fidelity {fidelity} is {result.value}, which is not "
                "finite: tell Failed with a reason instead"
            )
        record = ArmResult(key, fidelity, told)
        before = self._told.get((key, fidelity))
        if before is None:
            self._accept(record)
        elif before != told:
            raise InvalidInput(
                f"{key!r} was told twice at fidelity {fidelity}: {_shown(before)}, then "
                f"{_shown(told)}"
            )
        return record

    def replay(self, records: Iterable[ArmResult]) -> None:
        """Tell what a journal holds, in whatever order it holds it.

        Raises:
            InvalidInput: it holds a training that would not have been asked for, because the
                arms or the bracket have changed.
        """
        for each in sorted(records, key=lambda record: record.fidelity):
            self.tell(each.key, each.fidelity, each.result)

    def _accept(self, record: ArmResult) -> None:
        open_ = [] if self.finished else [self.bracket.rungs[len(self.history)].fidelity]
        if record.fidelity not in open_ or record.key not in self._missing:
            raise InvalidInput(
                f"a training of {record.key!r} at fidelity {record.fidelity} was not asked for"
            )
        self._told[record.key, record.fidelity] = record.result
        self._missing.remove(record.key)
        if not self._missing:
            self._decide()

    def _decide(self) -> None:
        number = len(self.history)
        rung = self.bracket.rungs[number]
        results = tuple(self._told[key, rung.fidelity] for key in self._entrants)
        scores = {
            key: result.value
            for key, result in zip(self._entrants, results, strict=True)
            if isinstance(result, Ok)
        }
        ranked = sorted(scores, key=lambda key: (-scores[key], self._place[key]))
        is_last = number + 1 == len(self.bracket.rungs)
        promoted = tuple(ranked[: 1 if is_last else self.bracket.rungs[number + 1].arms])
        failures = Counter(each.reason for each in results if isinstance(each, Failed))
        self.history.append(
            RungRecord(
                rung=number,
                fidelity=rung.fidelity,
                arms=self._entrants,
                results=results,
                promoted=promoted,
                failures=dict(sorted(failures.items())),
                cost=len(results) * rung.price,
            )
        )
        self._entrants, self._missing = promoted, set(promoted)


def _order(standing: Standing[Any]) -> tuple[int, bool, float]:
    # The sort is stable, so equals stay in the order in which the arms were given.
    reached = 0 if standing.rung is None else standing.rung + 1
    score = standing.result.value if isinstance(standing.result, Ok) else 0.0
    return -reached, isinstance(standing.result, Failed), -score


def _shown(result: Result[float]) -> str:
    return f"failed ({result.reason})" if isinstance(result, Failed) else str(result.value)
