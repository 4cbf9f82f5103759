"""Standard output belongs to the results; everything else goes to standard error."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from autodas.core.printable import printable_json, printable_lines

__all__ = ["print_json", "print_summary", "reserved_stdout"]


@contextlib.contextmanager
def reserved_stdout() -> Iterator[None]:
    """Inside, whatever is written to standard output lands on standard error.

    That includes what worker processes and C libraries write, which know the file descriptor
    only.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def print_json(results: dict[str, Any]) -> None:
    """Print one JSON object.

    Raises:
        ValueError: a number is NaN or infinite, which is a defect of the step.
    """
    print(printable_json(json.dumps(results, ensure_ascii=False, allow_nan=False)))


def print_summary(results: dict[str, Any]) -> None:
    """Print the lines meant for people, or the results themselves if there are none."""
    lines = results.get("summary")
    if lines is None:
        lines = [json.dumps(results, ensure_ascii=False, allow_nan=False, indent=1)]
    # Names that a file gave must not steer the terminal.
    print(*(printable_lines(str(line)) for line in lines), sep="\n")
