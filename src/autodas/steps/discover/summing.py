"""Every formula that a search has evaluated, and weighted sums of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.expressions import Call, Expression, parse
from autodas.fitness import Combination, FamilyFeatures, Unseen, boosted, simplest
from autodas.scores import SCORES, Scale, Term
from autodas.scores.predictor import STUDENT_SCORES
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.sealing import GuidingFamily

__all__ = ["STEPS", "Library"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

STEPS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 80, 120, 200)
"""Numbers of boosting steps that are compared."""

FOLDS = 5
SIZE = "log(params)"
MOST_OF_ONE = 0.8
"""Share of a formula's variance that may lie within one space, if it is to say something of all."""


class Library:
    """Values of all evaluated formulas, brought to one scale, and sums of them.

    In *quantiles* each formula has a scale on every space. The *common* scale is one for all: the
    inverse hyperbolic sine of the formula in units of its spread within spaces. Where sizes differ
    much they decide, where they are much the same all else does, and a new space needs no scale.
    Such a sum starts with the logarithm of #params, if sizes are among the leaves.

    Args:
        search: The search.
        keys: Texts of the formulas.

    Raises:
        InvalidInput: none of them has values on all tables.
    """

    def __init__(self, search: ProxySearch, keys: Sequence[str]) -> None:
        self.search = search
        self.common = search.config.scale == "common"
        self.start = 0 if self.common and search.config.size_leaves else None
        self.expressions: list[Expression] = []
        columns: dict[str, list[Floats]] = {name: [] for name in search.evaluators}
        for expression in self._candidates(keys):
            found = {n: e.evaluate(expression) for n, e in search.evaluators.items()}
            values = {n: each.value for n, each in found.items() if isinstance(each, Ok)}
            if len(values) == len(found):
                self.expressions.append(expression)
                for name, each in values.items():
                    columns[name].append(np.asarray(each, dtype=np.float64))
        if not self.expressions:
            raise InvalidInput("no formula has values on all tables, so none can be added up")
        self.raw = {name: np.stack(each, axis=1) for name, each in columns.items()}
        # Families of one table have the same rows.
        self.tables = {family.table.name: family for family in search.families}

    def _candidates(self, keys: Sequence[str]) -> list[Expression]:
        published = _published() if self.search.config.statistics == "scores" else []
        formulas = [parse(key) for key in dict.fromkeys([*published, *keys])]
        if self.common:
            formulas = [Call("asinh", (formula,)) for formula in formulas]
        return formulas if self.start is None else [parse(SIZE), *formulas]

    def among(self, families: Sequence[GuidingFamily], config: DiscoverConfig) -> Library:
        """The same formulas on some of the families, added up as another configuration says.

        The scale is that of this library.
        """
        chosen = copy(self)
        chosen.search = copy(self.search)
        chosen.search.config, chosen.search.families = config, tuple(families)
        chosen.tables = {family.table.name: family for family in families}
        chosen.raw = {name: self.raw[name].copy() for name in chosen.tables}
        return chosen

    def cross_validated(self) -> tuple[list[FamilyFeatures], list[list[Floats]]]:
        """Truths of the known architectures; and for every number of steps the sum's values there,
        each architecture predicted by a sum that has not seen it, or nothing of its space.
        """
        known = {name: _known(family) for name, family in self.tables.items()}
        families = self.search.families
        sums = [[np.zeros(len(known[f.table.name])) for f in families] for _ in STEPS]
        for unseen in self._left_out(known):
            learnt = {name: rows[~unseen[name]] for name, rows in known.items()}
            scaled = self._scaled(learnt)
            path = self._boosted(self._parts(scaled, learnt))
            for steps, sum_ in zip(STEPS, sums, strict=True):
                if not path:  # nothing gains anything: all count the same
                    break
                chosen = path[min(steps, len(path)) - 1]
                for family, values in zip(families, sum_, strict=True):
                    name = family.table.name
                    rows = unseen[name]
                    values[rows] = chosen(scaled[name][known[name][rows]])
        empty = {name: np.zeros((len(f.truth), 1)) for name, f in self.tables.items()}
        return self._parts(empty, known), sums

    def _left_out(self, known: dict[str, Index]) -> Iterator[dict[str, Mask]]:
        """Which of the known architectures are left out at a time, by table."""
        if self.search.config.leave_out == "architectures":
            folds = {name: _folds(family)[known[name]] for name, family in self.tables.items()}
            for fold in range(FOLDS):
                yield {name: each == fold for name, each in folds.items()}
            return
        spaces = {name: family.space.name for name, family in self.tables.items()}
        for left_out in dict.fromkeys(spaces.values()):
            yield {
                name: np.full(len(rows), spaces[name] == left_out) for name, rows in known.items()
            }

    def fitted(self, steps: int) -> tuple[tuple[Term, ...], float]:
        """The terms after so many steps on all known architectures, and their mean τ-b there.

        Raises:
            InvalidInput: no term gains anything on spaces that are left out.
        """
        known = {name: _known(family) for name, family in self.tables.items()}
        parts = self._parts(self._scaled(known), known)
        path = self._boosted(parts)
        if not path:
            raise InvalidInput(
                "no formula gains anything on spaces that are left out; start from sizes "
                "(scale common), or leave out architectures"
            )
        final = path[min(steps, len(path)) - 1]
        _, (mean,), _ = simplest(parts, [[final(each.features) for each in parts]], resamples=1)
        chosen = zip(final.chosen, final.weights, strict=True)
        if self.common:
            spread = self._spread(known)
            terms = [Term(self.expressions[n], float(weight / spread[n])) for n, weight in chosen]
        else:
            terms = [
                Term(self.expressions[n], float(weight), self._scales(n, known), scaled=True)
                for n, weight in chosen
            ]
        return tuple(terms), mean

    def _boosted(self, parts: Sequence[FamilyFeatures]) -> list[Combination]:
        config = self.search.config
        unseen: Unseen | None = None
        if config.leave_out == "spaces":
            unseen = "min" if config.combine == "min" else "sure"
        return boosted(parts, config.terms, slopes=self.common, start=self.start, unseen=unseen)

    def _scaled(self, rows: dict[str, Index]) -> dict[str, Floats]:
        """``(A, N)`` for each table, all architectures on the scales of the given rows.

        A table without such rows has a scale of its own, which takes no label.
        """
        own = {name: raw[rows[name]] if len(rows[name]) else raw for name, raw in self.raw.items()}
        if self.common:
            spread = self._spread(rows)
            return {name: (raw - own[name].mean(axis=0)) / spread for name, raw in self.raw.items()}
        return {
            name: np.stack(
                [Scale.fit(seen)(each) for seen, each in zip(own[name].T, raw.T, strict=True)],
                axis=1,
            )
            for name, raw in self.raw.items()
        }

    def _spread(self, rows: dict[str, Index]) -> Floats:
        """``(N,)`` root mean variance within tables; infinite where it is that of one table."""
        variances = np.stack(
            [raw[rows[name]].var(axis=0) for name, raw in self.raw.items() if len(rows[name])]
        )
        total = variances.sum(axis=0)
        lopsided = variances.max(axis=0) > MOST_OF_ONE * total
        if len(variances) == 1:
            lopsided[:] = False
        if self.start is not None:
            lopsided[self.start] = False
        flat = total < 1e-12 * len(variances)
        spread: Floats = np.where(flat | lopsided, np.inf, np.sqrt(total / len(variances)))
        return spread

    def _parts(self, scaled: dict[str, Floats], rows: dict[str, Index]) -> list[FamilyFeatures]:
        """The families restricted to rows of theirs, if any; every space weighs the same."""
        families = [f for f in self.search.families if len(rows[f.table.name])]
        spaces = [family.space.name for family in families]
        return [
            FamilyFeatures(
                scaled[family.table.name][rows[family.table.name]],
                family.truth[rows[family.table.name]],
                family.table.name,
                1.0 / spaces.count(family.space.name),
                family.space.name,
            )
            for family in families
        ]

    def _scales(self, number: int, rows: dict[str, Index]) -> dict[str, Scale]:
        """The scale of one formula on every space, from all tables of that space."""
        values: dict[str, list[Floats]] = {}
        for name, family in self.tables.items():
            values.setdefault(family.space.name, []).append(self.raw[name][rows[name], number])
        return {space: Scale.fit(np.concatenate(each)) for space, each in values.items()}


def _published() -> list[str]:
    """Formulas of the published scores of a student alone."""
    formulas = [SCORES.get(name).formula for name in STUDENT_SCORES]
    return [formula for formula in formulas if formula is not None]


def _known(family: GuidingFamily) -> Index:
    """Rows of search and validation part."""
    return np.sort(np.concatenate([family.split.search, family.split.validation]))


def _folds(family: GuidingFamily) -> Index:
    """``(A,)`` fold of every architecture, by digest; the same for those that are equal."""
    labels = family.table.groups or family.table.architectures
    return np.array([int(digest("fold", label)[:8], 16) % FOLDS for label in labels])
