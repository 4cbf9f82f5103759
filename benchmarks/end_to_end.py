"""Whether the students that proxies choose are better once they are distilled, on Fashion-MNIST.

For each space and budget, scores choose a student; each of them, and some random students that
fit, are distilled with the same teacher, recipe and seeds. #params chooses the largest that fits.
No proxy of this package was discovered on Fashion-MNIST. Nothing is measured twice: a run that was
cut short goes on from ``runs/benchmarks/end-to-end``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from autodas.core.errors import MissingData
from autodas.core.progress import Silent
from autodas.data import load_data
from autodas.steps.distill import run as distill
from autodas.steps.search import run as search
from autodas.workbench.protocol import Protocol

FOLDER = Path("runs") / "benchmarks" / "end-to-end"
DATA = "fashion-mnist@12/8000"
TEACHER = "fashion-cnn-teacher"
RECIPES = {"digits-cnn": "fashion-cnn-short", "digits-vit": "fashion-vit-short"}
CASES = (
    ("digits-cnn", "5k"),
    ("digits-cnn", "15k"),
    ("digits-vit", "15k"),
    ("digits-vit", "40k"),
)
SCORES = ("proxy:general", "proxy:general-nosize", "diswot", "params")
OF_SPACE = {"digits-cnn": "proxy:cnn", "digits-vit": "proxy:vit"}
RANDOM = 3
SEEDS = 5


def main(
    cases: Sequence[tuple[str, str]] = CASES,
    scores: Sequence[str] = SCORES,
    *,
    seeds: int = SEEDS,
    epochs: int | None = None,
    folder: Path = FOLDER,
    jobs: int = 2,
) -> dict[str, Any]:
    """By space and budget: what was chosen, its accuracy, and the gain of the default proxy."""
    try:
        load_data(DATA)
    except MissingData as why:
        return {"left out": {str(why): 1.0}}
    found = {}
    for space, budget in cases:
        own = [OF_SPACE[space]] if scores is SCORES else []
        picks = {score: _search(space, budget, score, folder, jobs) for score in [*scores, *own]}
        chosen = {score: result["students"][0] for score, result in picks.items()}
        for number, student in enumerate(picks[scores[0]]["random"], start=1):
            chosen[f"random {number}"] = student
        accuracies = {
            text: _distil(space, text, folder, seeds=seeds, epochs=epochs, jobs=jobs)
            for text in dict.fromkeys(student["arch"] for student in chosen.values())
        }
        found[f"{space}, at most {budget} parameters"] = _told(chosen, accuracies, scores[0])
    return found


def _search(space: str, budget: str, score: str, folder: Path, jobs: int) -> Mapping[str, Any]:
    name = score.replace(":", "-")
    return search.run(
        search.Config(
            out=folder / "search" / f"{space}-{budget}-{name}",
            space=space,
            score=score,
            max_params=budget,
            random=RANDOM,
            protocol=Protocol(data=DATA, teacher=TEACHER),
            jobs=jobs,
        ),
        Silent(),
    )


def _distil(
    space: str, arch: str, folder: Path, *, seeds: int, epochs: int | None, jobs: int
) -> np.ndarray:
    """``(seeds,)`` accuracies in percent; equal seeds mean equal batches for all students."""
    name = "".join(c if c.isalnum() else "-" for c in arch).strip("-")
    results = distill.run(
        distill.Config(
            out=folder / "distill" / f"{space}-{name}",
            space=space,
            arch=arch,
            teacher=TEACHER,
            data=DATA,
            recipe=RECIPES[space],
            seeds=seeds,
            epochs=epochs,
            vanilla=False,
            jobs=jobs,
        ),
        Silent(),
    )
    return np.asarray(results["students"][0]["accuracies"])


def _told(
    chosen: Mapping[str, Mapping[str, Any]], accuracies: Mapping[str, np.ndarray], proxy: str
) -> dict[str, Any]:
    """Students and accuracies, and the gain of ``proxy`` over the others, paired by seed."""
    by_choice = {name: accuracies[student["arch"]] for name, student in chosen.items()}
    told: dict[str, Any] = {
        name: f"{values.mean():.2f} %, {chosen[name]['params']:,} parameters"
        for name, values in by_choice.items()
    }
    random = [values for name, values in by_choice.items() if name.startswith("random")]
    others = {name: v for name, v in by_choice.items() if not name.startswith("random")}
    if random:
        others["random ones"] = np.mean(random, axis=0)
    own = others.pop(proxy)
    told["gain of " + proxy] = {
        f"over {name}": _interval(own - values) for name, values in others.items()
    }
    return told


def _interval(values: np.ndarray) -> str:
    """Mean and 95 % t-interval over seeds."""
    if len(values) < 2 or np.ptp(values) == 0:
        return f"{values.mean():+.2f}"
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{values.mean():+.2f} [{values.mean() - half:+.2f}, {values.mean() + half:+.2f}]"
