from __future__ import annotations

import pytest
from expression_samples import FIXED, TYPES, build_columns

from autodas.core.values import Column
from autodas.expressions import Grammar


@pytest.fixture(scope="session")
def columns() -> dict[str, Column]:
    """Statistics of 16 architectures of two families."""
    return build_columns(16)


@pytest.fixture(scope="session")
def grammar() -> Grammar:
    return Grammar(TYPES, fixed=FIXED)
