"""``autodas list``: the names that other commands accept, with one line on each."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from autodas.core.catalog import Catalog
from autodas.core.errors import UnknownName
from autodas.core.progress import Progress, Silent

if TYPE_CHECKING:
    from autodas.scores import Proxy

__all__ = ["Config", "ListConfig", "run"]

What = Literal[
    "spaces",
    "teachers",
    "datasets",
    "tables",
    "statistics",
    "primitives",
    "scores",
    "proxies",
    "recipes",
    "losses",
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
    "losses": ("autodas.distill", "LOSSES"),
}

# What may be written where a name is asked for, beyond the names of the catalogue.
PATTERNS: dict[str, dict[str, str]] = {
    "spaces": {"package.module:object": "a space of your own"},
    "teachers": {
        "PATH.safetensors": "a teacher of your own, with its description beside it as JSON",
        "timm:NAME": "a model of the library timm with its published weights (extra timm)",
        "package.module:function": "a network that a function of your own makes",
        "features:NAME": "any of these, whatever its classes, for its features alone",
        "untrained:NAME": "a network with initial weights, for comparison",
        "untrained:NAME/K": "the same with K classes",
    },
    "datasets": {
        "folder:PATH": "a folder of images of your own, one folder per class",
        "csv:FILE": "a list of images, path,label and perhaps split",
        "hf:NAME:CONFIG": "a data set of the Hugging Face hub, or of such a layout in a folder",
        "folder:PATH@SIZE": "the same at SIZE × SIZE pixels",
        "NAME@SIDE/COUNT": "COUNT training images of a data set, all images at SIDE × SIDE pixels",
    },
    "tables": {
        "PATH": "a file of the columns of any table, labels of your own, NAS-Bench-101's record "
        "file, or the folder of NATS-Bench",
        "TABLE:TARGET": "one column of a table; distilled accuracies if it is left out",
    },
    "scores": {
        "proxy:NAME": "a proxy that comes with autodas; see: autodas list proxies",
        "proxy:PATH.json": "a proxy that discover has written",
        "a formula": "such as layers_sum(sum(abs(weight_grad))), of what autodas list statistics "
        "and primitives show",
        "predictor:ridge": "in benchmark: a regression on architectures, never judged on what it "
        "has learnt; also predictor:forest and predictor:boosting, each on the graph alone as "
        "predictor:graph-ridge and so on, predictor:all on the graph and on scores, and "
        "predictor:libra on scores",
        "early:1/9": "in benchmark: the cross-entropy after a ninth of every training, in tables "
        "made with label --rungs 1/9; also early:accuracy@1/9, early:kd_loss@1/9 and "
        "early:agreement@1/9",
        "published:NAME": "in benchmark: a number that came with the table, such as published:nwot",
        "all": "in benchmark: all of these that have a name of their own",
    },
    "proxies": {
        "proxy:PATH.json": "a proxy that discover has written",
        "autodas explain proxy:NAME": "shows its formula, and what it sees",
    },
}

WIDTH = 100
LONGEST = 2 * WIDTH  # characters of a formula that is listed


@dataclass(frozen=True)
class ListConfig:
    """Which catalogue to list."""

    what: What
    """Kind of thing; proxies are those that come with autodas."""


Config = ListConfig


def run(config: ListConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """List a catalogue.

    Returns:
        ``items``: name and description of each, in the order of the catalogue; ``patterns``:
        what else may be written where such a name is asked for.

    Raises:
        UnknownName: there is no such catalogue.
    """
    if config.what not in get_args(What):
        raise UnknownName("list", config.what, get_args(What))
    items = _proxies() if config.what == "proxies" else _items(config.what)
    patterns = [
        {"name": name, "description": text} for name, text in PATTERNS.get(config.what, {}).items()
    ]
    also = ["also", *_lines(patterns)] if patterns else []
    summary = [*(_lines(items) or [f"no {config.what} yet"]), *also]
    return {"what": config.what, "items": items, "patterns": patterns, "summary": summary}


def _items(what: str) -> list[dict[str, str]]:
    module, attribute = CATALOGS[what]
    catalog: Catalog[Any] = getattr(importlib.import_module(module), attribute)
    return [
        {"name": name, "description": _description(catalog.get(name))} for name in catalog.names()
    ]


def _proxies() -> list[dict[str, str]]:
    """The proxies of this package: what they are, what they were found on, and where they stand."""
    from autodas.scores import read_proxy
    from autodas.scores.resolve import shipped_path, shipped_proxies

    found = []
    for name in shipped_proxies():
        if (path := shipped_path(name)) is not None:
            proxy = read_proxy(path)
            parts = (_formula(proxy), _found_on(proxy), _in_short(proxy.results))
            description = "; ".join(part for part in parts if part)
            found.append({"name": f"proxy:{name}", "description": description})
    return found


def _formula(proxy: Proxy) -> str:
    """The formula, unless it would fill a screen."""
    if len(proxy.formula) <= LONGEST:
        return proxy.formula
    return f"sum of {len(proxy.terms)} formulas"


def _found_on(proxy: Proxy) -> str:
    return f"found on {', '.join(sorted(proxy.spaces))}" if proxy.spaces else ""


def _in_short(results: Mapping[str, Any]) -> str:
    """The numbers among the results of a proxy, as far as a line goes."""
    numbers = {
        name: value
        for name, value in results.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in numbers.items())


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
