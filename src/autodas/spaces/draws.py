"""Random decisions that the spaces' operators are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["mixed", "other", "pick", "replaced"]

T = TypeVar("T")


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of ``options``, all equally likely."""
    return options[int(rng.integers(len(options)))]


def other(value: T, options: Sequence[T], rng: np.random.Generator) -> T:
    """One of ``options`` that is not ``value``."""
    return pick([option for option in options if option != value], rng)


def replaced(
    values: tuple[T, ...], options: Sequence[T], rng: np.random.Generator
) -> tuple[T, ...]:
    """``values`` with one entry, at a random place, changed to another option."""
    i = int(rng.integers(len(values)))
    return (*values[:i], other(values[i], options, rng), *values[i + 1 :])


def mixed(a: Sequence[T], b: Sequence[T], length: int, rng: np.random.Generator) -> tuple[T, ...]:
    """``length`` entries, each from ``a`` or ``b``, or from the one that reaches so far."""
    choices = [[s[i] for s in (a, b) if i < len(s)] for i in range(length)]
    return tuple(pick(both, rng) for both in choices)
