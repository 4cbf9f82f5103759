"""Distillation-aware architecture search without training.

The names below are the Python interface; ``docs/python.md`` says how stable it is. Importing
``autodas`` is cheap: PyTorch is loaded by the parts that need it, when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autodas.api import (
        benchmark,
        discover,
        distill_student,
        explain,
        label,
        load_proxy,
        measure,
        run,
        score,
        search,
    )
    from autodas.primitives import primitive
    from autodas.spaces import ChoiceSpace, Space, get_space
    from autodas.statistics import statistic
    from autodas.workbench.ground_truth import load_table
    from autodas.workbench.load_student import load_student

__version__ = "0.1.0"

__all__ = [
    "ChoiceSpace",
    "Space",
    "__version__",
    "benchmark",
    "discover",
    "distill_student",
    "explain",
    "get_space",
    "label",
    "load_proxy",
    "load_student",
    "load_table",
    "measure",
    "primitive",
    "run",
    "score",
    "search",
    "statistic",
]

_API = "autodas.api"
_HOMES = {
    **dict.fromkeys(("benchmark", "discover", "distill_student", "explain", "label"), _API),
    **dict.fromkeys(("load_proxy", "measure", "run", "score", "search"), _API),
    **dict.fromkeys(("ChoiceSpace", "Space", "get_space"), "autodas.spaces"),
    "load_student": "autodas.workbench.load_student",
    "load_table": "autodas.workbench.ground_truth",
    "primitive": "autodas.primitives",
    "statistic": "autodas.statistics",
}


def __getattr__(name: str) -> object:
    """Load what is asked for when it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The names that can be had, loaded or not."""
    return sorted({*globals(), *_HOMES})
