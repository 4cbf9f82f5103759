"""What a search writes: the best students, those to compare with, and how far from the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.steps.search.config import SearchConfig
from autodas.steps.search.limits import Limits
from autodas.steps.search.scoring import Scorer
from autodas.tables import Table
from autodas.workbench.budgets import Quantity
from autodas.workbench.latency import device_name
from autodas.workbench.recipes import parse_choices

__all__ = [
    "Found",
    "chosen_of",
    "front",
    "in_turn",
    "latency_doubt",
    "ranking",
    "results_of",
]


@dataclass(frozen=True)
class Found:
    """Scored candidates within the budgets.

    Attributes:
        strategy: How they were chosen.
        scores: By architecture, in the order looked at.
        failures: Reason -> how many have no score.
        looked_at: How many architectures were considered.
        largest: The largest that fits and its score, if it was looked for beside the search.
        random: Random ones and their scores, if the candidates are not a fair sample.
    """

    strategy: str
    scores: Mapping[str, float]
    failures: Mapping[str, int]
    looked_at: int
    largest: tuple[str, float] | None = None
    random: Sequence[tuple[str, float]] = field(default_factory=tuple)


def results_of(
    config: SearchConfig, found: Found, limits: Limits, scorer: Scorer, table: Table | None
) -> dict[str, Any]:
    """Content of ``results.json``, without what it took."""
    params = dict(zip(found.scores, limits.book.get("params", list(found.scores)), strict=True))
    ranked = ranking(found, limits)
    largest = max(found.scores, key=lambda text: (params[text], text))
    compared = found.largest or (largest, found.scores[largest])
    if limits.book.one("params", compared[0]) < params[largest]:
        compared = (largest, found.scores[largest])
    whole = found.strategy == "whole" and found.looked_at == limits.space.size
    grown = found.largest is not None
    students = Students(limits, memory=config.max_memory is not None or config.pareto == "memory")
    best = ranked[: config.top]
    if config.pareto is not None:
        best = front(found.scores, students.costs(config.pareto, list(found.scores)))
    results = {
        "space": limits.space.known_as,
        "score": config.score,
        "strategy": found.strategy,
        "budgets": limits.budgets.to_json(),
        "size": found.looked_at,
        "space_size": limits.space.size,
        "within_budget": len(found.scores) + sum(found.failures.values()),
        "failures": dict(found.failures),
        "students": [students.to_json(text, found.scores[text]) for text in best],
        "pareto": config.pareto,
        "largest": {
            **students.to_json(*compared),
            "called": "the largest that fits" if whole or grown else "the largest drawn",
        },
        "random": [students.to_json(*each) for each in _random(config, found)],
        "points": {
            "params": [params[text] for text in ranked],
            "score": [found.scores[text] for text in ranked],
        },
        "networks_measured": scorer.networks,
        "networks_timed": len(limits.timer.known),
        "images_at_once": config.images_at_once,
    }
    if limits.timer.known:
        results["timed_on"] = device_name(config.latency_device, config.latency_of)
    if table is not None:
        target = str(config.table).partition(":")[2] or None
        results["regret"] = _regret(limits, found.scores, table, target)
    return results


def ranking(found: Found, limits: Limits) -> list[str]:
    """Architectures, best score first; of equal scores the smaller student, which costs less."""
    params = dict(zip(found.scores, limits.book.get("params", list(found.scores)), strict=True))
    return sorted(found.scores, key=lambda text: (-found.scores[text], params[text], text))


def in_turn(found: Found, limits: Limits) -> list[str]:
    """By the score and by size in turn: neither alone names the best finalists everywhere."""
    scores = _with_largest(found)
    params = dict(zip(scores, limits.book.get("params", list(scores)), strict=True))
    by_size = sorted(scores, key=lambda text: (params[text], text), reverse=True)
    pairs = zip_longest(ranking(found, limits), by_size)
    return list(dict.fromkeys(text for pair in pairs for text in pair if text is not None))


def _with_largest(found: Found) -> dict[str, float]:
    return dict(found.scores) | dict([found.largest] if found.largest else [])


def front(scores: Mapping[str, float], costs: Sequence[float]) -> list[str]:
    """The architectures that none beats in both score and cost.

    Args:
        scores: By architecture.
        costs: In the same order.

    Returns:
        Best and dearest first; of exact equals, one.
    """
    kept, cheapest = [], np.inf
    points = zip(scores.items(), costs, strict=True)
    for (text, _), cost in sorted(points, key=lambda p: (-p[0][1], p[1], p[0][0])):
        if cost < cheapest:
            kept.append(text)
            cheapest = cost
    return kept


def latency_doubt(limits: Limits, chosen: str) -> str | None:
    """What to know of timings that the choice rests on; None if they are clear."""
    limit, known = limits.budgets.latency, limits.timer.known
    first = known[chosen].doubt(limit) if chosen in known else None
    if limit is None:
        return None if first is None else f"Of the chosen student, {first}."
    unsure = sum(each.low <= limit <= each.high for each in known.values())
    sentences = [] if first is None else [f"Of the chosen student, {first}."]
    if unsure:
        sentences.append(
            f"{unsure:,} of {len(known):,} students that were timed have the limit between their "
            "quartiles: which of them fit may be another at the next timing."
        )
    return " ".join(sentences) or None


class Students:
    """Students as they stand in files.

    Args:
        limits: Knows their costs.
        memory: Whether to count memory.
    """

    def __init__(self, limits: Limits, *, memory: bool) -> None:
        self.limits, self.memory = limits, memory

    def costs(self, quantity: Quantity, architectures: Sequence[str]) -> list[float]:
        """What each costs."""
        if quantity == "latency":
            return [self.limits.timer.time(text).median for text in architectures]
        return [float(cost) for cost in self.limits.book.get(quantity, architectures)]

    def to_json(self, text: str, score: float) -> dict[str, Any]:
        """One student."""
        book, timed = self.limits.book, self.limits.timer.known.get(text)
        return {
            "arch": text,
            "score": score,
            "params": book.one("params", text),
            "macs": book.one("macs", text),
            **({"memory": book.one("memory", text)} if self.memory else {}),
            **({"latency": timed.to_json()} if timed is not None else {}),
        }


def chosen_of(
    config: SearchConfig, found: Found, limits: Limits, results: Mapping[str, Any]
) -> dict[str, Any]:
    """The student that is to be trained: the winner of the contest, else the best score.

    With ``taught``, whether it is to learn from a teacher, and after a contest ``teachers``, whom,
    and ``losses``, what for; empty for those of the recipe. Without one, those that were named.
    """
    contest = results["contest"]
    if contest is None:
        named = parse_choices(config.try_losses)
        return {
            **results["students"][0],
            "taught": True,
            **({"losses": list(named[0])} if named else {}),
        }
    arm = contest["arms"][contest["winner"]]
    students = Students(limits, memory="memory" in results["students"][0])
    return {
        **students.to_json(arm["arch"], _with_largest(found)[arm["arch"]]),
        "taught": bool(arm["teachers"]),
        "teachers": arm["teachers"],
        "losses": arm["losses"],
    }


def _random(config: SearchConfig, found: Found) -> Sequence[tuple[str, float]]:
    if found.strategy != "whole":
        return found.random
    scored = list(found.scores.items())
    rng = derive(config.seed, "random students", str(config.space))
    drawn = rng.choice(len(scored), size=min(config.random, len(scored)), replace=False)
    return [scored[int(i)] for i in np.sort(drawn)]


def _regret(
    limits: Limits, scores: Mapping[str, float], table: Table, target_name: str | None
) -> dict[str, Any] | None:
    """Accuracies among the labelled architectures within the budgets, in percent.

    A search that scores a part of the space is judged by what it found there, against the best of
    all that is labelled; nothing more is scored for the comparison.

    Returns:
        ``chosen`` (the labelled one that scored highest; the mean over ties), ``oracle`` (the
        best), ``largest`` (the largest that fits), ``random`` (the mean over all), their number
        ``n``, how many of them were ``scored``, and ``regret`` = oracle − chosen in points. None
        if none of them was scored.

    Raises:
        InvalidInput: no labelled architecture fits.
    """
    target = table.target(target_name)
    truth = dict(zip(table.architectures, target.values.tolist(), strict=True))
    labelled = limits.fast(limits.fitting([text for text, t in truth.items() if np.isfinite(t)]))
    if not labelled:
        raise InvalidInput(f"no regret on table {table.name}: none of its architectures fits")
    scored = [text for text in labelled if text in scores]
    if not scored:
        return None
    known = np.array([truth[text] for text in labelled])
    chosen = _mean_of_best([truth[text] for text in scored], [scores[text] for text in scored])
    return {
        "table": table.name,
        "target": target.name,
        "n": len(labelled),
        "scored": len(scored),
        "oracle": float(known.max()),
        "oracle_arch": max(labelled, key=lambda text: (truth[text], text)),
        "chosen": chosen,
        "largest": _mean_of_best(known, limits.book.get("params", labelled)),
        "random": float(known.mean()),
        "regret": float(known.max()) - chosen,
    }


def _mean_of_best(values: npt.ArrayLike, by: npt.ArrayLike) -> float:
    """The mean of the values whose ``by`` is the highest."""
    order = np.asarray(by, dtype=np.float64)
    return float(np.asarray(values, dtype=np.float64)[order == order.max()].mean())
