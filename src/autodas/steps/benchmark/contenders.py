"""From names on the command line to what is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autodas.scores import SCORES, Score, get_score, read_proxy, score_names
from autodas.scores.predictor import PREDICTORS, PREFIX, get_predictor
from autodas.scores.resolve import PREFIX as PROXY
from autodas.scores.resolve import shipped_path, shipped_proxies
from autodas.steps.benchmark.comparison import Contender
from autodas.steps.benchmark.early import PREFIX as EARLY
from autodas.steps.benchmark.early import get_early
from autodas.steps.benchmark.published import PREFIX as PUBLISHED
from autodas.steps.benchmark.published import get_published

__all__ = ["ALL", "BASELINES", "Contenders", "contenders", "everything"]

ALL = "all"
BASELINES = ("params", "macs", "depth")


def everything() -> list[str]:
    """Every score with a name: the catalogue, predictors, and the proxies of this package."""
    proxies = (PROXY + name for name in shipped_proxies())
    return [*SCORES.names(), *PREDICTORS.names(), *proxies]


@dataclass(frozen=True)
class Contenders:
    """What is compared.

    Attributes:
        each: Scores and their rivals; their names differ.
        guided_by: Name of a discovered proxy -> digests of the tables whose search and validation
            parts guided its discovery.
        split_seeds: Name of a discovered proxy -> the split that these are parts of.
    """

    each: tuple[Contender, ...]
    guided_by: Mapping[str, frozenset[str]]
    split_seeds: Mapping[str, int]


def contenders(texts: Iterable[str]) -> Contenders:
    """What is to be compared, the sizes among it.

    Args:
        texts: Names or formulas, several of them separated by commas; ``all`` for
            :func:`everything`.

    Raises:
        UnknownName: there is no such score, predictor, measure, statistic or primitive.
        InvalidInput: a formula is malformed or ill-typed, or a rung is no fraction.
        FileProblem: a proxy file cannot be used.
    """
    asked = [name for text in texts for name in score_names(text)]
    names = [known for name in asked for known in (everything() if name == ALL else [name])]
    found: dict[str, Contender] = {}
    guided_by: dict[str, frozenset[str]] = {}
    split_seeds: dict[str, int] = {}
    for name in dict.fromkeys([*names, *BASELINES]):
        each = _contender(name)
        if name.startswith(PROXY) and isinstance(each, Score):
            each = replace(each, name=name)  # as it was asked for: two files may bear one name
        found[each.name] = each
        if name.startswith(PROXY):
            known = _provenance(name.removeprefix(PROXY))
            guided_by[each.name] = frozenset(str(table) for table in known.get("tables", ()))
            split_seeds[each.name] = int(known.get("split_seed", 0))
    return Contenders(tuple(found.values()), guided_by, split_seeds)


def _contender(name: str) -> Contender:
    if name.startswith(PREFIX):
        return get_predictor(name)
    if name.startswith(PUBLISHED):
        return get_published(name)
    return get_early(name) if name.startswith(EARLY) else get_score(name)


def _provenance(proxy: str) -> Mapping[str, Any]:
    path = shipped_path(proxy)
    return read_proxy(Path(proxy) if path is None else path).provenance
