"""Networks without a signal: whatever image they see, they answer the same.

Nothing can be learnt by such a network, yet a formula may find it the best of all: its gradients
are zero, so none is too large; its outputs are small, so none is far from the teacher's. A formula
sees one number of a network at a time, so this is said beside all of them: a network without a
signal has no score, unless it is one of sizes alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodas.core.results import Failed, Ok, Result
from autodas.core.values import Column
from autodas.expressions.evaluate import ROUNDING
from autodas.scores.score import Score, Subjects
from autodas.statistics import STATISTICS

__all__ = ["NO_SIGNAL", "needed", "scored"]

OUTPUTS = "logits"
NO_SIGNAL = "the network gives the same outputs for all images"
ONE_IMAGE = "whether outputs differ between images takes a batch of two images or more"


def needed(score: Score) -> frozenset[str]:
    """Statistics to measure before :func:`scored`: those a score reads, and the outputs."""
    return score.leaves if _of_sizes(score) else score.leaves | {OUTPUTS}


def scored(score: Score, subjects: Subjects) -> Result[list[Result[float]]]:
    """The score of each architecture, or why it has none; or why nothing is known of any.

    Args:
        score: One of sizes alone is a score of networks without a signal as well.
        subjects: With the statistics of :func:`needed`. Of one image nobody knows of a signal.
    """
    found = score.compute(subjects)
    if isinstance(found, Failed):
        return found
    each: list[Result[float]] = [Ok(float(value)) for value in found.value]
    if _of_sizes(score):
        return Ok(each)
    if OUTPUTS not in subjects.columns:
        return Failed(f"missing statistic {OUTPUTS}: {subjects.missing.get(OUTPUTS)}")
    outputs = subjects.columns[OUTPUTS]
    if any(block.shape[1] < 2 for _, block in outputs.blocks()):
        return Failed(ONE_IMAGE)
    silent = _silent(outputs)
    return Ok([Failed(NO_SIGNAL) if none else e for e, none in zip(each, silent, strict=True)])


def _silent(outputs: Column) -> npt.NDArray[np.bool_]:
    """``(A,)`` whether outputs differ between images by no more than rounding."""
    found = np.zeros(outputs.layout.architectures, dtype=bool)
    for group, block in outputs.blocks():  # of shape (architectures, images, classes)
        spread = np.ptp(block, axis=1).max(axis=1)
        same = spread <= ROUNDING * np.abs(block).max(axis=(1, 2))
        found[outputs.layout.owner[group.segments]] = same
    return found


def _of_sizes(score: Score) -> bool:
    return all(STATISTICS.get(name).size for name in score.leaves)
