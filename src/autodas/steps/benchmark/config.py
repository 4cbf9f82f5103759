"""What a benchmark is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from autodas.backends import Workers
from autodas.core.errors import AutodasError, InvalidInput
from autodas.fitness import DEFAULT_TOP
from autodas.steps.benchmark.comparison import PartName
from autodas.steps.benchmark.contenders import ALL
from autodas.tables import TABLES, Training, load_table
from autodas.workbench.budgets import parse_bytes
from autodas.workbench.protocol import Protocol

__all__ = ["BenchmarkConfig", "check_config", "paper_pairs", "resolved"]

PAPER_SAMPLE = 300
"""Of larger tables, so many architectures: enough for intervals of a few hundredths."""

# Which trainings of a table; a target that a table does not have is left out.
DISTILLED, BOTH = (Training.DISTILLED,), (Training.DISTILLED, Training.VANILLA)
PAPER: dict[str, tuple[Training, ...] | tuple[str, ...]] = {
    "digits-cnn": DISTILLED,
    "digits-vit": DISTILLED,
    "s0": BOTH,
    "autoformer": (*DISTILLED, "c100_base_acc"),
    "pit": DISTILLED,
    "nasbench201": (Training.VANILLA,),
    "nasbench101": (Training.VANILLA,),
    "nasbench301": (Training.VANILLA,),
    "transnas-macro": (Training.VANILLA,),
    "transnas-micro": (Training.VANILLA,),
}


@dataclass(frozen=True)
class BenchmarkConfig(Workers):
    """Which scores to compare, on which ground truth."""

    out: Path = field(default=Path("runs/benchmark"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    preset: Literal["paper"] | None = None
    """paper: all scores, predictors and proxies of this package, on every table that is found, at
    most 300 architectures of each. What --table, --scores or --sample say as well, wins."""
    space: str | None = None
    """Space of the tables that do not say which one they are about, such as my_space:SPACE."""
    table: tuple[str, ...] = ("digits-cnn", "digits-vit")
    """Tables: names or files, or TABLE:TARGET; TABLE:pairs for all pairs of student and teacher."""
    target: tuple[str, ...] = ("distilled",)
    """Columns of the tables that are to be predicted, unless a table names its own; distilled and
    vanilla stand for all columns of that training."""
    scores: tuple[str, ...] = ("diswot",)
    """Scores, predictor:ridge, predictor:forest, predictor:boosting, the same on the graph alone
    (predictor:graph-forest), predictor:all (graph and scores), predictor:libra (three scores),
    proxy:path/to/proxy.json, formulas such as "layers_mean(cka)", short trainings in the table such
    as early:1/9, numbers that came with it such as published:nwot, or all; commas may separate
    them. Parameters, MACs and depth are always compared as well."""
    part: PartName = "all"
    """Architectures to compare on. A proxy that was discovered with a table has seen its search and
    validation parts, and is compared on its report part in any case."""
    split_seed: int = 0
    """Which split of each table into parts; 0 is the one that published numbers are of. A
    discovered proxy is compared on the report part of the split that it was found with."""
    splits: int = 1
    """Compare on the report parts of so many splits, of seeds from --split-seed on: rows are of the
    first, and beside them stand mean and standard deviation over all."""
    limit: int | None = None
    """Use only the first rows of each table."""
    sample: int | None = None
    """Use only so many rows of each table, chosen by digest."""
    init_seeds: int = 1
    """Seeds of initial weights to compare scores over; the batch is kept."""
    batch_seeds: int = 1
    """Seeds of batches to compare scores over; the initial weights are kept."""
    top: int = DEFAULT_TOP
    """How many of the architectures that a score likes best are looked at on their own; at most
    half of those compared."""
    time: bool = False
    """Measure the seconds of every score on its own, on a few architectures and without cache."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation the statistics are measured with."""
    seed: int = 0
    """Seed of the bootstrap and of predictors."""
    page: Path | None = field(default=None, metadata={"decides": False})
    """Markdown page to write the tables into, between <!-- benchmark:begin --> and
    <!-- benchmark:end -->."""
    memory: str = field(default="4GB", metadata={"decides": False})
    """Memory for the statistics of a table; those beyond it are kept on disk."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the statistics cache."""


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


def paper_pairs() -> list[str]:
    """``TABLE:TARGET`` of every table that is found on this machine and of every wanted target."""
    found = []
    for name, wanted in PAPER.items():
        if name not in TABLES or TABLES.get(name).path is None:
            continue
        try:
            table = load_table(name)
        except AutodasError:
            continue  # found and not readable: the other tables are still worth comparing on
        found += [
            f"{name}:{target.name}"
            for target in table.targets.values()
            if target.name in wanted or target.training in wanted
        ]
    return found


def check_config(config: BenchmarkConfig) -> None:
    """Refuse options that are out of range.

    Raises:
        InvalidInput: one is; the message names it.
        UnknownName: there is no such data set.
    """
    if config.limit is not None and config.limit < 3:
        raise InvalidInput(f"a ranking needs a limit of at least 3, got {config.limit}")
    if config.sample is not None and config.sample < 3:
        raise InvalidInput(f"a ranking needs a sample of at least 3, got {config.sample}")
    for name in ("init_seeds", "batch_seeds"):
        if getattr(config, name) < 1:
            raise InvalidInput(f"{name} must be at least 1, got {getattr(config, name)}")
    if config.splits < 1 or (config.splits > 1 and config.part != "report"):
        raise InvalidInput(
            f"splits must be at least 1, and 1 unless part is report, got {config.splits} with "
            f"part {config.part}"
        )
    if config.top < 1:
        raise InvalidInput(f"top must be at least 1, got {config.top}")
    parse_bytes(config.memory)  # before minutes of measuring
    if not config.table:
        raise InvalidInput("table must name at least one table")
    config.protocol.check_data()  # sizes alone would never ask for it
