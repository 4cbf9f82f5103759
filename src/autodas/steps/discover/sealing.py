"""What a discovery may look at, and what stays sealed until there is a proxy to report on.

Labels are parted once, when tables are loaded. Search and choice are given guiding families, which
do not hold the accuracies of the report part: no mistake in them can use what they do not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autodas.core.looks import Look, look
from autodas.scores import Proxy
from autodas.workbench.families import Family
from autodas.workbench.pair_families import PairFamily

__all__ = ["GuidingFamily", "SealedFamilies"]


@dataclass(frozen=True, eq=False)
class GuidingFamily(Family):
    """A family of which only search and validation part have known accuracies, in every target.

    However it is made, all other accuracies are replaced by NaN, as if nobody had trained there.
    """

    def __post_init__(self) -> None:
        known = np.concatenate([self.split.search, self.split.validation])
        table = self.table.knowing(known)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "truth", table.target(self.target).values)


@dataclass(frozen=True, eq=False)
class GuidingPairs(GuidingFamily, PairFamily):
    """The same of a family of pairs."""


class SealedFamilies:
    """Whole families, with the accuracies of the report part.

    Args:
        families: Those that guide the discovery, before anything is hidden.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        self.__families = tuple(families)

    @property
    def guiding(self) -> list[GuidingFamily]:
        """What search and choice may see of them."""
        return [
            (GuidingPairs if isinstance(family, PairFamily) else GuidingFamily)(**vars(family))
            for family in self.__families
        ]

    def opened(
        self, _: Proxy, run: Path, cache: Path | None = None
    ) -> tuple[tuple[Family, ...], tuple[Look, ...]]:
        """The families, to report on a proxy: nobody has one to give before the choice is made.

        Args:
            run: The run directory; that it looks at the report parts is counted there, and in the
                cache folder.
            cache: The cache folder; the user's usual one by default.
        """
        tables = {family.table.name: family.table.digest for family in self.__families}
        return self.__families, look(run, tables, cache)
