"""Run benchmarks, print their figures, and keep them as JSON under ``runs/benchmarks``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything loads NumPy or PyTorch

import benchmarks

FOLDER = Path("runs") / "benchmarks"
HELPERS = {
    "__main__",
    "demonstration",
    "finalists_page",
    "pair_teachers",
    "teachers_page",
    "timing",
    "workload",
}
# Many minutes, public data, or an extra: only when they are named.
LONG = {
    "duels",
    "end_to_end",
    "endurance",
    "finalists",
    "general",
    "gpu",
    "islands",
    "pairs",
    "photographs",
    "resolution",
    "splits",
    "teachers",
    "throughput",
    "transfer",
}


def names() -> list[str]:
    """All benchmarks: the modules of this package that are not helpers."""
    return [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in HELPERS]


def figures(result: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    """Nested figures as indented lines."""
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{name}"
            yield from figures(value, depth + 1)
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else value
            yield f"{'  ' * depth}{name:<32} {shown}"


def main(chosen: list[str]) -> int:
    """Run ``chosen`` benchmarks, or all; the exit status."""
    from autodas.core.errors import UnknownName
    from autodas.core.files import write_json
    from autodas.core.runs import environment

    known = names()
    for name in chosen:
        if name not in known:
            print(UnknownName("benchmark", name, known), file=sys.stderr)
            return 2
    for name in chosen or [name for name in known if name not in LONG]:
        result = importlib.import_module(f"benchmarks.{name}").main()
        print(name, *figures(result), sep="\n", flush=True)
        write_json(FOLDER / f"{name}.json", {"environment": environment(), "result": result})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
