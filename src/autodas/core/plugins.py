"""Modules of the user's own that declare statistics, primitives, scores or spaces."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from autodas.core.errors import AutodasError, InvalidInput

__all__ = ["asked_for", "is_trusted", "load_plugins"]

_asked: set[str] = set()


def load_plugins(modules: Iterable[str]) -> None:
    """Import modules for what they declare; the current folder counts as importable.

    Raises:
        InvalidInput: a module cannot be imported; the message names it and the cause.
        AutodasError: a declaration in it is wrong.
    """
    here = str(Path.cwd())
    for name in modules:
        if here not in sys.path:
            sys.path.append(here)
        try:
            importlib.import_module(name)
            _asked.add(name)
        except AutodasError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InvalidInput(f"plug-in {name!r} cannot be imported ({why})") from error


def asked_for() -> frozenset[str]:
    """The modules that were loaded so far."""
    return frozenset(_asked)


def is_trusted(module: str) -> bool:
    """Whether somebody asked for the module by name, rather than a file."""
    return module in _asked
