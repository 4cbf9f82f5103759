"""Figures as PDF, for papers: while a page is drawn, each of its figures is drawn twice."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure

__all__ = ["collect", "collecting"]

_collected: ContextVar[dict[str, bytes] | None] = ContextVar("collected", default=None)
COLOURED = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


@contextmanager
def collecting(wanted: bool) -> Iterator[dict[str, bytes]]:
    """Name -> PDF of every figure that is drawn meanwhile; none if they are not wanted."""
    found: dict[str, bytes] = {}
    token = _collected.set(found if wanted else None)
    try:
        yield found
    finally:
        _collected.reset(token)


def collect(figure: Figure, name: str, colours: Mapping[str, str], *, tight: bool) -> None:
    """Keep a figure if somebody collects, in colours of its own: nobody else draws it afterwards.

    Args:
        figure: Drawn in the colours that are keys of ``colours``.
        name: Its name on the page.
        colours: Those -> those that are shown.
        tight: Whether its size is that of its content.
    """
    found = _collected.get()
    if found is None:
        return
    for artist in figure.findobj():
        _recolour(artist, {to_rgba(key)[:3]: to_rgba(value) for key, value in colours.items()})
    target = io.BytesIO()
    # Text that can be copied, in fonts that publishers accept; nothing of when: equal runs give
    # equal files.
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(
            target,
            format="pdf",
            metadata={"CreationDate": None, "Creator": None, "Producer": None},
            bbox_inches="tight" if tight else None,
            pad_inches=0.04,
        )
    found[name] = target.getvalue()


def _recolour(artist: Artist, colours: Mapping[tuple[float, ...], tuple[float, ...]]) -> None:
    for name in COLOURED:
        get, change = (getattr(artist, f"{verb}_{name}", None) for verb in ("get", "set"))
        if get is None or change is None:
            continue
        known: Any = get()
        try:
            rows = to_rgba_array(known)
        except (TypeError, ValueError):
            continue  # such as "auto", or None
        shown = [(*colours.get(tuple(row[:3]), tuple(row))[:3], row[3]) for row in rows]
        if shown and not np.array_equal(rows, shown):
            change(shown if len(shown) > 1 or np.ndim(known) > 1 else shown[0])
