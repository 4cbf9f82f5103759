"""Discover a proxy, or many of them to see what matters."""

from __future__ import annotations

from typing import Any

from autodas.core.progress import Progress, Silent
from autodas.steps.discover import run as discovery
from autodas.steps.discover.ablate import run as ablate
from autodas.steps.discover.config import DiscoverConfig

__all__ = ["Config", "DiscoverConfig", "run"]

Config = DiscoverConfig


def run(config: DiscoverConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Discover a proxy (:func:`autodas.steps.discover.run.run`), or with ``ablate`` run studies.

    Writes ``results.json``, and ``proxy.json`` for a single discovery.
    """
    if config.ablate:
        return ablate.run(config, progress)
    return discovery.run(config, progress)
