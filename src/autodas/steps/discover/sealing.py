"""What a discovery may look at, and what stays sealed until there is a proxy to report on.

Labels are parted once, when tables are loaded. Search and choice are given guiding families, which
do not hold the accuracies of the report part: no mistake in them can use what they do not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

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

    def opened(self, _: Proxy) -> tuple[Family, ...]:
        """The families, to report on a proxy: nobody has one to give before the choice is made."""
        return self.__families
