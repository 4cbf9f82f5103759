"""Names for objects, with helpful errors for wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from autodas.core.errors import InvalidInput, UnknownName

__all__ = ["Catalog"]

T = TypeVar("T")


class Catalog(Generic[T]):
    """An ordered mapping from names to objects of one kind.

    Args:
        kind: The word used in messages, e.g. ``"primitive"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Register ``item``; a name can be given once only.

        Raises:
            InvalidInput: ``name`` is taken.
        """
        if name in self._items:
            raise InvalidInput(f"{self.kind} {name!r} is already defined")
        self._items[name] = item
        return item

    def remove(self, name: str) -> None:
        """Forget ``name`` (for tests and interactive redefinition)."""
        self.get(name)
        del self._items[name]

    def get(self, name: str) -> T:
        """The object called ``name``.

        Raises:
            UnknownName: there is none; the message names the nearest.
        """
        try:
            return self._items[name]
        except KeyError:
            raise UnknownName(self.kind, name, self._items) from None

    def names(self) -> tuple[str, ...]:
        """All names in order of registration."""
        return tuple(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)
