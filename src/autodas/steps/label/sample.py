"""Which students of a space are labelled."""

from __future__ import annotations

import math
from functools import lru_cache

from autodas.core.rng import derive
from autodas.networks import parameters, without_weights
from autodas.spaces import Arch, Space

__all__ = ["sample_students"]

ENUMERABLE = 4096  # larger spaces are sampled instead of enumerated
POOL = 16  # architectures drawn for each student wanted from such a space
STRATA = 16


def sample_students(space: Space, students: int, seed: int) -> list[Arch]:
    """Different architectures spread evenly over the logarithm of #params.

    The range of log #params is cut into 16 strata of equal width, and architectures are dealt
    from the strata in turn. So small and large students are there even if most of the space is
    of medium size, and a smaller sample of the same seed is the beginning of a larger one.

    Args:
        space: A countable space is enumerated up to 4096 architectures; from others, 16 times as
            many as wanted are drawn first.
        students: At least 1; the whole space if it has no more.
        seed: Of the draw.

    Returns:
        Architectures in the order dealt.
    """
    pool = _pool(space, students, seed)
    sizes = [math.log(_params(space, arch)) for arch in pool]
    low, width = min(sizes), (max(sizes) - min(sizes)) / STRATA or 1.0
    strata: list[list[Arch]] = [[] for _ in range(STRATA)]
    for arch, size in zip(pool, sizes, strict=True):
        strata[min(STRATA - 1, int((size - low) / width))].append(arch)
    rng = derive(seed, "label strata", space.name)
    decks = [[stratum[i] for i in rng.permutation(len(stratum))] for stratum in strata]
    dealt = [deck[i] for i in range(len(pool)) for deck in decks if i < len(deck)]
    return dealt[:students]


@lru_cache(maxsize=1 << 15)
def _params(space: Space, arch: Arch) -> int:
    """Trainable parameters, without the time that counting operations would take."""
    return parameters(without_weights(lambda: space.build(arch)))


def _pool(space: Space, students: int, seed: int) -> list[Arch]:
    if space.size is not None and space.size <= ENUMERABLE:
        return list(space.enumerate())
    rng = derive(seed, "label pool", space.name)
    wanted = POOL * students
    drawn: dict[Arch, None] = {}
    # A bounded number of draws: an uncounted space may hold fewer architectures than wanted.
    for _ in range(4 * wanted):
        drawn[space.sample(rng)] = None
        if len(drawn) == wanted:
            break
    return list(drawn)
