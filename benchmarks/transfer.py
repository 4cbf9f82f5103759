"""Ways to discover a score for spaces that nobody labelled, each space left out in turn.

All that is decided (terms, weights, how many) is decided on the other spaces; the space left out is
looked at once for each way. Statistics are those that published scores of a student alone read
(``autodas discover --statistics scores``), measured on small samples and small images. Needs
``AUTODAS_DATA``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.evolution import evolve
from autodas.expressions import parse
from autodas.fitness import simplest
from autodas.fitness.bootstrap import Resamples, interval_of
from autodas.scores import SCORES, Term
from autodas.scores.terms import score_of, unknown_to
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.inputs import statistics_of
from autodas.steps.discover.sealing import GuidingFamily
from autodas.steps.discover.summing import STEPS, Library
from autodas.workbench.families import Family, load_family
from autodas.workbench.protocol import Protocol
from benchmarks.workload import ready_for_networks

Floats = npt.NDArray[np.float64]
TASKS = (
    *("autoencoder", "room_layout", "class_object", "class_scene", "jigsaw", "normal"),
    "segmentsemantic",
)
KD = ("c100_kd_acc", "flower_kd_acc", "chaoyang_kd_acc")
FEW = Protocol(batch_size=16)
SMALL = Protocol(batch_size=16, resolution=16)
SMALLER = Protocol(batch_size=8, resolution=12)
PATCHES = Protocol(data="cifar10-sample", batch_size=8, resolution=32)
PLAN: Mapping[str, tuple[int, Protocol, tuple[str, ...]]] = {
    "digits-cnn": (128, FEW, ("distilled",)),
    "digits-vit": (128, FEW, ("distilled",)),
    "fashion-cnn": (64, FEW, ("distilled",)),
    "fashion-vit": (64, FEW, ("distilled",)),
    "s0": (32, SMALL, ("kd_acc",)),
    "nasbench101": (32, SMALLER, ("cifar10_val",)),
    "nasbench201": (64, SMALL, ("cifar10_test", "cifar100_test", "imagenet16_test")),
    "nasbench301": (32, SMALLER, ("cifar10_val",)),
    "transnas-macro": (48, SMALL, TASKS),
    "transnas-micro": (48, SMALL, TASKS),
    "autoformer": (32, PATCHES, KD),
    "pit": (40, PATCHES, KD),
}
"""Table -> architectures of it, what they are measured with, and targets."""
PUBLISHED = ("params", "macs", "layers", "naswot", "jacov", "vkdnw", "az_nas", "vkdnw_agg")
AGGREGATE = "vkdnw_agg"
OLD = ("digits-cnn", "digits-vit", "s0", "nasbench101", "nasbench201", "autoformer", "pit")
"""Tables that the mean of before, 0.62 of #params, was of."""
DRAWN, NODES = 1000, 5
RESAMPLES = 1000
FEW_RESAMPLES = 50  # of the one-standard-error rule, which takes most of the time


@dataclass(frozen=True)
class Way:
    """How a sum is found.

    Attributes:
        options: Of a discovery.
        drawn: Whether it may add up formulas drawn at random, too, and not published ones alone.
        start: Score that it begins with in the place of log(params).
    """

    options: Mapping[str, Any]
    drawn: bool = False
    start: str | None = None


_COMMON: Mapping[str, Any] = {"scale": "common", "terms": 6, "leave_out": "spaces"}
WAYS: Mapping[str, Way] = {
    "as before": Way({"scale": "common", "terms": 24, "rule": "best"}, drawn=True),
    "as before, published": Way({"scale": "common", "terms": 24, "rule": "best"}),
    "ranks": Way(_COMMON | {"scale": "quantiles"}),
    "ranks, worst space": Way(_COMMON | {"scale": "quantiles", "combine": "min"}),
    "from #params": Way(_COMMON),
    "from #params, worst space": Way(_COMMON | {"combine": "min"}),
    "from #params, drawn": Way(_COMMON, drawn=True),
    "from #params, drawn, worst space": Way(_COMMON | {"combine": "min"}, drawn=True),
    "from vkdnw_agg": Way(_COMMON, start=AGGREGATE),
    "from vkdnw_agg, drawn": Way(_COMMON, drawn=True, start=AGGREGATE),
}


