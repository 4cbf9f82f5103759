"""Rank scores on ground truth, beside the plain sizes and with intervals."""

from __future__ import annotations

import datetime
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from autodas.core.errors import InvalidInput
from autodas.core.files import write_text
from autodas.core.looks import look, said
from autodas.core.progress import Progress, Silent
from autodas.core.runs import RunDirectory, command_line, deciding
from autodas.fitness import controlled
from autodas.scores import Score
from autodas.steps.benchmark.comparison import Contender, verdict
from autodas.steps.benchmark.config import (
    BenchmarkConfig,
    check_config,
    resolved,
)
from autodas.steps.benchmark.contenders import BASELINES, contenders
from autodas.steps.benchmark.page import write_results_page
from autodas.steps.benchmark.pair_rows import pair_verdict
from autodas.steps.benchmark.pair_run import PairRun
from autodas.steps.benchmark.table import Pair, TableDone, TableRun, pairs_of
from autodas.steps.benchmark.text import summary_table, to_csv, to_latex
from autodas.workbench.pair_families import ALL_PAIRS
from autodas.workbench.ways import digests_of

__all__ = ["BenchmarkConfig", "Config", "machine", "run", "summary_table"]

Config = BenchmarkConfig


def run(config: BenchmarkConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Compare scores; ``rows`` has one entry per score, table and target.

    Writes ``results.json``, ``table.csv`` and ``table.tex``. Finished rows are kept in the journal,
    so that an interrupted run goes on where it was.

    Raises:
        InvalidInput: an option is out of range, or a table has no such target.
        MissingData: a table, its images or its teacher is not on this machine; with a preset, that
            table is left out instead and named under ``skipped``.
    """
    asked = command_line("benchmark", config)
    config = resolved(config)
    check_config(config)
    compared = contenders(config.scores)
    pairs = pairs_of(config.table, config.target, config.space)
    # A formula, proxy file, table or teacher of one name may have changed.
    meant = {
        "formulas": {each.name: each.formula for each in compared.each if isinstance(each, Score)},
        "tables": {pair.table: pair.digest for pair in pairs},
        "teachers": digests_of(config.protocol.named),
    }
    with RunDirectory(config.out, "benchmark", deciding(config), resolved=meant) as directory:
        start = time.perf_counter()
        runs: list[TableRun | PairRun] = [
            PairRun(table, compared, config, progress)
            if targets == (ALL_PAIRS,)
            else TableRun(table, targets, compared, config, directory.journal, progress)
            for table, targets in _by_table(pairs)
        ]
        done = [each.run(optional=config.preset is not None) for each in runs]
        rows = controlled([row for part in done for row in part.rows], "delta_params")
        results: dict[str, Any] = {
            "asked": asked,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": machine(),
            "part": config.part,
            "pairs": [pair for part in done for pair in part.pairs],
            "skipped": {part.table: part.skipped for part in done if part.skipped},
            "rows_on_report": dict(
                Counter(row["table"] for row in rows if row["part"] == "report")
            ),
            "networks_measured": sum(part.networks for part in done),
            "rows": rows,
            "seconds": time.perf_counter() - start,
            "verdict": [*_verdict(compared.each, rows), *_remade(done)],
        }
        if not rows:
            raise InvalidInput("nothing could be compared: " + "; ".join(_skips(results)))
        looks = look(directory.path, _opened(rows, pairs), config.cache)
        directory.write_results(results)
        write_text(directory.path / "table.csv", to_csv(rows))
        write_text(directory.path / "table.tex", to_latex(rows))
    results |= {"looks": [asdict(each) for each in looks]}
    if config.page is not None:
        write_results_page(results, config.page)
    lines = [*summary_table(rows), "", *results["verdict"], *_skips(results), *map(said, looks)]
    return results | {"summary": lines}


def _opened(rows: Sequence[Mapping[str, Any]], pairs: Sequence[Pair]) -> dict[str, str]:
    """Tables of whose report part any row has seen something, with their digests."""
    seen = {row["table"] for row in rows if row["part"] not in ("search", "validation")}
    return {pair.table: pair.digest for pair in pairs if pair.table in seen}


def _by_table(pairs: Sequence[Pair]) -> list[tuple[str, tuple[str, ...]]]:
    """Tables with their targets; all pairs of a table stand by themselves."""
    found: dict[tuple[str, bool], tuple[str, ...]] = {}
    for pair in pairs:
        key = pair.table, pair.target == ALL_PAIRS
        found[key] = (*found.get(key, ()), pair.target)
    return [(table, targets) for (table, _), targets in found.items()]


def _verdict(compared: Sequence[Contender], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Per score, one sentence per table and target; predictors need none, they are rivals."""
    of_pairs = [row for row in rows if row.get("of") == "pairs"]
    pairs = dict.fromkeys((row["table"], row["target"]) for row in rows if row.get("of") != "pairs")
    told = [
        line
        for each in compared
        if isinstance(each, Score) and each.name not in BASELINES
        for pair in pairs
        for line in verdict(
            [row for row in rows if (row["table"], row["target"]) == pair],
            each.name,
            called=each.name,
            unseen=False,
        )
    ]
    for each in compared:
        if isinstance(each, Score) and each.name not in BASELINES:
            mine = dict.fromkeys(row["part"] for row in of_pairs if row["score"] == each.name)
            told += [
                line for part in mine for line in pair_verdict(of_pairs, each.name, part, each.name)
            ]
    return told


def _remade(done: Sequence[TableDone]) -> list[str]:
    """What to know of teachers that are other networks than when their table was made."""
    told = (each for part in done for pair in part.pairs for each in pair["remade_teachers"])
    return list(dict.fromkeys(told))


def _skips(results: Mapping[str, Any]) -> list[str]:
    return [f"{table} was left out: {why}" for table, why in results["skipped"].items()]


def machine() -> dict[str, Any]:
    """Cores and GiB of memory that numbers were made with."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cores": os.cpu_count(), "gib": round(gib, 1)}
