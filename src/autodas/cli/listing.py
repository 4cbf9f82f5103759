"""``autodas list``: the names that other commands accept, with one line on each."""

from __future__ import annotations

import importlib
import textwrap
from dataclasses import dataclass
from typing import Any, Literal, get_args

from autodas.core.catalog import Catalog
from autodas.core.errors import UnknownName
from autodas.core.progress import Progress, Silent

__all__ = ["Config", "ListConfig", "run"]

What = Literal[
    "spaces",
    "teachers",
    "datasets",
    "tables",
    "statistics",
    "primitives",
    "scores",
    "recipes",
]

CATALOGS: dict[str, tuple[str, str]] = {
    "spaces": ("autodas.spaces", "SPACES"),
    "teachers": ("autodas.teachers", "TEACHERS"),
    "datasets": ("autodas.data", "DATASETS"),
    "tables": ("autodas.tables", "TABLES"),
    "statistics": ("autodas.statistics", "STATISTICS"),
    "primitives": ("autodas.primitives", "PRIMITIVES"),
    "scores": ("autodas.scores", "SCORES"),
    "recipes": ("autodas.distill", "RECIPES"),
}

WIDTH = 100


@dataclass(frozen=True)
class ListConfig:
    """Which catalogue to list."""

    what: What
    """Kind of thing."""


Config = ListConfig


def run(config: ListConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """List a catalogue.

    Returns:
        ``items``: name and description of each, in the order of the catalogue.

    Raises:
        UnknownName: there is no such catalogue.
    """
    if config.what not in CATALOGS:
        raise UnknownName("list", config.what, get_args(What))
    catalog = _catalog(config.what)
    items = [
        {"name": name, "description": _description(catalog.get(name))} for name in catalog.names()
    ]
    return {"what": config.what, "items": items, "summary": _lines(items)}


def _catalog(what: str) -> Catalog[Any]:
    module, attribute = CATALOGS[what]
    catalog: Catalog[Any] = getattr(importlib.import_module(module), attribute)
    return catalog


def _description(item: Any) -> str:  # noqa: ANN401 - anything that describes itself
    kind = getattr(item, "type", None) or getattr(item, "form", None)
    text = " ".join(str(item.description).split())
    return text if kind is None else f"{text} [{kind}]"


def _lines(items: list[dict[str, str]]) -> list[str]:
    width = max((len(item["name"]) for item in items), default=0) + 2
    return [
        line
        for item in items
        for line in textwrap.wrap(
            item["description"],
            WIDTH,
            initial_indent=item["name"].ljust(width),
            subsequent_indent=" " * width,
        )
    ]
