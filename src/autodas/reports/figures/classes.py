"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.patches import Rectangle

from autodas.reports.figures.svg import INK, SERIES, Drawing

__all__ = ["confusion_matrix"]

LONGEST = 14  # characters of a class on an axis
MOST_NUMBERED = 12  # classes whose cells have room for a number


def confusion_matrix(percent: npt.NDArray[np.float64], names: Sequence[str], name: str) -> str:
    """Rows are classes, columns what their images are taken for.

    Args:
        percent: ``(K, K)``, of the row's images, in [0, 100].
        names: K names.
        name: Of the figure.
    """
    shown = [each if len(each) <= LONGEST else f"{each[: LONGEST - 1]}…" for each in names]
    side = min(7.0, 2.2 + 0.34 * len(names))
    with Drawing(name, height=side) as drawing:
        (axes,) = drawing.panels
        for (i, j), each in np.ndenumerate(percent):
            if each > 0:
                # By strength of one colour, which is right on a dark page, too.
                place = (j - 0.5, i - 0.5)
                axes.add_patch(Rectangle(place, 1, 1, facecolor=SERIES[0], alpha=each / 100, lw=0))
            if each >= 0.5 and len(names) <= MOST_NUMBERED:
                axes.text(j, i, f"{each:.0f}", ha="center", va="center", color=INK, size=8)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(len(shown)), shown, rotation=90)
        axes.set_yticks(range(len(shown)), shown)
        axes.set_xlabel("taken for")
        axes.set_ylabel("class")
        axes.grid(visible=False)
        return drawing.svg(
            "Confusion matrix", f"What the images of {len(names)} classes are taken for."
        )
