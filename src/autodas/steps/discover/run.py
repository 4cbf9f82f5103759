"""One discovery: evolve formulas whose scores rank distilled accuracies well."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from autodas.core.digest import digest
from autodas.core.looks import said
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Ok
from autodas.core.runs import Journal, RunDirectory, deciding
from autodas.evolution import GenerationRecord, Told, evolve, replay
from autodas.expressions import in_words, to_latex, to_text
from autodas.fitness import controlled
from autodas.scores import SCORES, Proxy, Term, formula_of
from autodas.scores.predictor import get_predictor
from autodas.statistics import STATISTICS
from autodas.statistics.short import price_of
from autodas.steps.benchmark.comparison import Contender, rows, values_of, verdict
from autodas.steps.benchmark.pair_rows import described, pair_rows, pair_verdict
from autodas.steps.discover.choosing import ChosenProxy, choose
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.evolving import Evolved, ProxySearch
from autodas.steps.discover.inputs import check_tables, held_out, load
from autodas.steps.discover.islands import on_islands
from autodas.steps.discover.sealing import GuidingFamily
from autodas.steps.explain.collapse import check_collapse
from autodas.steps.explain.drawing import draw
from autodas.tables import Split
from autodas.workbench.families import Family
from autodas.workbench.pair_families import PairFamily

__all__ = ["load", "prepare", "run", "what_it_sees"]

SIZE_BASELINES = ("params", "macs", "depth")
BASELINES = (*SIZE_BASELINES, "diswot_relation", "diswot_semantic", "diswot")


def run(config: DiscoverConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Discover a proxy and report it on architectures neither search nor selection has seen.

    Writes ``proxy.json`` and ``results.json``. The same configuration gives the same proxy, also
    after an interruption.
    """
    config.check()
    meant = check_tables(config)
    asked = deciding(config)
    with RunDirectory(config.out, "discover", asked, resolved=meant) as directory:
        start = time.perf_counter()
        sealed = load(config, progress)
        families = sealed.guiding
        measured = time.perf_counter() - start
        search = ProxySearch(config, families)
        journal = directory.journal.bound_to([family.table.digest for family in families])
        evolved = (_evolve if config.islands == 1 else on_islands)(search, journal, progress)
        choice = choose(search, evolved)
        proxy = _proxy(config, choice, families, digest(asked), progress)
        proxy.save(directory.path / "proxy.json")
        draw(proxy.terms, directory.path)
        unseen = held_out(config, proxy, progress)
        judged, looks = sealed.opened(proxy, directory.path, config.cache)
        results = _results(config, judged, evolved, choice, proxy, unseen=unseen)
        total = time.perf_counter() - start
        results["seconds"] = {"measure": measured, "evolve": total - measured, "total": total}
        directory.write_results(results)
    summary = [f"proxy: {proxy.formula}", *results["verdict"], *map(said, looks)]
    return results | {"looks": [asdict(each) for each in looks], "summary": summary}


def prepare(config: DiscoverConfig, progress: Progress = Silent()) -> int:
    """Measure what a discovery reads, so that it finds it cached; the networks run for it."""
    return sum(family.networks for family in load(config, progress).guiding)


def _evolve(search: ProxySearch, journal: Journal, progress: Progress) -> Evolved:
    """Run the search from where the journal ends."""
    algorithm = search.algorithm()
    replay(algorithm, map(Told.from_json, journal.unbroken()))
    progress.start("evolving", algorithm.generations, algorithm.generation)

    def keep(generation: Told) -> None:
        journal.append(generation.to_json())
        progress.advance()
        progress.state(search.facts(algorithm.history[-1], algorithm.best, algorithm.failures))

    several = search.config.selection == "nsga2"
    evolve(algorithm, search.evaluate, keep, search.objectives if several else None)
    progress.finish()
    return Evolved(algorithm.population, algorithm.history, _evaluated(journal))


