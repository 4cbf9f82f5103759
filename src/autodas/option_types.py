"""What each function of the Python interface takes, for editors and type checkers.

Made by ``python tests/option_types.py`` from the configurations of the commands, whose
documentation says what the options mean. An option that is read from text may be given as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from autodas.workbench.protocol import Protocol

__all__ = [
    "BenchmarkOptions",
    "DiscoverOptions",
    "DistillOptions",
    "ExplainOptions",
    "LabelOptions",
    "MeasureOptions",
    "RunOptions",
    "SearchOptions",
]


class BenchmarkOptions(TypedDict, total=False):
    """Of ``benchmark``."""

    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    preset: Literal["paper"] | None
    space: str | None
    table: Sequence[str]
    target: Sequence[str]
    scores: Sequence[str]
    part: Literal["all", "search", "validation", "report"]
    split_seed: int
    splits: int
    limit: int | None
    sample: int | None
    init_seeds: int
    batch_seeds: int
    top: int
    time: bool
    protocol: Protocol
    seed: int
    page: Path | str | None
    memory: str
    cache: Path | str | None
    data: str | None
    teacher: str | None
    batch_size: int | None
    resolution: int | None
    batch_seed: int
    batch_kind: Literal["real", "noise", "grey"]
    shuffled_labels: bool
    init_seed: int
    entries: int
    device: str
    task: Literal[
        "classification",
        "target",
        "segmentsemantic",
        "normal",
        "autoencoder",
        "room_layout",
        "jigsaw",
    ]
    more_teachers: Sequence[str]


class DiscoverOptions(TypedDict, total=False):
    """Of ``discover``."""

    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    name: str
    tables: Sequence[str]
    held_out: Sequence[str]
    space: str | None
    limit: int | None
    sample: int | None
    labels: int | None
    split_seed: int
    protocol: Protocol
    population: int
    generations: int
    islands: int
    migrate_every: int
    migrants: int
    selection: Literal["adaptive", "fixed", "tournament", "nsga2", "random"]
    tournament_size: int
    crossover_rate: float | None
    mutation_rate: float | None
    p_max: float
    p_min: float
    newcomers: float
    max_nodes: int
    size_leaves: bool
    leaves: Literal["both", "intrinsic", "interaction", "apart"]
    statistics: Literal["shared", "scores", "most", "all"]
    early: Sequence[str]
    fitness: str
    combine: Literal["mean", "min"]
    lift: bool
    size_control: float
    parsimony: float
    terms: int
    scale: Literal["quantiles", "common"]
    leave_out: Literal["architectures", "spaces"]
    rule: Literal["one-se", "best"]
    finalists: int
    collapse: int
    seed: int
    memory: str
    cache: Path | str | None
    ablate: Sequence[str]
    ablation_seeds: int
    page: Path | str | None
    data: str | None
    teacher: str | None
    batch_size: int | None
    resolution: int | None
    batch_seed: int
    batch_kind: Literal["real", "noise", "grey"]
    shuffled_labels: bool
    init_seed: int
    entries: int
    device: str
    task: Literal[
        "classification",
        "target",
        "segmentsemantic",
        "normal",
        "autoencoder",
        "room_layout",
        "jigsaw",
    ]
    more_teachers: Sequence[str]


class DistillOptions(TypedDict, total=False):
    """Of ``distill``."""

    any_teacher: bool
    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    search: Path | str | None
    space: str
    arch: str | None
    student: str | None
    teacher: str
    data: str
    recipe: str | None
    seeds: int
    vanilla: bool
    seed: int
    losses: Sequence[str] | None
    epochs: int | None
    more_teachers: Sequence[str]
    device: str
    devices: int
    amp: bool
    ray_gpus: float
    formats: Sequence[Literal["torch", "onnx"]]
    tracking: bool


class ExplainOptions(TypedDict, total=False):
    """Of ``explain``."""

    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    table: str | None
    space: str | None
    architectures: int
    protocol: Protocol
    other_teacher: str | None
    collapse: bool
    seed: int
    cache: Path | str | None
    data: str | None
    teacher: str | None
    batch_size: int | None
    resolution: int | None
    batch_seed: int
    batch_kind: Literal["real", "noise", "grey"]
    shuffled_labels: bool
    init_seed: int
    entries: int
    device: str
    task: Literal[
        "classification",
        "target",
        "segmentsemantic",
        "normal",
        "autoencoder",
        "room_layout",
        "jigsaw",
    ]
    more_teachers: Sequence[str]


class LabelOptions(TypedDict, total=False):
    """Of ``label``."""

    any_teacher: bool
    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    space: str
    teacher: str
    teachers: Sequence[str]
    data: str
    recipe: str | None
    students: int
    seeds: int
    vanilla: bool
    sample_seed: int
    rungs: Sequence[str]
    known: str | None
    temperature: float | None
    kd_weight: float | None
    ce_weight: float | None
    losses: Sequence[str] | None
    epochs: int | None
    device: str
    amp: bool
    time_limit: float | None
    ray_gpus: float


class MeasureOptions(TypedDict, total=False):
    """Of ``measure``."""

    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    space: str
    students: int
    statistics: Sequence[str]
    protocol: Protocol
    teachers: Sequence[str]
    seed: int
    cache: Path | str | None
    data: str | None
    teacher: str | None
    batch_size: int | None
    resolution: int | None
    batch_seed: int
    batch_kind: Literal["real", "noise", "grey"]
    shuffled_labels: bool
    init_seed: int
    entries: int
    device: str
    task: Literal[
        "classification",
        "target",
        "segmentsemantic",
        "normal",
        "autoencoder",
        "room_layout",
        "jigsaw",
    ]
    more_teachers: Sequence[str]


class RunOptions(TypedDict, total=False):
    """Of ``run``."""

    any_teacher: bool
    max_params: str | float | None
    max_macs: str | float | None
    max_memory: str | float | None
    max_latency: str | None
    latency_device: Literal["cpu", "cuda"]
    latency_of: Literal["pytorch", "onnx"]
    images_at_once: int
    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    space: str | None
    score: str | None
    strategy: Literal["auto", "whole", "evolution", "nsga2", "random"]
    evaluations: int | None
    trainings: str | float
    teachers: Sequence[str]
    try_losses: Sequence[str]
    without_teacher: bool
    recipe: str | None
    epochs: int | None
    seeds: int
    compare: bool
    protocol: Protocol
    seed: int
    cache: Path | str | None
    data: str | None
    teacher: str | None
    batch_size: int | None
    resolution: int | None
    batch_seed: int
    batch_kind: Literal["real", "noise", "grey"]
    shuffled_labels: bool
    init_seed: int
    entries: int
    device: str
    task: Literal[
        "classification",
        "target",
        "segmentsemantic",
        "normal",
        "autoencoder",
        "room_layout",
        "jigsaw",
    ]
    more_teachers: Sequence[str]


class SearchOptions(TypedDict, total=False):
    """Of ``search``."""

    any_teacher: bool
    max_params: str | float | None
    max_macs: str | float | None
    max_memory: str | float | None
    max_latency: str | None
    latency_device: Literal["cpu", "cuda"]
    latency_of: Literal["pytorch", "onnx"]
    images_at_once: int
    jobs: int
    backend: Literal["serial", "processes", "ray"]
    ray_address: str | None
    out: Path | str
    space: str | None
    score: str | None
    strategy: Literal["auto", "whole", "evolution", "nsga2", "random"]
    evaluations: int | None
    candidates: int
    trainings: str | float
    finalists: int | None
    teachers: Sequence[str]
    without_teacher: bool
    try_losses: Sequence[str]
    recipe: str | None
    epochs: int | None
    top: int
    pareto: Literal["params", "macs", "memory", "latency"] | None
    random: int
    table: str | None
    protocol: Protocol
    seed: int
    cache: Path | str | None
    data: str | None
    teacher: str | None
    batch_size: int | None
    resolution: int | None
    batch_seed: int
    batch_kind: Literal["real", "noise", "grey"]
    shuffled_labels: bool
    init_seed: int
    entries: int
    device: str
    task: Literal[
        "classification",
        "target",
        "segmentsemantic",
        "normal",
        "autoencoder",
        "room_layout",
        "jigsaw",
    ]
    more_teachers: Sequence[str]
