"""Which genomes were asked before: 16 to 32 bytes for each, however long its text.

A search of a million formulas would otherwise hold a million texts for nothing but the question
whether one of them was there before.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

__all__ = ["Seen"]

SMALLEST = 1 << 10
KEY_BYTES = 8


class Seen:
    """A set of texts that keeps 64 bits of each in an open hash table with linear probing.

    Two of n texts share their 64 bits with a probability of about n²/2⁶⁵, 3·10⁻⁸ for a million; the
    second of them would be taken for known and another genome be drawn in its place.
    """

    def __init__(self) -> None:
        self._slots: npt.NDArray[np.uint64] = np.zeros(SMALLEST, dtype=np.uint64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, text: str) -> bool:
        key = _key(text)
        return int(self._slots[_place(self._slots, key)]) == key

    @property
    def nbytes(self) -> int:
        """Bytes of the table."""
        return self._slots.nbytes

    def copy(self) -> Seen:
        """Another one with the same texts."""
        other = Seen()
        other._slots, other._count = self._slots.copy(), self._count
        return other

    def update(self, texts: Iterable[str]) -> None:
        """Add texts."""
        for text in texts:
            self._add(_key(text))

    def _add(self, key: int) -> None:
        place = _place(self._slots, key)
        if int(self._slots[place]) == key:
            return
        self._slots[place] = key
        self._count += 1
        # At most half full, so that a probe rarely looks at more than two slots.
        if 2 * self._count > len(self._slots):
            self._grow()

    def _grow(self) -> None:
        old = self._slots[self._slots > 0]
        self._slots = np.zeros(2 * len(self._slots), dtype=np.uint64)
        for key in old.tolist():
            self._slots[_place(self._slots, key)] = key


def _key(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
    return int.from_bytes(digest, "big") or 1  # 0 marks an empty slot


def _place(slots: npt.NDArray[np.uint64], key: int) -> int:
    """Where ``key`` is, or the empty slot where it belongs."""
    last = len(slots) - 1
    place = key & last
    while int(slots[place]) not in (0, key):
        place = (place + 1) & last
    return place
