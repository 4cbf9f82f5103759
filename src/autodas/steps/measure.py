"""Fill the statistics cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autodas.backends import Workers
from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.spaces import get_space
from autodas.statistics import STATISTICS
from autodas.workbench.measuring import measure_beside, space_sample
from autodas.workbench.protocol import Protocol, resolved
from autodas.workbench.ways import refuse_twins, way_of

__all__ = ["Config", "MeasureConfig", "run"]


@dataclass(frozen=True)
class MeasureConfig(Workers):
    """What to measure."""

    space: str = "digits-cnn"
    """Search space."""
    students: int = 0
    """How many sampled architectures; 0 measures the whole space."""
    statistics: tuple[str, ...] = ()
    """Names of statistics; all of them if none is named."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation."""
    teachers: tuple[str, ...] = ()
    """Teachers to measure every student beside, in place of --teacher: names or files. A student is
    run once for all of them."""
    seed: int = 0
    """Seed of the sample."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the statistics cache."""


Config = MeasureConfig


def run(config: MeasureConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Measure a space, or a sample of it.

    Returns:
        ``architectures``, ``teachers``, ``measured`` (networks run now), ``seconds``, ``bytes`` of
        the columns, one entry for each student and teacher, and ``missing`` (statistic -> reason).
    """
    space = get_space(config.space)
    names = config.statistics or STATISTICS.names()
    for name in names:
        STATISTICS.get(name)
    if config.teachers and config.protocol.more_teachers:
        raise InvalidInput(
            "--teachers measures beside each of them, --more-teachers beside all at once; give one"
        )
    architectures = space_sample(space, config.students, config.seed)
    teachers = list(config.teachers) or [str(resolved(config.protocol, space).teacher)]
    for each in teachers:
        refuse_twins(way_of(each))
    start = time.perf_counter()
    measured = measure_beside(
        space,
        architectures,
        names,
        config.protocol,
        teachers,
        cache=config.cache,
        jobs=config.workers,
        progress=progress,
    )
    seconds = time.perf_counter() - start
    store = measured.store
    return {
        "space": config.space,
        "architectures": len(architectures),
        "teachers": teachers,
        "measured": measured.networks,
        "seconds": seconds,
        "bytes": store.nbytes,
        "missing": dict(store.missing),
        "summary": [
            f"{len(architectures)} architectures of {config.space}{_beside(teachers)}: "
            f"{measured.networks} measured, "
            f"the rest cached; {len(store.columns)} statistics, {store.nbytes / 2**20:.1f} MiB, "
            f"{seconds:.1f} s",
            *(f"not available: {name}: {reason}" for name, reason in store.missing.items()),
        ],
    }


def _beside(teachers: Sequence[str]) -> str:
    return f" beside {len(teachers)} teachers each" if len(teachers) > 1 else ""
