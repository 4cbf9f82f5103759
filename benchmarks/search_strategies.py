"""What evolution gains over drawing at random, and what scores lose against the best student.

Evolution: the strategies of ``autodas search`` at equal numbers of evaluations over several seeds.
On NAS-Bench-201 the score is the published test accuracy itself, among the cells of the table, so
that no network is run; on digit CNNs it is the number of multiply-accumulates among students of at
most 10,000 parameters. Intervals are 95 % t-intervals over seeds; differences are paired by seed.

Regret: students of the table s0 (DisWOT, CVPR 2023) that scores choose within three budgets, beside
the best one and the largest that fits.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from autodas.core.errors import MissingData
from autodas.core.results import Ok
from autodas.core.rng import derive
from autodas.evolution import Variation
from autodas.spaces import Space, get_space
from autodas.steps.search import run as search
from autodas.steps.search.strategies import make_algorithm, within
from autodas.tables import load_table
from autodas.workbench.costs import CostBook

STRATEGIES = ("evolution", "random")
SEEDS = 10
EVALUATIONS = (100, 200, 400)
TARGET = "cifar100_test"
BUDGET = 10_000
BUDGETS = ("0.2M", "0.4M", "0.5M")
SCORES = ("params", "macs", "depth", "diswot")


def main(
    seeds: int = SEEDS,
    evaluations: Sequence[int] = EVALUATIONS,
    scores: Sequence[str] = SCORES,
    budgets: Sequence[str] = BUDGETS,
    rows: int | None = None,
) -> dict[str, Any]:
    """Best scores by strategy and number of evaluations, and regrets by budget and score."""
    found = {"digits-cnn, MACs within 10,000 parameters": _digits(seeds, evaluations)}
    try:
        found[f"nasbench201, {TARGET}"] = _cells(seeds, evaluations, rows)
        found["s0, accuracy of the choice"] = _regrets(scores, budgets)
    except MissingData as why:
        found["left out"] = {str(why): 1.0}
    return found


def _cells(seeds: int, evaluations: Sequence[int], rows: int | None) -> dict[str, Any]:
    table = load_table("nasbench201").limit(rows)
    values = table.target(TARGET).values
    truth = dict(zip(table.architectures, values.tolist(), strict=True))
    known = [text for text in truth if np.isfinite(truth[text])]
    variation = _variation(get_space("nasbench201"), truth.__contains__, known)
    curves = _curves(variation, truth.__getitem__, seeds, evaluations)
    return {"cells": len(known), "best of all": float(np.nanmax(values)), **curves}


def _digits(seeds: int, evaluations: Sequence[int]) -> dict[str, Any]:
    space = get_space("digits-cnn")
    book = CostBook(space)
    texts = [space.encode(arch) for arch in space.enumerate()]
    params = dict(zip(texts, book.get("params", texts), strict=True))
    fitting = [text for text in texts if params[text] <= BUDGET]
    macs = dict(zip(fitting, map(float, book.get("macs", fitting)), strict=True))
    few = [min(n, len(fitting) // 3) for n in evaluations]
    variation = _variation(space, lambda text: params[text] <= BUDGET, fitting)
    curves = _curves(variation, macs.__getitem__, seeds, list(dict.fromkeys(few)))
    return {"students": len(fitting), "best of all": max(macs.values()), **curves}


def _variation(space: Space, fits: Callable[[str], bool], fitting: Sequence[str]) -> Variation[str]:
    rng = derive(0, "benchmark", "starts")
    some = rng.choice(len(fitting), size=min(16, len(fitting)))
    return within(space, fits, [fitting[int(i)] for i in some])


def _curves(
    variation: Variation[str],
    score: Callable[[str], float],
    seeds: int,
    evaluations: Sequence[int],
) -> dict[str, Any]:
    """Mean best score at each number of evaluations, with intervals."""
    result: dict[str, Any] = {}
    for number in evaluations:
        best = {
            strategy: np.array(
                [_best(strategy, variation, score, number, seed) for seed in range(seeds)]
            )
            for strategy in STRATEGIES
        }
        gain = best["evolution"] - best["random"]
        result[f"{number} evaluations"] = {
            **{strategy: _interval(values) for strategy, values in best.items()},
            "evolution − random": _interval(gain),
        }
    return result


def _best(
    strategy: Any,
    variation: Variation[str],
    score: Callable[[str], float],
    evaluations: int,
    seed: int,
) -> float:
    algorithm = make_algorithm(strategy, variation, evaluations, seed)
    while not algorithm.finished:
        candidates = algorithm.ask()
        if not candidates:
            break
        algorithm.tell([Ok(score(candidate.genome)) for candidate in candidates])
    return float(algorithm.best.value) if algorithm.best is not None else float("nan")


def _interval(values: np.ndarray) -> str:
    """Mean and 95 % t-interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values) if len(values) > 1 else 0.0
    mean = float(values.mean())
    return f"{mean:.6g} [{mean - half:.6g}, {mean + half:.6g}]"


def _regrets(scores: Sequence[str], budgets: Sequence[str]) -> Mapping[str, Any]:
    if not os.environ.get("AUTODAS_DATA"):
        raise MissingData("AUTODAS_DATA is not set")
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for budget in budgets:
            chosen = {}
            for score in scores:
                found = search.run(
                    search.Config(
                        out=Path(folder) / f"{budget}-{score}",
                        table="s0:kd_acc",
                        score=score,
                        max_params=budget,
                        jobs=1,
                    )
                )["regret"]
                chosen[score] = f"{found['chosen']:.2f} (regret {found['regret']:.2f})"
            result[f"at most {budget} parameters, {found['n']} students"] = {
                "best": f"{found['oracle']:.2f}",
                "largest that fits": f"{found['largest']:.2f}",
                "mean of all": f"{found['random']:.2f}",
                **chosen,
            }
    return result
