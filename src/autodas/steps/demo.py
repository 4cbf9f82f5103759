"""The whole method on embedded data: discover, search, distil."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autodas.backends import Workers
from autodas.core.errors import InvalidInput
from autodas.core.files import json_text, refuse_linked_folders
from autodas.core.progress import Progress, Silent
from autodas.core.seals import read_checked_json, write_checked
from autodas.steps.benchmark.run import summary_table
from autodas.steps.discover import dispatch as discover
from autodas.steps.distill import run as distill
from autodas.steps.search import run as search

__all__ = ["Config", "DemoConfig", "run"]

BUDGETS = {"digits-cnn": 10_000, "digits-vit": 15_000}
SEEDS = 5  # of the final trainings: with three, an interval is half again as wide


@dataclass(frozen=True)
class DemoConfig(Workers):
    """The demonstration has few options: it is meant to be looked at."""

    out: Path = field(default=Path("runs/demo"), metadata={"decides": False})
    """Run directory; what is already done in it is not done again."""
    generations: int = 40
    """Generations of the proxy search."""
    trainings: float | str = 3.0
    """What choosing a student may cost, in full trainings, the final one included; 1: the proxy
    alone decides, from 4 on whole trainings decide whether it needs the teacher."""
    size_leaves: bool = False
    """Whether the formula may use sizes. Without them, as in the paper, it can only know what
    weights, features, gradients and the teacher show."""
    seed: int = 0
    """Seed of everything."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the statistics cache."""


Config = DemoConfig


def run(config: DemoConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Discover a proxy on both digit spaces, find and train a student with it in each."""
    if config.generations < 1:
        raise InvalidInput(f"generations must be at least 1, got {config.generations}")
    searches = {space: _search_config(config, space) for space in BUDGETS}  # refuses early
    start = time.perf_counter()
    shared: dict[str, Any] = {"seed": config.seed, **config.options}
    steps = [f"{step}-{space}" for space in BUDGETS for step in ("search", "distill")]
    refuse_linked_folders(config.out, ["figures", "discover", *steps])
    progress.note("discovering a proxy on digits-cnn and digits-vit")
    found = discover.run(
        discover.Config(
            out=config.out / "discover",
            generations=config.generations,
            size_leaves=config.size_leaves,
            cache=config.cache,
            **shared,
        ),
        progress,
    )
    progress.note(f"found {found['proxy']['text']}")
    students, parts = [], {"search": [], "distill": []}  # type: ignore[var-annotated]
    for space, wanted in searches.items():
        search.run(wanted, progress)
        trained = config.out / f"distill-{space}"
        options = {"out": trained, "search": wanted.out, "seed": config.seed, **config.options}
        distill.run(distill.Config(seeds=SEEDS, **options), progress)
        parts["search"].append(wanted.out.name)
        parts["distill"].append(trained.name)
        students.append(read_checked_json(trained / "results.json"))
    results = {
        "command": "demo",
        "discover": "discover",
        **parts,
        "seconds": time.perf_counter() - start,
    }
    write_checked(config.out / "results.json", json_text(results).encode())
    return results | {"summary": _summary(found, students)}


def _search_config(config: DemoConfig, space: str) -> search.Config:
    return search.Config(
        out=config.out / f"search-{space}",
        space=space,
        score=f"proxy:{config.out / 'discover' / 'proxy.json'}",
        max_params=BUDGETS[space],
        trainings=config.trainings,
        seed=config.seed,
        **config.options,
        cache=config.cache,
    )


def _summary(found: dict[str, Any], students: list[dict[str, Any]]) -> list[str]:
    lines = ["", f"proxy: {found['proxy']['text']}", ""]
    lines += ["ranking of architectures the search never saw:", *summary_table(found["rows"]), ""]
    lines += found["verdict"]
    lines.append("")
    for result in students:
        lines.append(f"{'student':<12}{'parameters':>12}{'distilled %':>13}   {result['space']}")
        lines += [
            f"{s['role']:<12}{s['params']:>12,}{s['accuracy']:>13.2f}   {s['arch']}"
            for s in result["students"]
        ]
        lines.append(f"{'teacher':<12}{'':>12}{result['teacher_accuracy']:>13.2f}")
        lines += [*result["verdict"], ""]
    return lines
