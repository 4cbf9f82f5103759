"""What a benchmark is asked for."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from autodas.backends import Workers
from autodas.backends.workers import ELSEWHERE as WORKERS
from autodas.core.errors import InvalidInput
from autodas.core.memory_sizes import parse_bytes
from autodas.scores import Score
from autodas.steps.benchmark.comparison import Contender, PartName
from autodas.steps.benchmark.contenders import ALL
from autodas.steps.benchmark.preset import PAPER_SAMPLE, paper_pairs
from autodas.workbench.protocol import Protocol

__all__ = ["BenchmarkConfig", "check", "command_line", "command_of", "identity", "resolved"]


@dataclass(frozen=True)
class BenchmarkConfig(Workers):
    """Which scores to compare, on which ground truth."""

    out: Path = Path("runs/benchmark")
    """Run directory; an interrupted run in it is continued."""
    preset: Literal["paper"] | None = None
    """paper: all scores, predictors and proxies of this package, on every table that is found, at
    most 300 architectures of each. What --table, --scores or --sample say as well, wins."""
    space: str | None = None
    """Search space, if the table does not say which one it is about."""
    table: tuple[str, ...] = ("digits-cnn", "digits-vit")
    """Tables: names or files, or TABLE:TARGET."""
    target: tuple[str, ...] = ("distilled",)
    """Columns of the tables that are to be predicted, unless a table names its own; distilled and
    vanilla stand for all columns of that training."""
    scores: tuple[str, ...] = ("diswot",)
    """Scores, predictor:ridge, predictor:forest, predictor:boosting, proxy:path/to/proxy.json,
    formulas such as "layers_mean(cka)", or all; commas may separate them. Parameters, MACs and
    depth are always compared as well."""
    part: PartName = "all"
    """Architectures to compare on. A proxy that was discovered with a table has seen its search and
    validation parts, and is compared on its report part in any case."""
    limit: int | None = None
    """Use only the first rows of each table."""
    sample: int | None = None
    """Use only so many rows of each table, chosen by digest."""
    init_seeds: int = 1
    """Seeds of initial weights to compare scores over; the batch is kept."""
    batch_seeds: int = 1
    """Seeds of batches to compare scores over; the initial weights are kept."""
    time: bool = False
    """Measure the seconds of every score on its own, on a few architectures and without cache."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation the statistics are measured with."""
    seed: int = 0
    """Seed of the bootstrap and of predictors."""
    page: Path | None = None
    """Markdown page to write the tables into, between <!-- benchmark:begin --> and
    <!-- benchmark:end -->."""
    memory: str = "4GB"
    """Memory for the statistics of a table; those beyond it are kept on disk."""
    cache: Path | None = None
    """Folder of the statistics cache."""


# Where, how fast and what to show: nothing that decides the numbers.
ELSEWHERE = ("out", *WORKERS, "memory", "cache", "page")


def resolved(config: BenchmarkConfig) -> BenchmarkConfig:
    """The configuration with the preset's tables and scores in place."""
    if config.preset is None:
        return config
    sample = PAPER_SAMPLE if config.sample is None else config.sample
    changes: dict[str, Any] = {"sample": sample}
    default = BenchmarkConfig()
    # What somebody asks for all the same, wins: part of the preset is a good test of it.
    if config.table == default.table and config.target == default.target:
        changes["table"] = tuple(paper_pairs())
    if config.scores == default.scores:
        changes["scores"] = (ALL,)
    return dataclasses.replace(config, **changes)


def check(config: BenchmarkConfig) -> None:
    """Refuse options that are out of range.

    Raises:
        InvalidInput: one is; the message names it.
    """
    if config.limit is not None and config.limit < 3:
        raise InvalidInput(f"a ranking needs a limit of at least 3, got {config.limit}")
    if config.sample is not None and config.sample < 3:
        raise InvalidInput(f"a ranking needs a sample of at least 3, got {config.sample}")
    for name in ("init_seeds", "batch_seeds"):
        if getattr(config, name) < 1:
            raise InvalidInput(f"{name} must be at least 1, got {getattr(config, name)}")
    parse_bytes(config.memory)  # before minutes of measuring
    if not config.table:
        raise InvalidInput("table must name at least one table")


def identity(
    config: BenchmarkConfig, compared: Sequence[Contender], tables: Mapping[str, str]
) -> dict[str, Any]:
    """What decides the numbers: a formula, proxy file or table of one name may have changed."""
    asked = asdict(config)
    for name in ELSEWHERE:
        asked.pop(name)
    formulas = {each.name: each.formula for each in compared if isinstance(each, Score)}
    return asked | {
        "formulas": {name: text for name, text in formulas.items() if text},
        "tables": dict(tables),
    }


def command_of(config: BenchmarkConfig) -> str:
    """The command line that asks for the same, without places of this machine."""
    return command_line("benchmark", config, ELSEWHERE)


def command_line(step: str, config: Any, elsewhere: Sequence[str]) -> str:  # noqa: ANN401
    """The command line that asks a step for a configuration, without the options ``elsewhere``."""
    words = ["autodas", step]
    default = type(config)()
    for option in dataclasses.fields(config):
        value = getattr(config, option.name)
        if option.name in elsewhere or value == getattr(default, option.name):
            continue
        name = "--" + option.name.replace("_", "-")
        if isinstance(value, Protocol):
            for part in dataclasses.fields(value):
                if (own := getattr(value, part.name)) != getattr(Protocol(), part.name):
                    words += _option("--" + part.name.replace("_", "-"), own)
        elif value is False:
            words.append("--no-" + name.removeprefix("--"))
        else:
            words += _option(name, value)
    return shlex.join(words)


def _option(name: str, value: object) -> list[str]:
    if value is True:
        return [name]
    values = value if isinstance(value, tuple) else (value,)
    return [name, *(str(each) for each in values)]