def main(plan: Mapping[str, tuple[int, Protocol, tuple[str, ...]]] = PLAN) -> dict[str, Any]:
    """τ on the space left out, by target and way, beside published scores; and means."""
    ready_for_networks()
    families = loaded(plan)
    columns = {name: _published(families, name) for name in PUBLISHED}
    columns["#params + vkdnw_agg"] = _ranks_added(families, ("params", AGGREGATE))
    columns["best single, of the others"] = _best_single(families, columns)
    libraries: dict[tuple[str, bool], Library] = {}
    for name, way in WAYS.items():
        kind = (way.options["scale"], way.drawn)
        if kind not in libraries:
            libraries[kind] = _library(families, way.options["scale"], drawn=way.drawn)
        found = partial(_found, libraries[kind], way, families, aggregate=columns[AGGREGATE])
        columns[name] = _left_out(families, found)
    return told(families, columns)


def loaded(plan: Mapping[str, tuple[int, Protocol, tuple[str, ...]]]) -> list[Family]:
    """All targets of the plan with what was measured of their architectures."""
    found = []
    for table, (sample, protocol, targets) in plan.items():
        first = None
        for target in targets:
            pair = f"{table}:{target}"
            if first is None:
                first = load_family(pair, statistics_of("scores"), protocol, sample=sample)
                found.append(first)
            else:
                truth = first.table.target(target).values
                found.append(replace(first, target=target, truth=truth))
    return found


Scored = list[Floats]  # of every family, its scores


def _published(families: Sequence[Family], name: str) -> Scored:
    found = [SCORES.get(name).compute(family.subjects) for family in families]
    return [
        each.value if isinstance(each, Ok) else np.zeros(len(f.truth))
        for each, f in zip(found, families, strict=True)
    ]


def _ranks_added(families: Sequence[Family], names: Sequence[str]) -> Scored:
    each = [_published(families, name) for name in names]
    return [
        np.sum([rankdata(values) for values in family], axis=0)
        for family in zip(*each, strict=True)
    ]


def _best_single(families: Sequence[Family], columns: Mapping[str, Scored]) -> Scored:
    """Of the published scores the one whose mean τ over the other spaces is highest."""
    taus = {name: _taus(families, values) for name, values in columns.items() if name in PUBLISHED}

    def chosen(own: Sequence[int]) -> Scored:
        weights = _weights(families, own)
        best = max(taus, key=lambda name: float(weights @ taus[name]))
        return [columns[best][number] for number in own]

    return _left_out(families, chosen)


def _weights(families: Sequence[Family], own: Sequence[int]) -> Floats:
    """Every space but the one left out weighs the same."""
    spaces = [family.space.name for family in families]
    return np.array([0.0 if n in own else 1.0 / spaces.count(s) for n, s in enumerate(spaces)])


def _left_out(families: Sequence[Family], find: Callable[[Sequence[int]], Scored]) -> Scored:
    """Scores of each family by what was found without its space."""
    spaces = [family.space.name for family in families]
    scored: dict[int, Floats] = {}
    for space in dict.fromkeys(spaces):
        own = [number for number, each in enumerate(spaces) if each == space]
        scored |= dict(zip(own, find(own), strict=True))
    return [scored[number] for number in range(len(families))]


def _taus(families: Sequence[Family], scored: Scored) -> Floats:
    return np.array(
        [_on(f, v, Resamples.whole(_known(f)))[0] for f, v in zip(families, scored, strict=True)]
    )


def _known(family: Family) -> int:
    return int(np.isfinite(family.truth).sum())


def _on(family: Family, values: Floats, resamples: Resamples) -> Floats:
    """τ on resamples of the architectures whose accuracy is known."""
    known = np.isfinite(family.truth)
    return resamples.taus(values[known], family.truth[known])


