"""How well scores of sketched tensors agree with those of whole ones.

For each space, everything is measured once without sketching, and then cut down as measuring with
k entries would have done. Random proxies are evaluated on both; Kendall's τ between the two says
how far the ranking of the architectures is kept. Two sets are drawn: random proxies as a discovery
draws them, of which those without any sketched statistic have τ = 1, and random proxies that all
use at least one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.results import Result
from autodas.core.rng import derive
from autodas.core.values import Kind
from autodas.data import load_data, probe_batch
from autodas.expressions import Evaluator, Expression, to_text
from autodas.expressions.node import walk
from autodas.primitives import PRIMITIVES
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, TeacherSignals, columns
from autodas.statistics.measurement import Measured
from benchmarks.workload import (
    WHOLE,
    Subjects,
    grammar_of,
    proxies,
    ready_for_networks,
    resnets,
    scores,
    sketched,
)

LEVELS = (256, 1024, 4096)
DEFAULT = 1024
PROXIES = 300
WORST = 12
RESNET_BATCH = 16  # whole features of 64 images would not fit beside everything else
DIGITS = 64  # architectures of each digit space
EXTREMES = frozenset({"max", "min", "min_max"})
SIGNED = frozenset({"mean", "sum", "inner_product", "cosine", "pearson", "fraction_positive"})
TAILED = frozenset({"div", "reciprocal", "power", "softmax", "exp", "square"})
ORDER = frozenset({"median"})
AFFECTED = "random proxies that use them"


def main(count: int = PROXIES, architectures: int | None = None) -> dict[str, Any]:
    """Median τ of each space and level, by the kind of reduction, and the worst proxies."""
    return {
        subjects.space.name: _space(subjects, count) for subjects in _families(architectures or 64)
    }


def _families(count: int) -> Iterator[Subjects]:
    ready_for_networks()
    whole = resnets(RESNET_BATCH)
    yield Subjects(
        whole.space,
        whole.architectures[:: max(1, 64 // count)],
        whole.images,
        whole.labels,
        whole.teacher,
        whole.source,
    )
    for name in ("digits-cnn", "digits-vit"):
        yield digits(name, min(count, DIGITS))


def digits(name: str, count: int) -> Subjects:
    """Sampled students of a digit space against an untrained one."""
    space, rng = get_space(name), derive(0, "benchmark", name)
    batch = probe_batch(load_data("digits"), 60, seed=0)
    chosen = dict.fromkeys(space.encode(space.sample(rng)) for _ in range(20 * count))
    architectures = tuple(chosen)[:count]
    largest = max(architectures, key=lambda text: space.cost(space.decode(text)).params)
    shape = tuple(batch.images.shape[1:])
    network = space.build(space.decode(largest), num_classes=10, input_shape=shape).eval()
    teacher = TeacherSignals(network, batch.images, batch.labels, trained=False, digest="")
    return Subjects(space, architectures, batch.images, batch.labels, teacher, batch.name)


@dataclass(frozen=True)
class _Agreement:
    tau: float
    formula: str
    why: str


def _space(subjects: Subjects, count: int) -> dict[str, Any]:
    names = STATISTICS.names()
    values = [subjects.measure(each, names, WHOLE) for each in subjects.architectures]
    whole = columns(subjects.architectures, values, names)
    entries = [
        name
        for name, column in whole.columns.items()
        if column.type.kind is Kind.ELEMENTS and column.layout.counts.max() > DEFAULT
    ]
    grammar = grammar_of(whole)
    drawn = {
        "random proxies": proxies(grammar, count, "sketch", "any", subjects.space.name),
        AFFECTED: proxies(grammar, count, "sketch", subjects.space.name, of=entries),
    }
    evaluator = Evaluator(whole.columns, memo_bytes=1 << 26)
    full = {name: _scores(evaluator, formulas) for name, formulas in drawn.items()}
    unaffected = sum(not formula.leaves & set(entries) for formula in drawn["random proxies"])
    found: dict[str, Any] = {
        "images": subjects.source,
        "architectures": len(subjects.architectures),
        "sketched statistics": ", ".join(entries),
        "share of random proxies without them": unaffected / count,
        "bytes of whole columns": whole.nbytes,
    }
    for level in LEVELS:
        small = columns(subjects.architectures, _cut(values, level), names)
        evaluator = Evaluator(small.columns)
        agreements = {
            name: _agreements(formulas, full[name], _scores(evaluator, formulas))
            for name, formulas in drawn.items()
        }
        found[f"{level} entries"] = {
            "bytes of columns": small.nbytes,
            **{name: _summary(mine) for name, mine in agreements.items()},
        }
        if level == DEFAULT:
            found["worst at the default"] = _worst(agreements[AFFECTED])
    return found


def _worst(agreements: Sequence[_Agreement]) -> dict[str, str]:
    worst = sorted(agreements, key=lambda a: a.tau)[:WORST]
    return {a.formula: f"{a.tau:.3f}  {a.why}" for a in worst}


def _cut(
    values: Sequence[Mapping[str, Result[Measured]]], level: int
) -> list[dict[str, Result[Measured]]]:
    return [sketched(mine, level) for mine in values]


def _scores(
    evaluator: Evaluator, formulas: Sequence[Expression]
) -> list[npt.NDArray[np.float64] | None]:
    return [scores(evaluator.evaluate(formula)) for formula in formulas]


def _agreements(
    formulas: Sequence[Expression], full: Sequence[Any], small: Sequence[Any]
) -> list[_Agreement]:
    return [
        _Agreement(
            float(scipy.stats.kendalltau(a, b).statistic), to_text(formula), _reason(formula)
        )
        for formula, a, b in zip(formulas, full, small, strict=True)
        if a is not None and b is not None
    ]


def _summary(agreements: Sequence[_Agreement]) -> dict[str, Any]:
    taus = np.array([a.tau for a in agreements])
    groups: dict[str, list[float]] = defaultdict(list)
    for agreement in agreements:
        groups[agreement.why].append(agreement.tau)
    sizes = Counter(a.why for a in agreements)
    return {
        "proxies": len(taus),
        "median tau": float(np.median(taus)),
        "mean tau": float(taus.mean()),
        "10th percentile": float(np.percentile(taus, 10)),
        "share above 0.9": float(np.mean(taus > 0.9)),
        "median tau by how entries are reduced": {
            f"{why} ({sizes[why]})": float(np.median(mine)) for why, mine in sorted(groups.items())
        },
    }


def _reason(formula: Expression) -> str:
    """Which reduction of sketched entries is the most delicate in a formula."""
    reductions: set[str] = set()
    maps: set[str] = set()
    for _, node in walk(formula):
        if node.args and _is_entries(node):
            maps.add(node.name)
        if node.args and any(_is_entries(arg) for arg in node.args):
            reductions.add(node.name)
    if reductions & EXTREMES:
        return "extremes: the largest of a sample is not the largest of all"
    if reductions & ORDER:
        return "medians: their error is larger than that of a mean"
    if reductions & SIGNED:
        return "sums in which signs cancel: what is left is as small as the error"
    if reductions and maps & TAILED:
        return "heavy tails: a few entries make most of the sum"
    if reductions:
        return "norms and other sums of one sign"
    return "no entries at all"


def _is_entries(node: Expression) -> bool:
    """Whether a value is made of tensor entries."""
    while node.args:
        primitive = PRIMITIVES.get(node.name)
        if primitive.form not in ("elementwise", "segmentwise"):
            return False
        node = node.args[0]
    return STATISTICS.get(node.name).type.kind is Kind.ELEMENTS
