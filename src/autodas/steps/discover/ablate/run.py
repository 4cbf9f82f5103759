"""Ablations: the same discovery over several seeds, with one option in several settings.

Every variant and seed is an ordinary discovery in a folder of its own, ``STUDY/VARIANT/SEED``. So
an interrupted ablation goes on where it was, and every number can be looked into. Differences are
paired by seed, because the seed decides where a search starts.
"""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from autodas.core.digest import canonical_json
from autodas.core.errors import InvalidInput
from autodas.core.plugins import load_plugins
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.runs import RunDirectory, command_line, deciding
from autodas.core.seals import read_checked_json
from autodas.fitness import controlled
from autodas.steps.benchmark.page import write_between
from autodas.steps.benchmark.run import machine
from autodas.steps.discover import run as discovery
from autodas.steps.discover.ablate.page import MARKERS, summary_table, to_markdown
from autodas.steps.discover.ablate.rows import Outcome, Row, gaps, sentence, study_rows
from autodas.steps.discover.ablate.studies import STUDIES, Study, Variant, chosen_studies
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.inputs import check_tables
from autodas.workbench.measuring import plugins_for_searches
from autodas.workbench.protocol import Protocol
from autodas.workbench.shared_folder import Home, home

__all__ = ["STUDIES", "run"]

COMMAND = "ablate"


