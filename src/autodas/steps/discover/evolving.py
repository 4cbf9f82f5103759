"""The search for a proxy: what genomes are, how good one is, and which algorithm breeds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from autodas.core.results import Failed, Ok, Result
from autodas.evolution import (
    NSGA2,
    AdaptiveElite,
    Algorithm,
    Candidate,
    EliteEvolution,
    FixedElite,
    GenerationRecord,
    Individual,
    ParentSelection,
    RandomSearch,
    Rates,
    Tournament,
    Variation,
)
from autodas.expressions import (
    OVER_TEACHERS,
    RULES,
    Evaluator,
    Expression,
    Grammar,
    canonical,
    crossover,
    grow,
    mutate,
    observed_rules,
    to_text,
)
from autodas.fitness import Fitness, Goal, Objective
from autodas.scores.score import Values
from autodas.statistics import STATISTICS
from autodas.statistics.short import is_short
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.sealing import GuidingFamily
from autodas.workbench.budgets import parse_bytes
from autodas.workbench.families import Family
from autodas.workbench.pair_families import PairFamily

__all__ = ["Evolved", "ProxySearch", "grammar_of", "usable_leaves"]


@dataclass(frozen=True)
class Evolved:
    """What came of a search.

    Attributes:
        population: The formulas that survived, best first.
        history: A record for each generation.
        keys: Texts of all formulas that did not fail, in an order of their own.
    """

    population: Sequence[Individual[Expression]]
    history: Sequence[GenerationRecord]
    keys: Iterable[str]


Found = dict[str, Result[Values]]


class ProxySearch:
    """Formulas as genomes, judged on several families.

    Args:
        config: What is asked.
        families: Where formulas are judged; those of one table share what was measured.
    """

    def __init__(self, config: DiscoverConfig, families: Sequence[GuidingFamily]) -> None:
        self.config = config
        self.families = tuple(families)
        tables = {family.table.name: family for family in families}
        share = parse_bytes(config.memory) // (2 * len(tables))
        self.evaluators: dict[str, Evaluator] = {
            name: family.subjects.remembering(share, checked=True)
            for name, family in tables.items()
        }
        self.on_search = self.objective("search")
        self.on_validation = self.objective("validation")
        self.beyond_size = self.objective("search", size_control=1.0, lift=False)
        self.grammar = grammar_of(
            list(tables.values()),
            list(self.evaluators.values()),
            size_leaves=config.size_leaves,
            leaves=config.leaves,
        )

    def objective(
        self,
        part: Literal["search", "validation"],
        **changes: Any,  # noqa: ANN401 - options
    ) -> Objective:
        """What is maximised, on one part of the tables."""
        config = self.config
        options: dict[str, Any] = {
            "measure": config.fitness,
            "size_control": config.size_control,
            "lift": config.lift,
        }
        return Objective(
            [
                Goal(
                    f.name,
                    f.truth,
                    getattr(f.split, part),
                    sizes=np.array(f.sizes),
                    pairs=f.owners if isinstance(f, PairFamily) else None,
                )
                for f in self.families
            ],
            config.combine,
            **(options | changes),
        )

    def algorithm(self, seed: int | None = None) -> Algorithm[Expression]:
        """A fresh algorithm; by default with the seed that is asked for."""
        config, grammar, size = self.config, self.grammar, self.config.max_nodes
        variation = Variation[Expression](
            random=lambda rng: grow(grammar, rng, max_size=size),
            mutate=lambda e, rng: mutate(e, grammar, rng, max_size=size),
            crossover=lambda a, b, rng: crossover(a, b, grammar, rng, max_size=size),
            key=lambda e: to_text(canonical(e)),
        )
        shared: dict[str, Any] = {
            "population": config.population,
            "generations": config.generations,
            "seed": config.seed if seed is None else seed,
        }
        if config.selection == "random":
            return RandomSearch(variation, **shared)
        rates = self._rates()
        if config.selection == "nsga2":
            return NSGA2(variation, newcomers=config.newcomers, rates=rates, **shared)
        selections: dict[str, ParentSelection] = {
            "adaptive": AdaptiveElite(config.p_max, config.p_min),
            "fixed": FixedElite(config.p_min),
            "tournament": Tournament(config.tournament_size),
        }
        return EliteEvolution(
            variation,
            selection=selections[config.selection],
            newcomers=config.newcomers,
            rates=rates,
            twins=3,
            **shared,
        )

    def _rates(self) -> Rates | None:
        """What is asked for; None for what suits the algorithm."""
        config = self.config
        if config.crossover_rate is None and config.mutation_rate is None:
            return None
        usual = Rates(crossover=0.9) if config.selection == "nsga2" else Rates()
        asked = {"crossover": config.crossover_rate, "mutation": config.mutation_rate}
        return replace(usual, **{name: rate for name, rate in asked.items() if rate is not None})

    def values(self, expression: Expression) -> Found:
        """Its values by family; evaluated once for all targets of a table."""
        found = {name: each.evaluate(expression) for name, each in self.evaluators.items()}
        return {family.name: found[family.table.name] for family in self.families}

    def evaluate(self, candidates: Sequence[Candidate[Expression]]) -> list[Result[float]]:
        """The fitness of a generation."""
        return [self.fitness(candidate.genome) for candidate in candidates]

    def fitness(self, expression: Expression) -> Result[float]:
        """What the objective says, less what the length costs; formulas may be turned over."""
        found = self.judge(expression, self.on_search)
        if isinstance(found, Failed):
            return found
        return Ok(found.value[0].value - self.config.parsimony * canonical(expression).size)

    def objectives(
        self, candidates: Sequence[Candidate[Expression]], fitness: Sequence[Result[float]]
    ) -> list[tuple[float, ...]]:
        """Fitness, correlation beyond size, and shortness of each; for NSGA-II alone."""
        if self.config.selection != "nsga2":
            return []
        return [
            self._aims(candidate.genome, each)
            for candidate, each in zip(candidates, fitness, strict=True)
        ]

    def _aims(self, expression: Expression, fitness: Result[float]) -> tuple[float, ...]:
        if isinstance(fitness, Failed):
            return (0.0, 0.0, 0.0)
        values = self.values(expression)
        upright = self.on_search.either_way(values)
        beyond = self.beyond_size(values)
        sign = 1.0 if isinstance(upright, Failed) or upright.value[1] else -1.0
        left = sign * beyond.value.value if isinstance(beyond, Ok) else 0.0
        return (fitness.value, left, -float(canonical(expression).size))

    def judge(self, expression: Expression, objective: Objective) -> Result[tuple[Fitness, bool]]:
        """Fitness of the formula or its negative, and whether it is the formula itself."""
        return objective.either_way(self.values(expression))

    def facts(
        self, record: GenerationRecord, best: Individual[Expression] | None, failures: int
    ) -> dict[str, str | float]:
        """How the search stands, for people who watch it."""
        found: dict[str, str | float] = {}
        if best is not None:
            found = {"fitness": best.value, "formula": best.candidate.key}
            judged = self.judge(best.candidate.genome, self.on_search)
            if isinstance(judged, Ok):
                found |= {f"τ {name}": tau for name, tau in judged.value[0].parts.items()}
        found["elite ratio"] = record.elite_ratio or 0.0
        found["diversity"] = record.distinct_fitness / self.config.everywhere
        found["failures"] = failures
        return found


def grammar_of(
    families: Sequence[Family],
    evaluators: Iterable[Evaluator],
    *,
    size_leaves: bool,
    leaves: str = "both",
) -> Grammar:
    """All sensible formulas over the statistics that every family has.

    What is constant on the columns at hand, such as the trace of a correlation matrix, is left
    out as well.

    Args:
        families: One for each table.
        evaluators: Theirs.
        size_leaves: Whether mere sizes are among the leaves.
        leaves: ``both``, ``intrinsic`` (student alone), ``interaction`` (with the teacher) or
            ``apart`` (student alone and teacher alone).
    """
    usable = usable_leaves(families, size_leaves=size_leaves, leaves=leaves)
    types = {name: STATISTICS.get(name).type for name in usable}
    # A teacher on its own is the same for all students, unless they have several.
    several = any(isinstance(family, PairFamily) for family in families)
    fixed = [n for n in types if STATISTICS.get(n).origin == "teacher" and not several]
    observed = observed_rules(evaluators, types, fixed=fixed)
    sets = any(family.subjects.beside is not None for family in families)
    weights = dict.fromkeys(OVER_TEACHERS, 1.0) if sets else {}
    return Grammar(types, fixed=fixed, weights=weights, rules=(*RULES, *observed))


def usable_leaves(
    families: Iterable[Family], *, size_leaves: bool, leaves: str = "both"
) -> list[str]:
    """Statistics that every family has: a proxy must mean something on all of them.

    Of interaction leaves alone, the student's own are left out, so that every formula compares
    with the teacher.
    """
    allowed = {
        "intrinsic": {"intrinsic"},
        "interaction": {"interaction"},
        "apart": {"intrinsic", "teacher"},
    }.get(leaves, {"intrinsic", "interaction", "teacher"})
    kept = list(families)
    short = dict.fromkeys(n for f in kept for n in f.subjects.columns if is_short(n))
    return [
        s.name
        for s in (*STATISTICS, *map(STATISTICS.get, short))
        if (size_leaves or not s.size)
        and s.origin in allowed
        and all(s.name in f.subjects.columns for f in kept)
    ]
