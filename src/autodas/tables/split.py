"""Which architectures may be seen when: decided by digest, once and for all.

Discovery evolves on the *search* part, chooses between proxies on the *validation* part, and the
number that is reported comes from the *report* part, which neither has seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput

__all__ = ["FRACTIONS", "Split", "split"]

Index = npt.NDArray[np.intp]
FRACTIONS = (0.5, 0.2, 0.3)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the three parts, ascending; every row is in exactly one.

    Attributes:
        search: What a search may learn from.
        validation: What selects among its results.
        report: What is reported.
    """

    search: Index
    validation: Index
    report: Index


def split(
    architectures: Sequence[str],
    fractions: tuple[float, float, float] = FRACTIONS,
    salt: str = "autodas",
    *,
    groups: Sequence[str] | None = None,
) -> Split:
    """Assign each architecture to a part by the digest of its own string.

    The part of an architecture depends on nothing else: not on the order of rows, nor on which
    other rows there are, so a truncated or extended table splits alike. The price is that parts
    have the fractions only on average.

    Args:
        architectures: Canonical strings.
        fractions: Expected shares of search, validation and report; they sum to 1.
        salt: Changes the assignment.
        groups: For each architecture a label; equal labels go to the same part.

    Raises:
        InvalidInput: a fraction is negative or they do not sum to 1, or the labels do not fit.
    """
    if min(fractions) < 0.0 or not math.isclose(sum(fractions), 1.0, abs_tol=1e-9):
        raise InvalidInput(f"fractions must be at least 0 and sum to 1, got {fractions}")
    if groups is not None and len(groups) != len(architectures):
        raise InvalidInput(
            f"{len(groups)} group labels were given for {len(architectures)} architectures"
        )
    bounds = np.cumsum(fractions)[:2]
    keys = architectures if groups is None else [f"group {label}" for label in groups]
    place = np.array([_uniform(salt, key) for key in keys], dtype=np.float64)
    part = np.searchsorted(bounds, place, side="right")
    search, validation, report = (np.flatnonzero(part == number) for number in range(3))
    return Split(search, validation, report)


def _uniform(salt: str, key: str) -> float:
    """A number in [0, 1) that depends on the texts alone."""
    return int(digest("split", salt, key)[:13], 16) / 16**13
