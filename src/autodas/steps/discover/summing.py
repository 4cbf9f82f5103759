"""Every formula that a search has evaluated, and weighted sums of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.expressions import Call, Expression, parse
from autodas.fitness import Combination, FamilyFeatures, boosted, simplest
from autodas.scores import Scale, Term
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.sealing import GuidingFamily

__all__ = ["STEPS", "Library"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

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
        formulas = [parse(key) for key in keys]
        if self.common:
            formulas = [Call("asinh", (formula,)) for formula in formulas]
        return formulas if self.start is None else [parse(SIZE), *formulas]

    def cross_validated(self) -> tuple[list[FamilyFeatures], list[list[Floats]]]:
        """Truths of the known architectures; and for every number of steps the sum's values there,
        each architecture predicted by a sum that has not seen it.
        """
        known = {name: _known(family) for name, family in self.tables.items()}
        folds = {name: _folds(family)[known[name]] for name, family in self.tables.items()}
        families = self.search.families
        sums = [[np.zeros(len(known[f.table.name])) for f in families] for _ in STEPS]
        for fold in range(FOLDS):
            learnt = {name: known[name][folds[name] != fold] for name in known}
            scaled = self._scaled(learnt)
            path = self._boosted(self._parts(scaled, learnt))
            for steps, sum_ in zip(STEPS, sums, strict=True):
                chosen = path[min(steps, len(path)) - 1]
                for family, values in zip(families, sum_, strict=True):
                    name = family.table.name
                    rows = folds[name] == fold
                    values[rows] = chosen(scaled[name][known[name][rows]])
        empty = {name: np.zeros((len(f.truth), 1)) for name, f in self.tables.items()}
        return self._parts(empty, known), sums

    def fitted(self, steps: int) -> tuple[tuple[Term, ...], float]:
        """The terms after so many steps on all known architectures, and their mean τ-b there."""
        known = {name: _known(family) for name, family in self.tables.items()}
        parts = self._parts(self._scaled(known), known)
        path = self._boosted(parts)
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
        return boosted(parts, self.search.config.terms, slopes=self.common, start=self.start)

    def _scaled(self, rows: dict[str, Index]) -> dict[str, Floats]:
        """``(A, N)`` for each table, all architectures on the scales of the given rows."""
        if self.common:
            spread = self._spread(rows)
            return {
                name: (raw - raw[rows[name]].mean(axis=0)) / spread
                for name, raw in self.raw.items()
            }
        return {
            name: np.stack([Scale.fit(column[rows[name]])(column) for column in raw.T], axis=1)
            for name, raw in self.raw.items()
        }

    def _spread(self, rows: dict[str, Index]) -> Floats:
        """``(N,)`` root mean variance within tables; infinite where it is that of one table."""
        variances = np.stack([raw[rows[name]].var(axis=0) for name, raw in self.raw.items()])
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
        """The families restricted to some rows, every space weighing the same."""
        spaces = [family.space.name for family in self.search.families]
        return [
            FamilyFeatures(
                scaled[family.table.name][rows[family.table.name]],
                family.truth[rows[family.table.name]],
                family.table.name,
                1.0 / spaces.count(family.space.name),
            )
            for family in self.search.families
        ]

    def _scales(self, number: int, rows: dict[str, Index]) -> dict[str, Scale]:
        """The scale of one formula on every space, from all tables of that space."""
        values: dict[str, list[Floats]] = {}
        for name, family in self.tables.items():
            values.setdefault(family.space.name, []).append(self.raw[name][rows[name], number])
        return {space: Scale.fit(np.concatenate(each)) for space, each in values.items()}


def _known(family: GuidingFamily) -> Index:
    """Rows of search and validation part."""
    return np.sort(np.concatenate([family.split.search, family.split.validation]))


def _folds(family: GuidingFamily) -> Index:
    """``(A,)`` fold of every architecture, by digest; the same for those that are equal."""
    labels = family.table.groups or family.table.architectures
    return np.array([int(digest("fold", label)[:8], 16) % FOLDS for label in labels])
