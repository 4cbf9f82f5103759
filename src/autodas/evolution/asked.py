"""Which genomes were asked before, however long their texts."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["Asked"]


# A million formulas take 82 MB, their texts 163 MB. A table of our own took 28 MB, and as long to
# ask as this and twice as long to fill.
class Asked:
    """A set of texts that keeps 64 bits of each.

    Two of n texts share their 64 bits with a probability of about n²/2⁶⁵, 3·10⁻⁸ for a million; the
    second of them would be taken for known and another genome be drawn in its place.
    """

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, text: str) -> bool:
        return _digest(text) in self._digests

    def copy(self) -> Asked:
        """Another one with the same texts."""
        other = Asked()
        other._digests = self._digests.copy()
        return other

    def update(self, texts: Iterable[str]) -> None:
        """Add texts."""
        self._digests.update(map(_digest, texts))


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
