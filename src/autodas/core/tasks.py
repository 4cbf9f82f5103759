"""Tasks that a network may be made for, beside telling the classes of its data apart.

They are those of TransNAS-Bench-101 (Duan et al., CVPR 2021). A task decides the head of a network
(:mod:`autodas.networks.heads`) and the labels (:mod:`autodas.workbench.task_labels`); the labels
decide the loss (:mod:`autodas.statistics.passes.losses`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = ["CLASSIFICATION", "DENSE", "OF_TARGET", "OUTPUTS", "SIDE", "Task"]

Task: TypeAlias = Literal[
    "classification",
    "target",
    "segmentsemantic",
    "normal",
    "autoencoder",
    "room_layout",
    "jigsaw",
]

CLASSIFICATION: Task = "classification"
"""Telling the classes of the data apart: as many outputs as it has classes."""

OF_TARGET: Task = "target"
"""As an option: the task whose measurements the target of a table holds."""

OUTPUTS: Mapping[Task, int] = MappingProxyType(
    {"segmentsemantic": 17, "normal": 3, "autoencoder": 3, "room_layout": 9, "jigsaw": 1000}
)
"""Outputs of the others: classes of a pixel, channels of an image, numbers, orders."""

DENSE: frozenset[Task] = frozenset({"segmentsemantic", "normal", "autoencoder"})
"""Tasks with outputs for every pixel."""

SIDE = 3
"""Pieces of a jigsaw in a row, and rows of them."""
