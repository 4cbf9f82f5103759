"""One formula for all spaces: on architectures and on spaces that it has never seen.

First by cross-validation: the architectures of each table are dealt into four folds, each fold is
scored by a sum that was found on the other three, and τ and its difference to that of #params are
averaged over the folds, so that every label counts once as unseen. Then each space is left out in
turn: sums found on all others are reported on all of its architectures. Last, by hindsight: of all
formulas that are drawn, the one that is furthest above #params on the worst of a space's tables,
with all labels known, which bounds what any of them could reach. Needs ``AUTODAS_DATA`` and, for
speed, a filled statistics cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.errors import MissingData
from autodas.core.results import Ok
from autodas.evolution import evolve
from autodas.expressions import parse
from autodas.fitness.bootstrap import Resamples, interval_of
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover import run as discovery
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.inputs import statistics_of
from autodas.tables import Split
from autodas.workbench import families
from benchmarks.workload import ready_for_networks

TABLES: tuple[str, ...] = (
    "digits-cnn:distilled",
    "digits-vit:distilled",
    "s0:kd_acc",
    "nasbench201:cifar10_test",
    "nasbench201:cifar100_test",
    "nasbench201:imagenet16_test",
    "nasbench101:cifar10_val",
    "autoformer:c100_kd_acc",
    "autoformer:flower_kd_acc",
    "autoformer:chaoyang_kd_acc",
    "pit:c100_kd_acc",
    "pit:flower_kd_acc",
    "pit:chaoyang_kd_acc",
)
WAYS: dict[str, dict[str, Any]] = {
    "quantiles, bred": {"scale": "quantiles", "selection": "adaptive"},
    "common scale, drawn": {"scale": "common", "selection": "random"},
    "common scale, drawn, no size": {
        "scale": "common",
        "selection": "random",
        "size_leaves": False,
        "size_control": 0.5,
    },
}
TERMS = {"24 terms": 24, "6 terms": 6}
SIZES = ("params", "depth")


FOLDS = 4
SEARCH = 5 / 7  # of what is not reported on; the rest validates, as elsewhere
RESAMPLES = 1000


def main(tables: Sequence[str] = TABLES) -> dict[str, Any]:
    """τ by table and way: of unseen architectures, beside #params, and of unseen spaces."""
    ready_for_networks()
    try:
        return {
            "unseen architectures": unseen_architectures(tables),
            "unseen spaces": unseen_spaces(tables),
            "hindsight": hindsight(tables),
        }
    except MissingData as error:
        return {"left out": str(error)}


Floats = npt.NDArray[np.float64]
Points = tuple[Floats, Floats, Floats]  # score, #params and accuracy of unseen architectures


def unseen_architectures(tables: Sequence[str]) -> dict[str, dict[str, str]]:
    """τ of #params; and of each way, with the interval of its difference to #params."""
    found: dict[str, dict[str, str]] = {table: {} for table in tables}
    for way, options in WAYS.items():
        folds: list[dict[str, Points]] = []
        for fold in range(FOLDS):
            with _dealt(fold):
                scatter = _discovered(tables, (), options | {"terms": 24})["scatter"]
            folds.append(
                {table: _report(each) for table, each in zip(tables, scatter, strict=True)}
            )
        for table in tables:
            params, told = _told([fold[table] for fold in folds])
            found[table] |= {"params": params, way: told}
    return found


def _told(folds: Sequence[Points]) -> tuple[str, str]:
    """Mean τ over folds, and the interval of the mean difference, resampled within folds."""
    sizes, scores, differences = [], [], []
    for number, (score, params, truth) in enumerate(folds):
        resamples = Resamples(len(truth), RESAMPLES, number)
        once = Resamples.whole(len(truth))
        sizes.append(once.taus(params, truth)[0])
        scores.append(once.taus(score, truth)[0])
        differences.append(resamples.taus(score, truth) - resamples.taus(params, truth))
    gain = float(np.mean(scores) - np.mean(sizes))
    each = interval_of(gain, np.mean(differences, axis=0))
    return f"{np.mean(sizes):.3f}", f"{np.mean(scores):.3f} [{each.low:+.2f}, {each.high:+.2f}]"


