"""One table of a benchmark: measured once for all its targets, compared row by row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autodas.core.errors import InvalidInput, MissingData
from autodas.core.progress import Progress
from autodas.core.runs import Journal
from autodas.statistics.short import price_of
from autodas.steps.benchmark.comparison import Comparison, Contender
from autodas.steps.benchmark.config import BenchmarkConfig
from autodas.steps.benchmark.contenders import Contenders
from autodas.steps.benchmark.early import Early
from autodas.steps.benchmark.published import Published
from autodas.steps.benchmark.remeasured import (
    Seeds,
    alone,
    depends_on_seeds,
    seen_with_seeds,
    stability,
)
from autodas.steps.benchmark.repeated import over_splits
from autodas.tables import Table
from autodas.tables.pairs import is_pairs
from autodas.workbench.budgets import parse_bytes
from autodas.workbench.families import Family, as_labelled, load_family, split_of
from autodas.workbench.ground_truth import refuse_unused, space_of, table_among
from autodas.workbench.pair_families import ALL_PAIRS

__all__ = ["Pair", "TableDone", "TableRun", "pairs_of"]


@dataclass(frozen=True)
class Pair:
    """Where to compare.

    Attributes:
        table: Name or file of the table.
        target: Name of one of its targets.
        digest: SHA-256 of the table's file.
    """

    table: str
    target: str
    digest: str = field(default="", compare=False)


def pairs_of(tables: Sequence[str], targets: Sequence[str], space: str | None) -> list[Pair]:
    """Every table with every target that is asked for it.

    Args:
        tables: ``TABLE``, or ``TABLE:TARGET`` for a target of its own; ``TABLE:pairs`` for all
            pairs of student and teacher.
        targets: For tables without one. A training such as ``distilled`` stands for all targets of
            a table that are trained so.
        space: Of the architectures, if a table does not say.

    Raises:
        InvalidInput: a table has no such target; the message lists those it has.
    """
    found: dict[Pair, None] = {}
    opened: dict[str, Table] = {}
    for text in tables:
        name, _, own = text.partition(":")
        if not name:
            raise InvalidInput(f"a table is written NAME or NAME:TARGET, got {text!r}")
        table = opened[name] = table_among(name, space)
        space_of(table, space)
        if own == ALL_PAIRS and is_pairs(table):
            found[Pair(name, ALL_PAIRS, table.digest)] = None
            continue
        for wanted in (own,) if own else targets:
            alike = [t.name for t in table.targets.values() if wanted in (t.name, t.training)]
            if not alike:
                known = ", ".join(table.targets)
                raise InvalidInput(
                    f"table {table.name!r} has no target {wanted!r}; its targets are {known}"
                )
            found |= dict.fromkeys(Pair(name, target, table.digest) for target in alike)
    refuse_unused(space, opened.values())
    if not found:
        raise InvalidInput("target must name at least one column of the tables")
    return list(found)


@dataclass
class TableDone:
    """What came out for one table.

    Attributes:
        table: Its name.
        pairs: One description per target.
        rows: One per target and score.
        networks: Networks run.
        skipped: Why it was left out; empty if it was not.
    """

    table: str
    pairs: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    networks: int = 0
    skipped: str = ""


@dataclass(frozen=True)
class TableRun:
    """Compares scores on one table.

    Attributes:
        table: Name or file of the table.
        targets: Names of targets.
        compared: Scores and their rivals.
        options: Configuration of the run.
        journal: Keeps what is finished.
        progress: Hears of every row.
    """

    table: str
    targets: tuple[str, ...]
    compared: Contenders
    options: BenchmarkConfig
    journal: Journal
    progress: Progress

    def run(self, *, optional: bool) -> TableDone:
        """All rows of the table, from the journal where they are there.

        Args:
            optional: Leave the table out, with a reason, if data for it is missing.

        Raises:
            MissingData: data is missing and the table is not optional.
        """
        done = TableDone(self.table)
        known, described = self._known()
        wanted = [(target, each) for target in self.targets for each in self.compared.each]
        if any((t, each.name) not in known for t, each in wanted) or len(described) < len(
            self.targets
        ):
            try:
                done.networks = self._compute(known, described)
            except MissingData as error:
                if not optional:
                    raise
                self.progress.note(f"{self.table} is left out: {error}")
                return TableDone(self.table, skipped=str(error))
        done.pairs = [described[target] for target in self.targets]
        done.rows = [known[target, each.name] for target, each in wanted]
        return done

    def _known(self) -> tuple[dict[tuple[str, str], dict[str, Any]], dict[str, dict[str, Any]]]:
        """Rows by target and score, and descriptions by target, of an earlier run."""
        rows, described = {}, {}
        for record in self.journal.records():
            if record["table"] == self.table:
                if record["unit"] == "row":
                    rows[record["target"], record["row"]["score"]] = record["row"]
                else:
                    described[record["target"]] = record["pair"]
        return rows, described

    def _compute(
        self,
        known: dict[tuple[str, str], dict[str, Any]],
        described: dict[str, dict[str, Any]],
    ) -> int:
        """Fill in what is missing; the number of networks that were run."""
        options = self.options
        family = self._family(self.targets[0])
        if family.networks:
            described.clear()  # seconds of a run that was killed half-way are of less
        networks, seeds = family.networks, None
        for target in self.targets:
            mine = _on(family, target)
            if as_labelled(options.protocol, family.table, target) != family.protocol:
                # Of another task, or taught by another teacher.
                mine, seeds = self._family(target), None
                networks += mine.networks
            parts = {
                part: Comparison(mine, part, options.seed, options.top)
                for part in (options.part, "report")
            }
            if target not in described:
                described[target] = _describe(mine)
                self._keep("pair", target, pair=described[target])
            missing = [each for each in self.compared.each if (target, each.name) not in known]
            total = len(self.compared.each)
            task = f"comparing on {self.table}, {target}"
            self.progress.start(task, total, total - len(missing))
            for each in missing:
                if seeds is None and depends_on_seeds(each):
                    seeds = self._seeds(mine)
                    self.progress.start(task, total, total - len(missing))
                # A proxy is judged on accuracies that it was not found with.
                guided = family.table.digest in self.compared.guided_by.get(each.name, ())
                comparison = parts["report" if guided else options.part]
                own = self.compared.split_seeds.get(each.name, options.split_seed)
                if guided and own != options.split_seed:
                    other = dataclasses.replace(mine, split=split_of(mine.table, own))
                    comparison = dataclasses.replace(comparison, family=other)
                row = comparison.row(each)
                if options.splits > 1 and not guided:
                    row["splits"] = over_splits(
                        comparison, each, options.split_seed, options.splits
                    )
                if row["tau"] is not None:
                    shared = described[target]["seconds_per_arch"]
                    row["seconds_per_arch"] = self._seconds(comparison, each, shared, known)
                    row["seconds_alone"] = options.time
                    row["stability"] = stability(comparison, each, seeds or {})
                known[target, each.name] = row
                self._keep("row", target, row=row)
                self.progress.advance()
            self.progress.finish()
        return networks

    def _keep(self, unit: str, target: str, **content: Mapping[str, Any]) -> None:
        self.journal.append({"unit": unit, "table": self.table, "target": target, **content})

    def _family(self, target: str) -> Family:
        options = self.options
        leaves = sorted(frozenset[str]().union(*(each.leaves for each in self.compared.each)))
        return load_family(
            f"{self.table}:{target}",
            leaves,
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

    def _seeds(self, family: Family) -> Seeds:
        options = self.options
        return seen_with_seeds(
            family,
            self.compared.each,
            family.protocol,
            init_seeds=options.init_seeds,
            batch_seeds=options.batch_seeds,
            cache=options.cache,
            jobs=options.workers,
            progress=self.progress,
        )

    def _seconds(
        self,
        comparison: Comparison,
        contender: Contender,
        shared: float | None,
        known: Mapping[tuple[str, str], Mapping[str, Any]],
    ) -> float | None:
        """Seconds per architecture: of the score alone if asked for, else of all in one pass.

        What the table says has none, short trainings in formulas included: looking it up says
        nothing of what it cost.
        """
        if isinstance(contender, Early | Published) or price_of(contender.leaves):
            return None
        if not self.options.time:
            return shared if depends_on_seeds(contender) else None
        for (_, name), row in known.items():
            if name == contender.name and row.get("seconds_per_arch"):
                return float(row["seconds_per_arch"])  # timed for another target of the table
        return alone(comparison, contender)


def _on(family: Family, target: str) -> Family:
    """The same architectures, held against another target."""
    return dataclasses.replace(family, target=target, truth=family.table.target(target).values)


def _describe(family: Family) -> dict[str, Any]:
    """What a report says of the pair; the shared seconds are known only if it was measured now."""
    each = family.seconds / family.networks if family.networks else None
    return family.describe() | {"size": len(family.truth), "seconds_per_arch": each}
