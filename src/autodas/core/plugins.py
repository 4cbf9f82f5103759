"""Modules of the user's own: what they declare, and objects in them by name."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from autodas.core.errors import AutodasError, InvalidInput

__all__ = [
    "GROUP",
    "asked_for",
    "is_reference",
    "is_trusted",
    "load_installed",
    "load_plugins",
    "named_object",
]

GROUP = "autodas.plugins"
"""Entry points of this group name modules that a package declares things in."""

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
        _load(name)


def _load(name: str) -> None:
    try:
        importlib.import_module(name)
        _asked.add(name)
    except AutodasError:
        raise
    except (Exception, SystemExit) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InvalidInput(f"plug-in {name!r} cannot be imported ({why})") from error


@cache
def load_installed() -> None:
    """Import the plug-ins of installed packages: who installed them has asked for them.

    One that cannot be imported must not stop those who do not need it: a warning names it.
    """
    for point in metadata.entry_points(group=GROUP):
        try:
            _load(point.module)
        except AutodasError as error:
            package = point.dist.name if point.dist else "an unknown package"
            warnings.warn(f"{package}, entry point {point.name}: {error}", RuntimeWarning, 2)


def asked_for() -> frozenset[str]:
    """The modules that were loaded so far."""
    return frozenset(_asked)


def is_trusted(module: str) -> bool:
    """Whether somebody asked for the module by name, rather than a file."""
    return module in _asked


def is_reference(name: str) -> bool:
    """Whether ``name`` is spelt ``package.module:object``."""
    module, colon, attribute = name.partition(":")
    parts = [*module.split("."), *attribute.split(".")]
    return bool(colon) and all(part.isidentifier() for part in parts)


def named_object(reference: str, what: str) -> object:
    """The object called ``package.module:object``.

    Args:
        reference: The module is looked for where Python looks, then in the current folder.
        what: What the object is to be, for messages.

    Raises:
        InvalidInput: the module cannot be imported, or has no such object.
    """
    if not is_reference(reference):
        raise InvalidInput(f"a {what} is written package.module:object, got {reference[:200]!r}")
    name, _, path = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        # An installed command does not search the current folder. It comes last, so that no file
        # there can take the place of an installed module, and it stays, for worker processes.
        sys.path.append(here)
    try:
        found: object = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        # A module of the user's may raise anything; the chained traceback says where.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InvalidInput(f"{what} {reference!r}: cannot import {name} ({reason})") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise InvalidInput(f"{what} {reference!r}: {name} has no {path!r}")
        found = getattr(found, part)
    return found
