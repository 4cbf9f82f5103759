"""Sizes: the scores that every other one has to beat."""

from __future__ import annotations

from autodas.core.results import Ok
from autodas.scores.score import SCORES, Score, of_expression

__all__: list[str] = []

SCORES.add("params", of_expression("params", "params", "number of trainable parameters"))
SCORES.add("macs", of_expression("macs", "macs", "multiply-accumulate operations per image"))
SCORES.add(
    "depth",
    Score("depth", lambda s: Ok(s.depth), frozenset(), "number of blocks one after the other"),
)
