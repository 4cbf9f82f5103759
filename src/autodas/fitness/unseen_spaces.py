"""What a step of boosting is worth on spaces that did not choose it.

A term that fits the labels of some spaces need not order another. Here every space is left out in
turn: the others say how far the weight of a term would move, and the one left out says what that
gains there. A term is as good as its gains on spaces that had no say in its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput

__all__ = ["Unseen", "gains_unseen"]

Floats = npt.NDArray[np.float64]
Unseen: TypeAlias = Literal["sure", "min"]
TINY = 1e-9


def gains_unseen(
    aligned: Floats, scales: Floats, spaces: Sequence[str], rate: float, unseen: Unseen
) -> Floats:
    """``(N,)`` what a step along each of N terms gains on spaces left out, in squared error.

    Args:
        aligned: ``(P, N)`` products of each family's residuals with each term.
        scales: ``(P, N)`` squared lengths of the terms there.
        spaces: Space of each family; those of one space are left out together.
        rate: Share of its full coefficient that a step takes.
        unseen: How gains on S spaces become one: their mean less its standard error over spaces,
            ``sure``; or the smallest, ``min``.

    Raises:
        InvalidInput: there are fewer than two spaces.
    """
    names = list(dict.fromkeys(spaces))
    if len(names) < 2:
        raise InvalidInput(f"to leave spaces out takes at least two, got {', '.join(names)}")
    members = np.array([[space == name for space in spaces] for name in names], dtype=np.float64)
    own, length = members @ aligned, members @ scales
    others, room = own.sum(axis=0) - own, length.sum(axis=0) - length
    usable = room > TINY
    step = rate * others / np.where(usable, room, np.inf)
    # Below 0 where no other space has the term, lest noise of the others makes up for that.
    gains = np.where(usable, 2.0 * step * own - step**2 * length, -1.0)
    if unseen == "min":
        return np.asarray(gains.min(axis=0))
    return np.asarray(gains.mean(axis=0) - gains.std(axis=0, ddof=1) / np.sqrt(len(names)))