def _evaluated(journal: Journal) -> Iterator[str]:
    """All formulas that did not fail, read again: a long search does not hold them in memory."""
    for generation in map(Told.from_json, journal.unbroken()):
        for key, fitness in zip(generation.keys, generation.fitness, strict=True):
            if isinstance(fitness, Ok):
                yield key


def _proxy(
    config: DiscoverConfig,
    choice: ChosenProxy,
    families: Sequence[GuidingFamily],
    asked: str,
    progress: Progress,
) -> Proxy:
    proxy = Proxy(
        config.name,
        choice.terms,
        provenance={
            "config": asked,
            "seed": config.seed,
            "split_seed": config.split_seed,
            "tables": [family.table.digest for family in families],
            "pairs": [family.describe() for family in families],
        },
        results={"search_tau": choice.search, "validation_tau": choice.validation},
    )
    if not config.collapse:
        return proxy
    places = {family.space.name: family for family in families}
    found = [
        check_collapse(
            proxy.score,
            family.space,
            family.table.architectures,
            family.protocol,
            terms=proxy.terms,
            most=config.collapse,
            cache=config.cache,
            jobs=config.workers,
            progress=progress,
        ).to_json()
        for family in places.values()
    ]
    for each in found:
        del each["networks"]  # how many were cached is no property of the proxy
    return replace(proxy, results={**proxy.results, "collapse": found})


def _results(
    config: DiscoverConfig,
    families: Sequence[Family],
    evolved: Evolved,
    choice: ChosenProxy,
    proxy: Proxy,
    *,
    unseen: Sequence[Family],
) -> dict[str, Any]:
    scores: list[Contender] = [
        proxy.score,
        *(SCORES.get(name) for name in BASELINES),
        get_predictor("predictor:shapes"),
    ]
    pairs = [family for family in families if isinstance(family, PairFamily)]
    plain = [family for family in families if not isinstance(family, PairFamily)]
    of_pairs = _of_pairs(pairs, proxy, config.seed)
    single = rows(plain, scores, seed=config.seed) + _held_out_rows(config, unseen, proxy)
    table = controlled(single + of_pairs, "delta_params")
    for row in table:
        row["discovered"] = row["score"] == proxy.name
    sees = what_it_sees(proxy.leaves)
    collapse = [each["sentence"] for each in proxy.results.get("collapse", [])]
    return {
        "seed": config.seed,
        "networks_measured": sum(family.networks for family in (*families, *unseen)),
        "evaluations": evolved.history[-1].evaluated,
        "failures": _failures(evolved),
        "pairs": [
            *(family.describe() for family in plain),
            *(each for family in pairs for each in described(family, family.unseen)),
            *(_described_held_out(family) for family in unseen),
        ],
        "proxy": {
            **spelled(proxy.terms),
            "nodes": proxy.size,
            "leaves": sorted(proxy.leaves),
            "search_tau": choice.search,
            "validation_tau": choice.validation,
            "path": [
                {"steps": steps, "validation_tau": tau, "error": error}
                for steps, tau, error in choice.path
            ],
            "sees": sees,
        },
        "history": [_generation(record, config.everywhere) for record in evolved.history],
        "rows": table,
        "scatter": [
            *(_scatter(family, proxy, family.split) for family in plain),
            *(_scatter(family, proxy, None) for family in unseen),
        ],
        "collapse": list(proxy.results.get("collapse", [])),
        "verdict": [
            *verdict(table[: len(single)], proxy.name),
            *pair_verdict(table[len(single) :], proxy.name),
            *(sentence for family in (*families, *unseen) for sentence in family.remade),
            sees,
            *collapse,
        ],
    }


def _of_pairs(pairs: Sequence[PairFamily], proxy: Proxy, seed: int) -> list[dict[str, Any]]:
    score = [proxy.score]
    return [row for family in pairs for row in pair_rows(family, score, family.unseen, seed=seed)]


