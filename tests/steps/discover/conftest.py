"""What tests of many small discoveries share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from autodas.expressions import Grammar
from autodas.steps.discover import evolving

KEPT = 3  # each takes 20 MB


@pytest.fixture(autouse=True, scope="session")
def _the_last_grammars() -> Iterator[None]:
    """None of the last few is built again: building one takes half of a small discovery."""
    built: dict[str, Grammar] = {}

    def once(types: Any, *, fixed: Any, weights: Any, rules: Any) -> Grammar:
        key = repr((types, fixed, weights, rules))
        grammar = built.pop(key, None) or Grammar(types, fixed=fixed, weights=weights, rules=rules)
        built[key] = grammar
        if len(built) > KEPT:
            del built[next(iter(built))]
        return grammar

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolving, "Grammar", once)
        yield
