"""Check: everything odd about the images of a folder or a list, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.data.checkup import checked
from autodas.data.folder import PREFIXES

__all__ = ["CheckConfig", "Config", "run"]


@dataclass(frozen=True)
class CheckConfig:
    """Which images to look at."""

    data: str
    """Images: folder:PATH, csv:FILE or hf:NAME, with @SIZE if they are scaled."""


Config = CheckConfig


def run(config: CheckConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Look at every image: broken, tiny, huge, equal in training and test, of unread kinds, ….

    Returns:
        ``images``, ``parts`` (images by part), ``classes`` (images to train on by class), ``odd``
        (files by what is odd about them) and ``usable`` (whether other commands take the images).

    Raises:
        InvalidInput: the name is not one of a folder or a list.
        FileProblem: there is no such folder or list.
        MissingData: there is no such data set, or a package is missing.
    """
    if not config.data.startswith(PREFIXES):
        kinds = ", ".join(f"{prefix}…" for prefix in PREFIXES)
        raise InvalidInput(f"what is checked is one of {kinds}, got {config.data!r}")
    started = False

    def advance(done: int, total: int) -> None:
        nonlocal started
        if not started:
            progress.start("looking at images", total, done)
            started = True
        elif done:
            progress.advance()

    found = checked(config.data, advance)
    progress.finish()
    return {
        "data": config.data,
        "images": found.images,
        "parts": found.parts,
        "classes": dict(found.classes),
        "odd": dict(found.odd),
        "usable": found.usable,
        "summary": found.lines,
    }