def _failures(evolved: Evolved) -> dict[str, int]:
    """Reasons and how often, the most frequent first."""
    failures: Counter[str] = Counter()
    for record in evolved.history:
        failures.update(record.failures)
    return dict(failures.most_common())


def _described_held_out(family: Family) -> dict[str, Any]:
    """All of its architectures are unseen."""
    parts = {"n_search": 0, "n_validation": 0, "n_report": len(family.truth)}
    return family.describe() | parts | {"held_out": True}


def _held_out_rows(
    config: DiscoverConfig, unseen: Sequence[Family], proxy: Proxy
) -> list[dict[str, Any]]:
    """Rows on all architectures; that of the proxy also says how it does on the report part.

    The latter is what a proxy that was discovered on the same table is reported on.
    """
    sizes = [SCORES.get(name) for name in SIZE_BASELINES]
    table = rows(unseen, [proxy.score, *sizes], part="all", seed=config.seed)
    report = rows(unseen, [proxy.score], seed=config.seed)
    of_proxy = {(row["table"], row["target"]): row for row in report}
    for row in table:
        row["held_out"] = True
        if row["score"] == proxy.name:
            found = of_proxy[row["table"], row["target"]]
            row["on_report"] = {name: found.get(name) for name in ("n", "tau", "tau_given_size")}
    return table


def _generation(record: GenerationRecord, population: int) -> dict[str, Any]:
    return {
        "generation": record.generation,
        "best": record.best,
        "median": record.median,
        "elite_ratio": record.elite_ratio,
        "diversity": record.distinct_fitness / population,
        "failures": sum(record.failures.values()),
    }


def spelled(terms: Sequence[Term]) -> dict[str, Any]:
    """The terms as text, LaTeX and words, together and one by one."""
    each = [
        {
            "text": to_text(term.expression),
            "latex": to_latex(term.expression),
            "words": in_words(term.expression),
            "weight": term.weight,
            "scaled": term.scaled,
        }
        for term in terms
    ]
    if len(terms) == 1 and not terms[0].scaled:
        return {**{name: each[0][name] for name in ("text", "latex", "words")}, "terms": each}
    signed = [f"{term.weight:+.3g}" for term in terms]
    return {
        "text": formula_of(terms),
        "latex": " ".join(
            weight
            + (rf"\,Q\!\left({part['latex']}\right)" if part["scaled"] else rf"\,{part['latex']}")
            for weight, part in zip(signed, each, strict=True)
        ),
        "words": "; ".join(
            f"{weight} times {'the quantile of: ' if part['scaled'] else ''}{part['words']}"
            for weight, part in zip(signed, each, strict=True)
        ),
        "terms": each,
    }


def what_it_sees(leaves: frozenset[str]) -> str:
    """In one sentence, whether a formula knows more than shapes, and whether of the teacher."""
    if price := price_of(leaves):
        return (
            f"The formula reads short trainings: every student that it ranks costs {price} of a "
            "full training."
        )
    used = [STATISTICS.get(name) for name in leaves]
    if all(statistic.size for statistic in used):
        return "The formula reads layer sizes only: no image, gradient or teacher changes it."
    if all(statistic.origin == "intrinsic" for statistic in used):
        return "The formula looks at the student alone: another teacher would not change it."
    return "The formula has terms that compare the student with the teacher."


def _scatter(family: Family, proxy: Proxy, parts: Split | None) -> dict[str, Any]:
    """Points of a family; without parts, the whole of it is reported on."""
    values = values_of(proxy.score, family.subjects)
    part = np.full(len(family.truth), "report" if parts is None else "unused", dtype=object)
    if parts is not None:
        for name in ("search", "validation", "report"):
            part[getattr(parts, name)] = name
    return {
        "space": family.space.name,
        "target": family.target,
        "architectures": list(family.table.architectures),
        "accuracy": [None if np.isnan(v) else float(v) for v in family.truth],
        "score": None if isinstance(values, Failed) else values.value.tolist(),
        "params": family.sizes[0].tolist(),
        "part": part.tolist(),
    }
