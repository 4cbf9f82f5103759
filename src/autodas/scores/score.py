"""What a score is, what it sees, and the catalogue of named ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Result
from autodas.core.values import SCALAR, BesideEach, Column, Type
from autodas.expressions import Evaluator, Expression, parse, trembling, type_of
from autodas.statistics import STATISTICS, spilled
from autodas.statistics.short import is_short

__all__ = ["SCORES", "Score", "Subjects", "Values", "leaf_types", "of_expression", "parse_score"]

Values = npt.NDArray[np.float64]

DEFAULT_MEMORY = 1 << 29


@dataclass(frozen=True, eq=False)
class Subjects:
    """What scores see of A architectures.

    Attributes:
        architectures: Their strings.
        depth: ``(A,)`` blocks one after the other.
        columns: Statistics measured on all of them.
        missing: Statistic -> why it is not among the columns.
        space: Name of their space.
        double: Whether they were measured in double precision.
        beside: The same statistics beside each of several teachers, of which ``columns`` has the
            mean; None if there is one.
    """

    architectures: tuple[str, ...]
    depth: Values
    columns: Mapping[str, Column]
    missing: Mapping[str, str]
    space: str = ""
    double: bool = False
    beside: BesideEach | None = None

    @cached_property
    def evaluator(self) -> Evaluator:
        """Evaluates expressions on the columns, sharing common parts between scores."""
        return self.remembering(DEFAULT_MEMORY)

    def within(self, memory: int) -> Subjects:
        """The same, with columns beyond ``memory`` bytes on disk."""
        if self.beside is None:
            return replace(self, columns=spilled(self.columns, memory))
        beside = replace(self.beside, columns=spilled(self.beside.columns, memory // 2))
        return replace(self, columns=spilled(self.columns, memory // 2), beside=beside)

    def remembering(self, memory: int, *, checked: bool = False) -> Evaluator:
        """An evaluator that remembers parts of expressions.

        Args:
            memory: Bytes that it may take.
            checked: Refuse scores that are decided by rounding, as far as that can be told:
                where statistics were measured in double precision.
        """
        gaps = {name: Failed(reason) for name, reason in self.missing.items()}
        columns: dict[str, Column | Failed] = {**self.columns, **gaps}
        if not (checked and self.double):
            return Evaluator(columns, memory, double=self.double, beside=self.beside)
        other = self._trembling().within(memory // 3)
        share = (memory - memory // 3) // 2
        shadow = Evaluator({**other.columns, **gaps}, share, beside=other.beside)
        return Evaluator(columns, share, double=True, trembling=shadow, beside=self.beside)

    def _trembling(self) -> Subjects:
        """The same, with statistics that are changed in their last digits."""
        beside = self.beside and replace(self.beside, columns=_changed(self.beside.columns))
        return replace(self, columns=_changed(self.columns), beside=beside)


def _changed(columns: Mapping[str, Column]) -> dict[str, Column]:
    return {name: trembling(column, name) for name, column in columns.items()}


def _never(_space: str) -> bool:
    return False


@dataclass(frozen=True)
class Score:
    """A number per architecture, higher meaning better.

    Attributes:
        name: What it is called in tables and commands.
        compute: Its values, ``(A,)`` finite numbers, or the reason why there are none.
        leaves: Statistics it needs.
        description: One line.
        reference: Where it is defined.
        formula: Its text in the proxy language, if it can be said there.
        calibrate: Makes the score of a space for which it has no scale yet, from what scores see
            of a sample of that space; None if it needs no scale.
        unscaled: Whether a scale is missing for the space of that name.
        sign: What the published quantity is multiplied with so that higher is better: -1 for
            losses and condition numbers.
        found_on: Names of the spaces whose labels it was found with, if it was.

    Raises:
        InvalidInput: the sign is neither 1 nor -1.
    """

    name: str
    compute: Callable[[Subjects], Result[Values]]
    leaves: frozenset[str]
    description: str
    reference: str = ""
    formula: str | None = None
    calibrate: Callable[[str, Subjects], Result[Score]] | None = None
    unscaled: Callable[[str], bool] = _never
    sign: int = 1
    found_on: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise InvalidInput(
                f"the sign of the score {self.name} must be 1 or -1, got {self.sign}"
            )

    @property
    def asks_teacher(self) -> bool:
        """Whether its values depend on the teacher."""
        return any(STATISTICS.get(name).origin != "intrinsic" for name in self.leaves)


SCORES: Catalog[Score] = Catalog("score")


def leaf_types() -> dict[str, Type]:
    """Type of every statistic, as the language needs it."""
    return {statistic.name: statistic.type for statistic in STATISTICS}


def parse_score(formula: str) -> Expression:
    """The expression of a formula that has one number per network.

    Raises:
        InvalidInput: the formula is malformed, ill-typed or not a scalar.
        UnknownName: it names a statistic or primitive that does not exist.
    """
    expression = parse(formula)
    short = {name: SCALAR for name in expression.leaves if is_short(name)}
    found = type_of(expression, leaf_types() | short)
    if found != SCALAR:
        raise InvalidInput(f"a score must be a scalar, but {formula} is {found}")
    return expression


def of_expression(
    name: str, formula: str, description: str, reference: str = "", *, sign: int = 1
) -> Score:
    """A score defined by a formula of the proxy language.

    Args:
        name: What to call it.
        formula: Its definition, the sign included.
        description: One line.
        reference: Where it is defined.
        sign: What the published quantity is multiplied with in the formula.

    Raises:
        InvalidInput: the formula is malformed or ill-typed, or the sign is neither 1 nor -1.
        UnknownName: it names a statistic or primitive that does not exist.
    """
    expression = parse_score(formula)
    return Score(
        name,
        # Equal scores are no failure here: a search breaks ties, a correlation refuses them.
        lambda subjects: subjects.evaluator.evaluate(expression, allow_constant=True),
        expression.leaves,
        description,
        reference,
        formula,
        sign=sign,
    )