def _report(scatter: dict[str, Any]) -> Points:
    rows = [
        row
        for row, part in enumerate(scatter["part"])
        if part == "report" and scatter["accuracy"][row] is not None
    ]
    score, params, truth = (
        np.array(scatter[name], dtype=np.float64)[rows] for name in ("score", "params", "accuracy")
    )
    return score, params, truth


@contextmanager
def _dealt(fold: int) -> Iterator[None]:
    """Within, tables are split so that one fold is reported on."""
    usual = families.split
    families.split = partial(_split, fold)  # type: ignore[assignment]
    try:
        yield
    finally:
        families.split = usual


def _split(
    fold: int, architectures: Sequence[str], *, groups: Sequence[str] | None = None
) -> Split:
    labels = architectures if groups is None else groups
    dealt = np.array([int(digest("deal", label)[:8], 16) % FOLDS for label in labels])
    place = np.array([int(digest("part", fold, label)[:8], 16) / 16**8 for label in labels])
    unseen = dealt == fold
    return Split(
        np.flatnonzero(~unseen & (place < SEARCH)),
        np.flatnonzero(~unseen & (place >= SEARCH)),
        np.flatnonzero(unseen),
    )


def unseen_spaces(tables: Sequence[str]) -> dict[str, dict[str, float]]:
    """τ on all architectures of each table, of sums found on the tables of other spaces."""
    found: dict[str, dict[str, float]] = {}
    for left_out in dict.fromkeys(pair.partition(":")[0] for pair in tables):
        own = tuple(pair for pair in tables if pair.startswith(f"{left_out}:"))
        others = tuple(pair for pair in tables if pair not in own)
        for size, terms in TERMS.items():
            results = _discovered(others, own, WAYS["common scale, drawn"] | {"terms": terms})
            for row in results["rows"]:
                if row.get("held_out") and row["score"] in ("proxy", *SIZES):
                    name = size if row["score"] == "proxy" else row["score"]
                    found.setdefault(f"{row['table']}:{row['target']}", {})[name] = row["tau"]
    names = list(next(iter(found.values())))
    mean = {name: float(np.mean([each[name] for each in found.values()])) for name in names}
    above = {
        name: float(sum(each[name] > each["params"] for each in found.values())) for name in names
    }
    return {**found, "mean": mean, "tables above #params": above}


def hindsight(tables: Sequence[str]) -> dict[str, str]:
    """By space: the formula whose smallest gain over #params on its tables is largest."""
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), tables, (), {"selection": "random"})
        search = ProxySearch(config, discovery.load(config).guiding)
        keys: dict[str, None] = {}
        evolve(
            search.algorithm(), search.evaluate, lambda told: keys.update(dict.fromkeys(told.keys))
        )
        measured = statistics_of(config.statistics)
        # In hindsight all labels are looked at, those of the report part as well.
        found = [
            families.load_family(pair, measured, config.protocol, sample=config.sample)
            for pair in tables
        ]
    spaces = dict.fromkeys(family.space.name for family in found)
    return {
        space: _best_of(list(keys), [family for family in found if family.space.name == space])
        for space in spaces
    }


def _best_of(keys: Sequence[str], own: Sequence[families.Family]) -> str:
    sizes = [_tau(family.sizes[0], family) for family in own]
    gains: dict[str, float] = {}
    for key in keys:
        values = own[0].subjects.evaluator.evaluate(parse(key))
        if isinstance(values, Ok):
            taus = np.array([_tau(values.value, family) for family in own])
            gains[key] = float(np.min(np.sign(taus.mean()) * taus - sizes))
    best = max(gains, key=lambda key: gains[key])
    return f"{gains[best]:+.3f} by {best}"


def _tau(values: npt.ArrayLike, family: families.Family) -> float:
    known = np.isfinite(family.truth)
    once = Resamples.whole(int(known.sum()))
    return float(once.taus(np.asarray(values, dtype=np.float64)[known], family.truth[known])[0])


def _discovered(
    tables: Sequence[str], unseen: Sequence[str], options: dict[str, Any]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return discover.run(_config(Path(folder), tables, unseen, options))


def _config(
    folder: Path, tables: Sequence[str], unseen: Sequence[str], options: dict[str, Any]
) -> DiscoverConfig:
    return DiscoverConfig(
        out=folder / "run",
        tables=tuple(tables),
        held_out=tuple(unseen),
        sample=400,
        population=80,
        generations=40,
        max_nodes=6,
        rule="best",
        jobs=1,
        **options,
    )
