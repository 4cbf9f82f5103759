"""Import timm and torchvision, also where torchvision does not fit the PyTorch that is there.

timm needs a few Python modules of torchvision and none of its compiled operators, and neither do
the transformations of pictures. Beside a CPU
build of PyTorch, torchvision's compiled part often cannot be loaded; its Python part then fails
because it describes operators (``operator torchvision::nms does not exist``). Declaring the names
of those operators, without any implementation, is enough for all these imports.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from torch import library

from autodas.core.errors import MissingData
from autodas.networks.timm_mobilenets import name_narrow_mobilenets

__all__ = ["import_timm", "import_transforms"]

NAMESPACE = "torchvision"  # of the operators
OPERATOR = re.compile(rf"\b{NAMESPACE}::(\w+)")
PROBLEMS = (ImportError, OSError, RuntimeError, AttributeError)
# Declarations last as long as the object that made them.
_declared: list[library.Library] = []


@lru_cache(maxsize=1)
def import_timm() -> ModuleType:
    """The package timm, with a few models more (:mod:`autodas.networks.timm_mobilenets`).

    Raises:
        MissingData: it is not installed or cannot be imported; the message says what to do.
    """
    timm = _imported("timm", "teachers of timm need the package timm", "timm")
    name_narrow_mobilenets(timm)
    return timm


@lru_cache(maxsize=1)
def import_transforms() -> ModuleType:
    """The module ``torchvision.transforms.v2``.

    Raises:
        MissingData: it is not installed or cannot be imported; the message says what to do.
    """
    what = "recipes that transform pictures need the package torchvision"
    return _imported("torchvision.transforms.v2", what, "images")


def _imported(module: str, what: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except PROBLEMS as error:
        if not OPERATOR.search(str(error)):
            raise _missing(error, what, extra) from None
    _forget()
    _declare_operators()
    try:
        return importlib.import_module(module)
    except PROBLEMS as error:
        raise _missing(error, what, extra) from None


def _missing(error: Exception, what: str, extra: str) -> MissingData:
    why = " ".join(str(error).split())
    return MissingData(f'{what}, which cannot be imported ({why}): pip install "autodas[{extra}]"')


def _forget() -> None:
    """Take half-imported modules away, so that the next import starts afresh."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("timm", "torchvision"):
            del sys.modules[name]


def _declare_operators() -> None:
    """Declare all operators that torchvision's Python part mentions."""
    spec = importlib.util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec else None
    operators = library.Library(NAMESPACE, "FRAGMENT")  # type: ignore[no-untyped-call]
    _declared.append(operators)
    names: set[str] = set()
    for folder in folders or []:
        for file in sorted(Path(folder).glob("*.py")):
            names.update(OPERATOR.findall(file.read_text(encoding="utf-8")))
    for name in sorted(names):
        # Those that exist after all are not declared a second time.
        with contextlib.suppress(RuntimeError):
            operators.define(f"{name}(Tensor x) -> Tensor")  # type: ignore[no-untyped-call]
