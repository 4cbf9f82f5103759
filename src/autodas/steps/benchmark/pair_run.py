"""All pairs of a table in a benchmark: what scores know of teachers, of students, and of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autodas.core.errors import MissingData
from autodas.core.progress import Progress
from autodas.scores import Score
from autodas.steps.benchmark.config import BenchmarkConfig
from autodas.steps.benchmark.contenders import Contenders
from autodas.steps.benchmark.early import Early
from autodas.steps.benchmark.pair_rows import WHOLE, Parts, described, pair_rows
from autodas.steps.benchmark.table import TableDone
from autodas.workbench.budgets import parse_bytes
from autodas.workbench.pair_families import PairFamily, load_pairs

__all__ = ["PairRun"]


@dataclass(frozen=True)
class PairRun:
    """Compares scores on all pairs of one table; predictors have no part in it.

    Attributes:
        table: Name or file of the table.
        compared: Scores and their rivals.
        options: Configuration of the run.
        progress: Hears of every student that is measured.
    """

    table: str
    compared: Contenders
    options: BenchmarkConfig
    progress: Progress

    def run(self, *, optional: bool) -> TableDone:
        """All rows of the table; what was measured is in the cache.

        Args:
            optional: Leave the table out, with a reason, if data for it is missing.

        Raises:
            MissingData: data is missing and the table is not optional.
        """
        scores = [each for each in self.compared.each if isinstance(each, Score | Early)]
        try:
            family = self._family(scores)
        except MissingData as error:
            if not optional:
                raise
            self.progress.note(f"{self.table} is left out: {error}")
            return TableDone(self.table, skipped=str(error))
        # A proxy is judged on pairs of which neither student nor teacher, or not both, guided it.
        guided = {
            name
            for name, tables in self.compared.guided_by.items()
            if family.table.digest in tables
        }
        usual = self._parts(family)
        rows = pair_rows(
            family, [s for s in scores if s.name not in guided], usual, seed=self.options.seed
        )
        judged = [s for s in scores if s.name in guided]
        parts = dict(usual)
        if judged:
            parts |= family.unseen
            rows += pair_rows(family, judged, family.unseen, seed=self.options.seed)
        pairs = described(family, parts)
        return TableDone(self.table, pairs, rows, family.networks)

    def _parts(self, family: PairFamily) -> Parts:
        part = self.options.part
        if part == "all":
            return {WHOLE: np.arange(len(family.truth))}
        if part == "report":
            return family.unseen
        return {part: getattr(family.split, part)}

    def _family(self, scores: list[Score | Early]) -> PairFamily:
        options = self.options
        return load_pairs(
            self.table,
            sorted(frozenset[str]().union(*(each.leaves for each in scores))),
            options.protocol,
            space=options.space,
            cache=options.cache,
            jobs=options.workers,
            limit=options.limit,
            sample=options.sample,
            split_seed=options.split_seed,
            memory=parse_bytes(options.memory),
            progress=self.progress,
        )
