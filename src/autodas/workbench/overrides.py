"""Values that the command line puts in place of a recipe's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autodas.core.errors import InvalidInput

__all__ = ["parse_losses"]


def parse_losses(texts: Sequence[str] | None) -> dict[str, float] | None:
    """Weights by name of ``NAME=WEIGHT …``; None if nothing was given.

    Raises:
        InvalidInput: a text is not of this form, or a name comes twice.
    """
    if texts is None:
        return None
    found: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not (name and equals and math.isfinite(weight)) or name in found:
            raise InvalidInput(f"a loss is written NAME=WEIGHT, once each, got {text!r}")
        found[name] = weight
    return found
