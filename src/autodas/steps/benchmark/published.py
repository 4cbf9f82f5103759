"""Numbers that came with a table as rivals: scores by its authors, accuracies of other trainings.

``published:nwot`` is the column ``nwot`` of a table of NAS-Bench-Suite-Zero, of the task or data
set of each target; ``published:vanilla`` of a zoo is the accuracy without a teacher.
"""

from __future__ import annotations

from dataclasses import dataclass

from autodas.core.results import Failed, Ok, Result
from autodas.scores.score import Values
from autodas.tables import Table

__all__ = ["PREFIX", "Published", "get_published", "published_values"]

PREFIX = "published:"


@dataclass(frozen=True)
class Published:
    """Ranks by a number that came with the table.

    Attributes:
        column: What the table calls it.
    """

    column: str

    @property
    def name(self) -> str:
        """What it is called in tables and commands."""
        return f"{PREFIX}{self.column}"

    @property
    def leaves(self) -> frozenset[str]:
        """Statistics it needs: none, it looks at the table alone."""
        return frozenset()


def get_published(name: str) -> Published:
    """What is called ``published:COLUMN``."""
    return Published(name.removeprefix(PREFIX))


def published_values(table: Table, target: str, contender: Published) -> Result[Values]:
    """``(A,)`` the number of every architecture, NaN where there is none.

    Args:
        table: Came with it.
        target: What is to be predicted. Where a table has a number for each of several targets or
            data sets, that of this one is taken.
        contender: Which.
    """
    of = (f"{target}/", f"{target.removesuffix('_val')}/", "")
    for prefix in of:
        if (key := f"{prefix}{contender.column}") in table.published:
            return Ok(table.published[key])
    there = sorted(
        {
            key.removeprefix(prefix)
            for prefix in of[:2]
            for key in table.published
            if key.startswith(prefix)
        }
        | {key for key in table.published if "/" not in key}
    )
    return Failed(
        f"table {table.name} came with no {contender.column!r} for {target}; it came with "
        f"{', '.join(there) or 'nothing but accuracies'}"
    )
