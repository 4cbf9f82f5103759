"""Nothing is written through links in a run directory of somebody else.

The directory itself may be a link, which is the user's own choice. A file in it that is a link is
replaced, see :mod:`autodas.core.files`; a folder in it that is a link is refused here, because
what is written below it would land wherever the link points.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from autodas.core.errors import FileProblem

__all__ = ["refuse_linked_folders"]


def refuse_linked_folders(path: Path, names: Iterable[str]) -> None:
    """Look before anything is written below ``path``.

    Args:
        path: A run directory; it need not exist.
        names: Folders that the run makes in it. Others are the user's own, and may be links.

    Raises:
        FileProblem: one of them, or a folder below it, is a link; the message names it.
    """
    for name in names:
        _refuse(path / name)
        for parent, folders, files in os.walk(path / name):
            for each in (*folders, *files):
                _refuse(Path(parent, each))


def _refuse(path: Path) -> None:
    # A link to a file is replaced; one that leads nowhere might become a folder.
    if path.is_symlink() and not path.is_file():
        raise FileProblem(path, "is a link; nothing is written through links")
