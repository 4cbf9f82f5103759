"""What a discovery looks at: the tables it is asked for, with their statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.fitness import correlate
from autodas.scores import SCORES, Proxy
from autodas.scores.closed_forms import LEAVES
from autodas.scores.predictor import STUDENT_SCORES
from autodas.scores.score import Values
from autodas.statistics import STATISTICS, Need
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.sealing import SealedFamilies
from autodas.tables import Table
from autodas.workbench.budgets import parse_bytes
from autodas.workbench.early import short_trainings
from autodas.workbench.families import (
    Family,
    as_labelled,
    load_family,
    parse_pair,
    parted,
)
from autodas.workbench.ground_truth import refuse_unused, space_of, table_among
from autodas.workbench.pair_families import asks_for_pairs, load_pairs, taught
from autodas.workbench.protocol import resolved
from autodas.workbench.ways import digests_of, way_of

__all__ = ["check_tables", "held_out", "load", "statistics_of"]

FEWEST_SPACES = 3
"""To leave one out and, of those that remain, another."""


def statistics_of(choice: Literal["shared", "scores", "most", "all"]) -> list[str]:
    """Names of the statistics that a discovery measures; see ``DiscoverConfig.statistics``."""
    if choice == "scores":
        read = {leaf for name in STUDENT_SCORES for leaf in SCORES.get(name).leaves}
        return [s.name for s in STATISTICS if s.name in read.union(LEAVES)]
    left_out: dict[str, set[Need]] = {
        "shared": {need for need in Need if not need.shared},
        "most": {Need.HESSIAN},
        "all": set(),
    }
    return [s.name for s in STATISTICS if not s.needs & left_out[choice]]


def check_tables(config: DiscoverConfig) -> dict[str, Any]:
    """Refuse tables that cannot be used, before there is a run directory or anything is measured.

    Returns:
        What a run directory keeps beside the options: ``teachers``, the digests of all that
        students are compared with.

    Raises:
        AutodasError: a table, its space, its target or what its students are measured with is not
            to be had, it has too few accuracies, or no table is of the space that was asked for.
    """
    tables, teachers = [], dict[str, None]()
    for pair in (*config.tables, *config.held_out):
        name, target = parse_pair(pair)
        table, parts = parted(
            name,
            config.space,
            limit=config.limit,
            sample=config.sample,
            labels=config.labels if pair in config.tables else None,
            split_seed=config.split_seed,
        )
        if pair in config.tables and asks_for_pairs(pair, table):
            _refuse_for_pairs(config, pair)
            _, protocols = taught(table, config.protocol)
            teachers |= dict.fromkeys(n for each in protocols for n in way_of(str(each.teacher)))
            tables.append(table)
            continue
        short_trainings(table, config.short_trainings)
        truth = table.target(target).values
        space = space_of(table, config.space)
        found = resolved(as_labelled(config.protocol, table, target), space)
        teachers |= dict.fromkeys(way_of(str(found.teacher)))
        tables.append(table)
        if pair in config.tables:
            _rankable(pair, "search", truth[parts.search])
            _rankable(pair, "validation", truth[parts.validation])
    _refuse_few_spaces(config, tables)
    refuse_unused(config.space, tables)
    return {"teachers": digests_of(teachers)}


def _refuse_few_spaces(config: DiscoverConfig, tables: Sequence[Table]) -> None:
    """Refuse to leave out spaces where what is left would be one alone."""
    found = dict.fromkeys(
        space_of(table, config.space).name for table in tables[: len(config.tables)]
    )
    if config.leave_out == "spaces" and len(found) < FEWEST_SPACES:
        raise InvalidInput(
            f"leave_out spaces takes tables of at least {FEWEST_SPACES} spaces, got those of "
            f"{', '.join(found)}"
        )


def _refuse_for_pairs(config: DiscoverConfig, pair: str) -> None:
    """Refuse options that say nothing about pairs of student and teacher."""
    usual = DiscoverConfig()
    plain = ("early", "fitness", "lift", "size_control", "terms", "collapse", "labels")
    changed = [name for name in plain if getattr(config, name) != getattr(usual, name)]
    if changed:
        raise InvalidInput(
            f"{changed[0]} is for tables of one teacher; leave it out, or name one teacher of "
            f"{pair}, as in {pair}:TEACHER"
        )
    if config.selection == "nsga2":
        raise InvalidInput(f"selection nsga2 looks at sizes, and the pairs of {pair} have none")
    if len({parse_pair(each)[0] for each in config.tables}) < len(config.tables):
        raise InvalidInput(f"table {pair} is asked for whole, so name it once")


def _rankable(pair: str, part: str, truth: Values) -> None:
    """Refuse a part that no formula can be judged on."""
    known = truth[np.isfinite(truth)]
    found = correlate(known, known)
    if isinstance(found, Failed):
        raise InvalidInput(
            f"table {pair}: no formula can be judged on its {part} part of {len(truth)} "
            f"architectures ({found.reason}); use a table with more accuracies"
        )


def load(config: DiscoverConfig, progress: Progress = Silent()) -> SealedFamilies:
    """The families, sealed; those of one table share what was measured."""
    names = [parse_pair(pair)[0] for pair in config.tables]
    measured = [*statistics_of(config.statistics), *config.short_trainings]
    # Half of the memory is for statistics, half for remembered parts of formulas.
    share = parse_bytes(config.memory) // (2 * len(set(names)))
    read = _reader(config, progress)
    pairs = _pair_reader(config, progress)
    loaded: dict[str, Family] = {}
    families: list[Family] = []
    for pair, name in zip(config.tables, names, strict=True):
        if asks_for_pairs(pair, table_among(name, config.space)):
            families.append(pairs(name, measured, memory=share))
        elif name not in loaded:
            loaded[name] = read(pair, measured, labels=config.labels, memory=share)
            families.append(loaded[name])
        else:
            families.append(_of_target(loaded[name], parse_pair(pair)[1]))
    return SealedFamilies(families)


def held_out(config: DiscoverConfig, proxy: Proxy, progress: Progress) -> list[Family]:
    """Families that had no part in finding the proxy, with nothing but what it reads."""
    read = _reader(config, progress)
    return [read(pair, sorted(proxy.leaves)) for pair in config.held_out]


def _of_target(family: Family, target: str) -> Family:
    """The same architectures with other accuracies; nothing was run for it."""
    truth = family.table.target(target).values
    return replace(family, target=target, truth=truth, networks=0, seconds=0.0)


def _reader(config: DiscoverConfig, progress: Progress) -> Callable[..., Family]:
    """:func:`load_family` with all that is the same for every table."""
    return partial(load_family, **_shared(config, progress))


def _pair_reader(config: DiscoverConfig, progress: Progress) -> Callable[..., Family]:
    """:func:`load_pairs`, the same."""
    return partial(load_pairs, **_shared(config, progress))


def _shared(config: DiscoverConfig, progress: Progress) -> dict[str, Any]:
    return {
        "protocol": config.protocol,
        "space": config.space,
        "cache": config.cache,
        "jobs": config.workers,
        "limit": config.limit,
        "sample": config.sample,
        "split_seed": config.split_seed,
        "progress": progress,
    }
