"""Evaluating expressions for all architectures at once, remembering sub-expressions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from weakref import proxy

import numpy as np
import numpy.typing as npt

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.core.values import BesideEach, Column, Kind, Layout
from autodas.expressions.node import Call, Expression, Leaf
from autodas.expressions.tremble import as_ranked, stand_still
from autodas.primitives import (
    LIMIT,
    PRIMITIVES,
    Form,
    LayoutMismatch,
    Primitive,
    apply,
    apply_to_rows,
)

__all__ = ["BY_ROUNDING", "ROUNDING", "Evaluator", "is_constant"]

# Values up to this many bytes are numbers per layer or architecture: cheap to keep, dear to lose.
_SMALL = 1 << 16

# What Python needs for a remembered value beside its numbers: the expression, the column, the
# array and their place in the table. Without it, a memo of numbers per architecture of a small
# table would take ten times the memory it is allowed.
_OVERHEAD = 1024

ROUNDING = 1e-6

BY_ROUNDING = "decided by rounding"
"""Why a formula has no scores that change with the last digits of the statistics."""


def is_constant(scores: npt.NDArray[np.float64]) -> bool:
    """Whether scores differ by no more than the rounding of float32 sums.

    The spread is compared with the largest magnitude: at most 1e-6 of it is no information.
    """
    spread = float(np.max(scores) - np.min(scores))
    return spread <= ROUNDING * float(np.max(np.abs(scores)))


class _Unavailable(Exception):
    """An expression has no value for a reason that is worth counting."""


class Evaluator:
    """Evaluates expressions on measured statistics.

    Args:
        columns: The statistics by name; a :class:`Failed` says why one could not be measured.
        memo_bytes: How much memory remembered sub-expressions may take. Scores do not depend
            on it.
        primitives: The primitives that may be used.
        double: The statistics were measured in double precision. Scores are then rounded to single
            precision, so that they are the same on every processor.
        trembling: Evaluates on the statistics changed in their last digits; scores that follow
            them are refused.
        beside: The statistics again beside every single teacher of a set, of which ``columns`` has
            the mean.

    Raises:
        InvalidInput: the columns are of different numbers of architectures.
    """

    def __init__(
        self,
        columns: Mapping[str, Column | Failed],
        memo_bytes: int = 1 << 29,
        primitives: Catalog[Primitive] = PRIMITIVES,
        *,
        double: bool = False,
        trembling: Evaluator | None = None,
        beside: BesideEach | None = None,
    ) -> None:
        self._columns = dict(columns)
        self._primitives = primitives
        self._double = double
        self._shadow = trembling
        self._beside = beside
        if beside is not None:
            memo_bytes //= 2
            self._each = _EachTeacher(self, beside, memo_bytes)
        counts = {
            name: column.layout.architectures
            for name, column in self._columns.items()
            if isinstance(column, Column)
        }
        if len(set(counts.values())) > 1:
            raise InvalidInput(f"statistics of different numbers of architectures: {counts}")
        self.architectures = next(iter(counts.values()), 0)
        self._problems: dict[str, str] = {}
        # Numbers have a memo of their own, so that entry buffers cannot push them out.
        self._numbers = _Memo(memo_bytes // 4)
        self._entries = _Memo(memo_bytes - memo_bytes // 4)

    def evaluate(
        self, expression: Expression, *, allow_constant: bool = False
    ) -> Result[npt.NDArray[np.float64]]:
        """Scores ``(A,)`` of all architectures, or why there are none.

        Reasons: ``missing statistic X: why``, ``non-finite statistic X for n of A
        architectures``, ``no layers to aggregate for n of A architectures``, ``non-finite score
        for n of A architectures``, ``constant score``, ``decided by rounding``, and layouts that do
        not correspond.

        Args:
            expression: An expression of type scalar.
            allow_constant: Accept scores that are the same for all architectures (always
                accepted if there is only one).

        Raises:
            InvalidInput: the expression is not well typed or not a scalar.
        """
        try:
            column = self._value(expression)
        except (_Unavailable, LayoutMismatch) as error:
            return Failed(str(error))
        if column.type.kind is not Kind.SCALAR:
            raise InvalidInput(f"a score must be a scalar, {expression} is a {column.type}")
        scores = np.array(column.data, dtype=np.float64)
        bad = int(np.count_nonzero(~np.isfinite(scores)))
        if bad:
            return Failed(f"non-finite score for {bad} of {len(scores)} architectures")
        if not allow_constant and len(scores) > 1 and is_constant(scores):
            return Failed("constant score")
        if self._shadow is not None:
            others = self._shadow.evaluate(expression, allow_constant=True)
            if isinstance(others, Failed) or not stand_still(scores, others.value):
                return Failed(BY_ROUNDING)
        return Ok(as_ranked(scores) if self._double and len(scores) else scores)

    def evaluate_value(self, expression: Expression) -> Column:
        """The value of any expression, for inspection; not to be written to.

        Raises:
            InvalidInput: the expression is not well typed or cannot be evaluated.
        """
        try:
            return self._value(expression)
        except _Unavailable as error:
            raise InvalidInput(str(error)) from None

    def _value(self, node: Expression) -> Column:
        if isinstance(node, Leaf):
            return self._leaf(node.name)
        for memo in (self._numbers, self._entries):
            known = memo.get(node)
            if known is not None:
                return known
        if self._primitives.get(node.name).form is Form.OVER_TEACHERS:
            value = self._over_teachers(node)
        else:
            value = self._applied(node)
        value.data.setflags(write=False)
        (self._numbers if value.nbytes <= _SMALL else self._entries).put(node, value)
        return value

    def _applied(self, node: Call) -> Column:
        primitive = self._primitives.get(node.name)
        args = tuple(self._value(arg) for arg in node.args)
        try:
            value = apply(primitive, args)
        except np.linalg.LinAlgError:
            raise _Unavailable(f"{primitive.name} did not converge") from None
        if value.type.kind is Kind.SCALAR and args[0].type.kind is not Kind.SCALAR:
            self._check_segments(args[0])
        return value

    def _over_teachers(self, node: Call) -> Column:
        if self._beside is None:  # one teacher
            return self._applied(node)
        args = tuple(self._each._value(arg) for arg in node.args)
        return apply_to_rows(self._primitives.get(node.name), args, self._beside.layout)

    def _leaf(self, name: str) -> Column:
        column = self._columns.get(name)
        if isinstance(column, Failed):
            raise _Unavailable(f"missing statistic {name}: {column.reason}")
        if column is None:
            raise _Unavailable(f"missing statistic {name}: not measured")
        if name not in self._problems:
            self._problems[name] = _problem(name, column)
        if self._problems[name]:
            raise _Unavailable(self._problems[name])
        return column

    def _check_segments(self, column: Column) -> None:
        empty = int(np.count_nonzero(np.diff(column.layout.offsets) == 0))
        if empty:
            total = column.layout.architectures
            raise _Unavailable(f"no layers to aggregate for {empty} of {total} architectures")


class _EachTeacher(Evaluator):
    """Evaluates beside every single teacher of a set; what is of the whole set is asked of it."""

    def __init__(self, whole: Evaluator, beside: BesideEach, memo_bytes: int) -> None:
        gaps = {name: each for name, each in whole._columns.items() if isinstance(each, Failed)}
        super().__init__({**gaps, **beside.columns}, memo_bytes, whole._primitives)
        self._owner = beside.owner
        # No cycle: what is remembered is freed with the evaluator, not some time later.
        self._whole: Evaluator = proxy(whole)

    def _over_teachers(self, node: Call) -> Column:
        found = self._whole._value(node)
        rows = len(self._owner)
        layout = Layout(rows, np.arange(rows), ((),) * rows, np.ones(rows))
        return Column(found.type, found.data[self._owner], layout)


def _problem(name: str, column: Column) -> str:
    """Why a statistic cannot be used, empty if it can."""
    if np.all(np.abs(column.data) <= LIMIT):
        return ""
    if column.type.kind is Kind.SCALAR:
        owners = np.flatnonzero(~(np.abs(column.data) <= LIMIT))
    else:
        per_segment = np.zeros(column.layout.segments, dtype=bool)
        if column.type.kind is Kind.VECTOR:
            per_segment = ~(np.abs(column.data) <= LIMIT)
        else:
            for group, block in column.blocks():
                flat = block.reshape(len(group.segments), -1)
                per_segment[group.segments] = ~np.all(np.abs(flat) <= LIMIT, axis=1)
        owners = np.unique(column.layout.owner[per_segment])
    total = column.layout.architectures
    return f"non-finite statistic {name} for {len(owners)} of {total} architectures"


class _Memo:
    """Columns by expression, least recently used out first, bounded by bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._columns: OrderedDict[Expression, Column] = OrderedDict()

    def get(self, key: Expression) -> Column | None:
        column = self._columns.get(key)
        if column is not None:
            self._columns.move_to_end(key)
        return column

    def put(self, key: Expression, column: Column) -> None:
        size = column.nbytes + _OVERHEAD
        if size > self._limit:
            return
        self._columns[key] = column
        self._held += size
        while self._held > self._limit:
            _, dropped = self._columns.popitem(last=False)
            self._held -= dropped.nbytes + _OVERHEAD
