"""Reading architectures from text: strictly, and with one-line complaints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from autodas.core.errors import InvalidInput

__all__ = ["Option", "check_text", "match", "parse_object", "shown"]

Option: TypeAlias = int | float | str | bool
OptionT = TypeVar("OptionT", bound=Option)


def match(value: object, options: Sequence[OptionT], what: str) -> OptionT:
    """The option equal to ``value``, where True is not 1.

    Raises:
        InvalidInput: there is none; the message starts with ``what``.
    """
    for option in options:
        if isinstance(value, bool) == isinstance(option, bool) and value == option:
            return option
    raise InvalidInput(f"{what} must be one of {', '.join(map(repr, options))}, got {value!r}")


def check_text(text: object, space: str) -> None:
    """Refuse an architecture where its text is wanted.

    Raises:
        InvalidInput: ``text`` is no text.
    """
    if not isinstance(text, str):
        raise InvalidInput(
            f"space {space!r}: the text of an architecture is wanted, as encode() writes it, "
            f"got the {type(text).__name__} {shown(str(text))}"
        )


def parse_object(text: str, space: str, keys: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Read a JSON object that has exactly ``keys``, each once.

    Raises:
        InvalidInput: it is something else.
    """
    check_text(text, space)
    expected = "{" + ", ".join(f'"{key}": …' for key in sorted(keys)) + "}"
    problem = f"space {space!r}: architectures are written {expected}, got {shown(text)}"

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("repeated key")
        return dict(pairs)

    try:
        given = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise InvalidInput(problem) from None
    if not isinstance(given, dict) or given.keys() != set(keys):
        raise InvalidInput(problem)
    return given


def shown(text: str) -> str:
    """``text`` quoted, and cut if long."""
    return repr(text if len(text) <= 60 else text[:57] + "…")
