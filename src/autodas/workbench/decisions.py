"""What decides a contest: a score of each short training, and what is known of single images.

Among students calibrated cross-entropy decides; docs/choosing.md says why. Among teachers of one
student accuracy does: how sure a student is of its answers is the doing of its teacher, and the
temperature that takes this out of the comparison is never below 1, so that students of softened
labels, which are not sure enough, would lose by it. docs/teachers.md says what either costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BY_ACCURACY", "BY_LOSS", "CALIBRATED", "Decision"]

CALIBRATED = "calibrated_cross_entropy"
TIE = 1e-4
"""Points of accuracy for a nat: less than one image makes of any 100,000, however many classes."""


@dataclass(frozen=True)
class Decision:
    """How short trainings are compared.

    Attributes:
        said: What decides, in words.
        score: Of what was measured of a training, or arrays of it, how good it is; the higher the
            better.
        of_images: Name of what was measured of each validation image, the lower the better, from
            which chances are told.
    """

    said: str
    score: Callable[[Mapping[str, Any]], Any]
    of_images: str


BY_LOSS = Decision(
    "calibrated cross-entropy on the validation part",
    lambda measured: -measured[CALIBRATED],
    "losses",
)
BY_ACCURACY = Decision(
    "accuracy on the validation part, between equals calibrated cross-entropy",
    lambda measured: measured["accuracy"] - TIE * measured[CALIBRATED],
    "wrong",
)