def run(config: DiscoverConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Run the studies of ``config.ablate``.

    Returns:
        ``rows``, one for each study, variant, table and target; ``verdict``, a sentence for each
        study; also written to ``results.json``.

    Raises:
        UnknownName: there is no study of a name.
        InvalidInput: a study does not fit the tables, or no discovery succeeded.
    """
    config.check()
    meant = check_tables(config)
    studies = chosen_studies(config.ablate)
    plain = replace(config, ablate=(), page=None)
    variants = {study.name: study.variants(plain) for study in studies}
    for variant in (each for several in variants.values() for each in several):
        variant.config.check()
    load_plugins(plugins_for_searches())  # as the workers do: what was asked for is compared
    asked = deciding(replace(config, ablate=tuple(study.name for study in studies)))
    with RunDirectory(
        config.out, "discover", asked, resolved=meant, folders=list(variants)
    ) as directory:
        start = time.perf_counter()
        units = [unit for name, some in variants.items() for unit in _units(config, name, some)]
        measured, failed = _discover_all(units, config, progress)
        rows = [
            row
            for study in studies
            for row in study_rows(study.name, _outcomes(study, variants[study.name], units, failed))
        ]
        rows = controlled(rows, "delta")
        results: dict[str, Any] = {
            "command": COMMAND,
            "asked": command_line("discover", config, also=("ablation_seeds",)),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": machine(),
            "studies": {study.name: study.about for study in studies},
            "discoveries": len(units),
            "networks_measured": measured,
            "rows": rows,
            "seconds": time.perf_counter() - start,
            "verdict": _verdict(studies, rows),
        }
        if len(failed) == len(units):
            raise InvalidInput(f"no discovery succeeded: {next(iter(failed.values()))}")
        directory.write_results(results)
    if config.page is not None:
        write_between(config.page, MARKERS, to_markdown(results))
    return results | {"summary": [*summary_table(rows), "", *results["verdict"]]}


def _verdict(studies: Sequence[Study], rows: Sequence[Row]) -> list[str]:
    """A sentence per study, of which at most 5 % of all that is claimed is expected to be luck."""
    mine = {study.name: [row for row in rows if row["study"] == study.name] for study in studies}
    found = controlled([gap for name, its in mine.items() for gap in gaps(name, its)], "gap")
    return [
        sentence(study, mine[study.name], [gap for gap in found if gap["study"] == study.name])
        for study in studies
    ]


@dataclass(frozen=True)
class _Unit:
    """One discovery."""

    study: str
    variant: str
    seed: int
    config: DiscoverConfig

    @property
    def key(self) -> str:
        """Equal for discoveries that have the same outcome."""
        return canonical_json(deciding(self.config))


def _units(config: DiscoverConfig, study: str, variants: Iterable[Variant]) -> list[_Unit]:
    seeds = range(config.seed, config.seed + config.ablation_seeds)
    return [
        _Unit(
            study,
            variant.name,
            seed,
            # Discoveries run side by side, so each is done by its worker alone.
            replace(
                variant.config,
                out=config.out / study / variant.name / str(seed),
                seed=seed,
                jobs=1,
                backend="serial",
                ray_address=None,
            ),
        )
        for variant in variants
        for seed in seeds
    ]


def _discover_all(
    units: Sequence[_Unit], config: DiscoverConfig, progress: Progress
) -> tuple[int, dict[Path, str]]:
    """Networks that had to be measured, and for each folder without results why it has none."""
    done = {unit.key: unit.config.out for unit in units if _finished(unit)}
    todo: dict[str, list[_Unit]] = {}
    for unit in units:
        if unit.key not in done:
            todo.setdefault(unit.key, []).append(unit)
        elif not _finished(unit):
            _copy(done[unit.key], [unit])
    groups = list(todo.values())
    measured = _measure(groups, config, progress)
    failed: dict[Path, str] = {}
    progress.start("ablating", len(units), len(units) - sum(map(len, groups)))
    plugins = plugins_for_searches()
    runner = config.workers.runner()
    with home(config.out, runner) as place:
        jobs = [_Job(group[0].config, plugins, place) for group in groups]
        for number, result in runner.run(_discover, jobs):
            group = groups[number]
            if isinstance(result, Failed):
                failed |= {unit.config.out: result.reason for unit in group}
                first = group[0]
                progress.note(f"{first.study} {first.variant} {first.seed}: {result.reason}")
            else:
                _copy(group[0].config.out, group[1:])
            progress.advance(len(group))
    progress.finish()
    return measured, failed


def _finished(unit: _Unit) -> bool:
    """Whether its folder holds its results, rather than those of something else.

    Raises:
        InvalidInput: the folder holds another discovery.
    """
    if not (unit.config.out / "results.json").is_file():
        return False
    asked, meant = deciding(unit.config), check_tables(unit.config)
    with RunDirectory(unit.config.out, "discover", asked, resolved=meant):
        return True


def _copy(source: Path, units: Iterable[_Unit]) -> None:
    """The same discovery in another study: found once, and kept in both folders."""
    for unit in units:
        shutil.rmtree(unit.config.out, ignore_errors=True)
        # Results last: a copy that is cut short must not look finished.
        shutil.copytree(source, unit.config.out, ignore=shutil.ignore_patterns("results.json"))
        shutil.copy(source / "results.json", unit.config.out / "results.json")


def _measure(groups: Sequence[Sequence[_Unit]], config: DiscoverConfig, progress: Progress) -> int:
    """Measure what discoveries read, once and with all processes, so that they find it cached."""
    # The most tables first: what others read is then there.
    ordered = sorted((group[0].config for group in groups), key=lambda each: -len(each.tables))
    measured, seen = 0, set[tuple[str, Protocol]]()
    for each in ordered:
        new = {(pair, each.protocol) for pair in each.tables}
        if not seen.issuperset(new):
            seen |= new
            measured += discovery.prepare(replace(each, **config.options), progress)
    return measured


@dataclass(frozen=True)
class _Job:
    config: DiscoverConfig
    plugins: tuple[str, ...]
    home: Home


def _discover(job: _Job) -> None:
    """One discovery, in a process of its own or here; it leaves its results in its folder."""
    torch.set_num_threads(1)
    load_plugins(job.plugins)
    job.home.require("ablations on several machines")
    discovery.run(job.config)


def _outcomes(
    study: Study, variants: Sequence[Variant], units: Sequence[_Unit], failed: dict[Path, str]
) -> list[Outcome]:
    found = []
    for variant in variants:
        mine = [u for u in units if (u.study, u.variant) == (study.name, variant.name)]
        results = {
            unit.seed: read_checked_json(unit.config.out / "results.json")
            for unit in mine
            if unit.config.out not in failed
        }
        why = {u.seed: failed[u.config.out] for u in mine if u.config.out in failed}
        found.append(Outcome(variant.name, results, why, variant.config.name))
    return found
