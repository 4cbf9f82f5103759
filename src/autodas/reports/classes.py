"""Which classes the exported student tells apart, for its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from autodas.reports.figures.classes import confusion_matrix
from autodas.reports.figures.svg import inline

__all__ = ["classes_of"]

MOST_DRAWN = 30  # classes; of more, nobody can read the matrix
MOST_ROWS = 50
MOST_MISTAKES = 5


def classes_of(results: Mapping[str, Any], unique: Callable[[str], str]) -> dict[str, Any] | None:
    """What the page shows of the classes; None for results of earlier versions.

    Args:
        results: Of a distillation: ``confusion`` with ``classes`` ([right, images] of each) and
            ``mistaken`` ([class, taken for, images]), and ``class_names``.
        unique: Makes the names of figures.
    """
    found = results.get("confusion")
    if not found:
        return None
    counts = [(int(right), int(images)) for right, images in found["classes"]]
    names = [str(each) for each in results.get("class_names") or range(len(counts))]
    rows = sorted(
        (_row(name, *each) for name, each in zip(names, counts, strict=True) if each[1]),
        key=lambda row: (row["share"], row["name"]),
    )
    mistaken = [(int(i), int(j), int(n)) for i, j, n in found["mistaken"]]
    return {
        "images": sum(images for _, images in counts),
        "accuracy": 100.0 * sum(right for right, _ in counts) / sum(n for _, n in counts),
        "rows": rows[:MOST_ROWS],
        "hidden": max(0, len(rows) - MOST_ROWS),
        "mistakes": [
            {"name": names[i], "guess": names[j], "images": n}
            for i, j, n in mistaken[:MOST_MISTAKES]
        ],
        "figure": _figure(counts, mistaken, names, unique) if len(counts) <= MOST_DRAWN else None,
    }


def _row(name: str, right: int, images: int) -> dict[str, Any]:
    found = stats.binomtest(right, images).proportion_ci(0.95, "wilson")
    return {
        "name": name,
        "right": right,
        "images": images,
        "share": 100.0 * right / images,
        "low": 100.0 * float(found.low),
        "high": 100.0 * float(found.high),
    }


def _figure(
    counts: list[tuple[int, int]],
    mistaken: list[tuple[int, int, int]],
    names: list[str],
    unique: Callable[[str], str],
) -> Any:  # noqa: ANN401 - markup
    shares = np.diag([float(right) for right, _ in counts])
    for i, j, n in mistaken:
        shares[i, j] = n
    totals = np.array([max(1, images) for _, images in counts])
    return inline(confusion_matrix(100.0 * shares / totals[:, None], names, unique("classes")))