def _library(families: Sequence[Family], scale: str, *, drawn: bool) -> Library:
    """All candidates with their values everywhere; labels of the report parts are unknown to it."""
    config = DiscoverConfig(
        statistics="scores",
        selection="random",
        population=DRAWN,
        generations=1,
        max_nodes=NODES,
        scale="common" if scale == "common" else "quantiles",
    )
    search = ProxySearch(config, [GuidingFamily(**vars(family)) for family in families])
    keys: dict[str, None] = {}
    if drawn:
        algorithm = search.algorithm()
        evolve(algorithm, search.evaluate, lambda told: keys.update(dict.fromkeys(told.keys)))
    return Library(search, list(keys))


def _found(
    whole: Library, way: Way, families: Sequence[Family], own: Sequence[int], aggregate: Scored
) -> Scored:
    """Scores of the families left out, by the sum that the others give."""
    others = [number for number in range(len(families)) if number not in own]
    config = replace(whole.search.config, **way.options)
    library = whole.among([whole.search.families[number] for number in others], config)
    if way.start:
        for number in others:
            library.raw[families[number].table.name][:, 0] = aggregate[number]
    number, means, _ = simplest(*library.cross_validated(), resamples=FEW_RESAMPLES)
    if config.rule == "best":
        number = int(np.argmax(means))
    try:
        terms, _ = library.fitted(STEPS[number])
    except InvalidInput:  # nothing gains anything: it stays with sizes
        terms = (Term(parse("params")),)
    return [_scored(terms, families[number], aggregate[number], way) for number in own]


def _scored(terms: Sequence[Term], family: Family, aggregate: Floats, way: Way) -> Floats:
    """A sum's values on a space that it was not found on."""
    if way.start:
        # It stands in the place of the first term, and is no formula.
        total = terms[0].weight * aggregate
        return total if len(terms) == 1 else total + _values(terms[1:], family)
    return _values(terms, family)


def _values(terms: Sequence[Term], family: Family) -> Floats:
    score = score_of("found", terms, "found on other spaces")
    if score.calibrate is not None and unknown_to(terms, family.space.name):
        made = score.calibrate(family.space.name, family.subjects)
        assert isinstance(made, Ok)
        score = made.value
    found = score.compute(family.subjects)
    assert isinstance(found, Ok)
    return found.value


def told(families: Sequence[Family], columns: Mapping[str, Scored]) -> dict[str, Any]:
    """By column: the mean over rows, its interval above #params, spaces below it, and each row."""
    return {name: _told(families, scored, columns["params"]) for name, scored in columns.items()}


def _told(families: Sequence[Family], scored: Scored, params: Scored) -> dict[str, Any]:
    taus, sizes = _taus(families, scored), _taus(families, params)
    gains = np.stack(
        [
            _resampled(family, values) - _resampled(family, size)
            for family, values, size in zip(families, scored, params, strict=True)
        ]
    )
    old = np.array([f"{f.table.name}" in OLD for f in families])
    spaces: dict[str, str] = {}
    for space in dict.fromkeys(family.space.name for family in families):
        own = np.array([family.space.name == space for family in families])
        spaces[space] = _with_interval(taus[own], taus[own] - sizes[own], gains[own])
    return {
        "all rows": _with_interval(taus, taus - sizes, gains),
        "rows of before": _with_interval(taus[old], (taus - sizes)[old], gains[old]),
        **spaces,
        "rows": {
            family.name: round(float(tau), 3) for family, tau in zip(families, taus, strict=True)
        },
    }


def _with_interval(taus: Floats, gains: Floats, resampled: Floats) -> str:
    """Mean τ, and the interval of the mean gain over #params."""
    each = interval_of(float(np.mean(gains)), np.nanmean(resampled, axis=0))
    return f"{np.mean(taus):.2f} [{each.low:+.2f}, {each.high:+.2f}]"


def _resampled(family: Family, values: Floats) -> Floats:
    """τ on resampled architectures, the same ones for all targets of a table."""
    seed = int(digest("transfer", family.table.name)[:8], 16)
    return _on(family, values, Resamples(_known(family), RESAMPLES, seed))
