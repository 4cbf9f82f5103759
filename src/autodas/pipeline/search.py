"""Search: the best students of a space under a budget, by any score."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.rng import derive
from autodas.core.runs import RunDirectory
from autodas.networks import parameters
from autodas.pipeline.families import subjects_of
from autodas.pipeline.measure import Protocol, space_sample
from autodas.scores import Score, get_score
from autodas.spaces import Space, get_space

__all__ = ["Config", "SearchConfig", "run"]


@dataclass(frozen=True)
class SearchConfig:
    """Which students to look for."""

    out: Path = Path("runs/search")
    """Run directory."""
    space: str = "digits-cnn"
    """Search space."""
    score: str = "params"
    """What to rank by: a score, proxy:path/to/proxy.json, or a formula."""
    max_params: float | None = None
    """Largest number of trainable parameters."""
    max_macs: float | None = None
    """Largest number of multiply-accumulates per image."""
    candidates: int = 0
    """Score this many sampled architectures; 0 scores the whole space."""
    top: int = 10
    """How many students to report."""
    random: int = 3
    """How many random students within the budget to report, for comparison."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation the statistics are measured with."""
    seed: int = 0
    """Seed of samples."""
    jobs: int = 2
    """Processes for measuring."""
    cache: Path | None = None
    """Folder of the statistics cache."""


Config = SearchConfig


@dataclass(frozen=True)
class _Scored:
    arch: str
    score: float
    params: int

    def to_json(self, space: Space) -> dict[str, Any]:
        cost = space.cost(space.decode(self.arch))
        return {
            "arch": self.arch,
            "score": self.score,
            "params": cost.params,
            "macs": cost.macs,
        }


def run(config: SearchConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Score every candidate within the budget and report the best.

    Raises:
        InvalidInput: nothing fits the budget; the message gives the space's real range.
        AutodasError: the score cannot be computed on this space.
    """
    space, score = get_space(config.space), get_score(config.score)
    asked = asdict(config)
    for name in ("out", "jobs", "cache"):
        asked.pop(name)
    with RunDirectory(config.out, "search", asked | {"formula": score.formula}) as directory:
        start = time.perf_counter()
        architectures = space_sample(space, config.candidates, config.seed)
        fitting = within_budget(space, architectures, config)
        scored, networks = _score(space, score, fitting, config, progress)
        results = _results(config, space, scored, len(architectures))
        results |= {"networks_measured": networks, "seconds": time.perf_counter() - start}
        directory.write_results(results)
    best = results["students"][0]
    return results | {
        "summary": [
            f"best of {len(scored)} students of {space.name} within the budget: {best['arch']} "
            f"({best['params']:,} parameters, {best['macs']:,} MACs)"
        ]
    }


def within_budget(
    space: Space, architectures: Sequence[str], config: SearchConfig
) -> dict[str, int]:
    """Parameters of the architectures that fit the budget.

    Raises:
        InvalidInput: none does.
    """
    params = {text: _params(space, text) for text in architectures}
    fitting = {
        text: count
        for text, count in params.items()
        if config.max_params is None or count <= config.max_params
    }
    if config.max_macs is not None:
        most = config.max_macs
        fitting = {
            text: count
            for text, count in fitting.items()
            if space.cost(space.decode(text)).macs <= most
        }
    if not fitting:
        raise InvalidInput(
            f"no architecture of {space.name} fits the budget (max_params={config.max_params}, "
            f"max_macs={config.max_macs}); its students have {min(params.values()):,} to "
            f"{max(params.values()):,} parameters"
        )
    return fitting


def _params(space: Space, text: str) -> int:
    # Only parameters, because counting MACs costs ten times as much.
    with torch.device("meta"):
        return parameters(space.build(space.decode(text)))


def _score(
    space: Space,
    score: Score,
    params: dict[str, int],
    config: SearchConfig,
    progress: Progress,
) -> tuple[list[_Scored], int]:
    architectures = list(params)
    subjects, networks, _ = subjects_of(
        space,
        architectures,
        sorted(score.leaves),
        config.protocol,
        cache=config.cache,
        jobs=config.jobs,
        progress=progress,
    )
    values = score.compute(subjects)
    if isinstance(values, Failed):
        raise AutodasError(f"{score.name} cannot rank {space.name}: {values.reason}")
    scored = [
        _Scored(text, float(value), params[text])
        for text, value in zip(architectures, values.value, strict=True)
    ]
    # Of equal scores the smaller student first: it costs less.
    return sorted(scored, key=lambda s: (-s.score, s.params, s.arch)), networks


def _results(
    config: SearchConfig, space: Space, scored: Sequence[_Scored], size: int
) -> dict[str, Any]:
    rng = derive(config.seed, "random students", space.name)
    drawn = rng.choice(len(scored), size=min(config.random, len(scored)), replace=False)
    largest = max(scored, key=lambda s: (s.params, s.arch))
    return {
        "space": space.name,
        "score": config.score,
        "budgets": {
            name: getattr(config, name)
            for name in ("max_params", "max_macs")
            if getattr(config, name) is not None
        },
        "size": size,
        "within_budget": len(scored),
        "students": [each.to_json(space) for each in scored[: config.top]],
        "largest": largest.to_json(space),
        "random": [scored[i].to_json(space) for i in np.sort(drawn)],
        "points": {
            "params": [each.params for each in scored],
            "score": [each.score for each in scored],
        },
    }
