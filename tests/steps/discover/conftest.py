"""What tests of many small discoveries share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from autodas.expressions import Grammar
from autodas.steps.discover import evolving


@pytest.fixture(scope="module")
def every_grammar_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache also for what a module shares, and no grammar built twice: it takes seconds."""
    built: dict[str, Grammar] = {}

    def once(types: Any, *, fixed: Any, weights: Any, rules: Any) -> Grammar:
        key = repr((sorted(types), fixed, weights, rules))
        if key not in built:
            built[key] = Grammar(types, fixed=fixed, weights=weights, rules=rules)
        return built[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTODAS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr(evolving, "Grammar", once)
        yield
