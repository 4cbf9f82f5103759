"""Measure several statistics of one network on one batch in as few passes as possible.

Large tensors are represented by a fixed random sample of their entries. A proxy looks at entries
through elementwise functions and reductions such as means and norms; a sample of k entries
estimates those with relative error of order 1/√k at a fraction of the bytes. The true number of
entries is kept beside the sample, so that sums and norms scale. How well sketched scores agree with
full ones is measured by ``benchmarks/sketch.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive
from autodas.core.values import FloatArray, Kind
from autodas.networks import StagedNetwork
from autodas.statistics.catalog import STATISTICS, Statistic
from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.passes.probe import Probe
from autodas.statistics.teacher_signals import TeacherSignals

__all__ = ["DEFAULT_ENTRIES", "Measured", "measure", "measure_pairs", "sample_entries"]

DEFAULT_ENTRIES = 1024


@dataclass(frozen=True)
class Measured:
    """One statistic of one architecture.

    Attributes:
        segments: One array per layer or stage (of a vector: arrays of shape ``()``), float32, or
            float64 of a network in double precision.
        counts: How many entries each segment stands for.
    """

    segments: tuple[FloatArray, ...]
    counts: tuple[int, ...]


def measure(
    network: StagedNetwork,
    images: Tensor,
    labels: Tensor,
    names: Sequence[str],
    *,
    teacher: TeacherSignals | None = None,
    entries: int = DEFAULT_ENTRIES,
) -> Mapping[str, Result[Measured]]:
    """Measure statistics; what cannot be measured is a failure with the reason.

    Args:
        network: The student; unchanged afterwards.
        images: ``(B, C, H, W)``.
        labels: ``(B,)``, or those of another task.
        names: Statistics of the catalogue.
        teacher: Needed by teacher and interaction statistics.
        entries: Largest number of entries kept of one tensor.

    Raises:
        UnknownName: a statistic does not exist.
        InvalidInput: a statistic needs a teacher and none was given.
    """
    alone, (beside,) = measure_pairs(network, images, labels, names, [teacher], entries=entries)
    return {name: (alone if name in alone else beside)[name] for name in names}


def measure_pairs(
    network: StagedNetwork,
    images: Tensor,
    labels: Tensor,
    names: Sequence[str],
    teachers: Iterable[TeacherSignals | None],
    *,
    entries: int = DEFAULT_ENTRIES,
) -> tuple[Mapping[str, Result[Measured]], Sequence[Mapping[str, Result[Measured]]]]:
    """Measure one student against several teachers, in the passes that one of them takes.

    Args:
        network: The student; unchanged afterwards.
        images: ``(B, C, H, W)``.
        labels: ``(B,)``, or those of another task.
        names: Statistics of the catalogue.
        teachers: On the same images and labels, looked at one after the other; with None, nothing
            may need one.
        entries: Largest number of entries kept of one tensor.

    Returns:
        The statistics of the student alone, and for each teacher those that depend on it.

    Raises:
        UnknownName: a statistic does not exist.
        InvalidInput: a statistic needs a teacher and there is None.
    """
    statistics = [STATISTICS.get(name) for name in names]
    needs = frozenset[Need]().union(*(statistic.needs for statistic in statistics))
    with Probe(network, images, labels, needs) as probe:
        # With no teacher in sight, so that none can show in what is kept for all of them.
        alone = {s.name: _measure_one(s, probe, entries) for s in statistics if s.alone}
        pairs = []
        for teacher in teachers:
            probe.face(teacher)
            beside = {s.name: _measure_one(s, probe, entries) for s in statistics if not s.alone}
            pairs.append(beside)
            if teacher is not None:
                teacher.forget_features()
    return alone, pairs


def _measure_one(statistic: Statistic, probe: Probe, entries: int) -> Result[Measured]:
    try:
        values = statistic.measure(probe)
    except Unmeasurable as error:
        return Failed(str(error))
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]  # not in its stubs
        return Failed(f"{statistic.name} did not converge", str(error))
    counts = tuple(v.numel() if isinstance(v, Tensor) else 1 for v in values)
    kept = torch.float64 if probe.images.dtype == torch.float64 else torch.float32
    segments = tuple(_segment(statistic, value, entries, kept) for value in values)
    # All segments at once: of tiny networks, a call for each would cost more than the check.
    if segments and not np.isfinite(np.concatenate([s.ravel() for s in segments])).all():
        return Failed(f"{statistic.name} is not finite")
    return Ok(Measured(segments, counts))


def _segment(
    statistic: Statistic, value: Tensor | float, entries: int, kept: torch.dtype
) -> FloatArray:
    if not isinstance(value, Tensor):
        return np.asarray(value, dtype=np.float64 if kept == torch.float64 else np.float32)
    value = value.detach()
    if statistic.type.kind is Kind.ELEMENTS:
        value = sample_entries(value, entries)
    # A copy: the tensor may be the network's own weight, which later training changes.
    return np.array(value.to(kept).numpy(force=True))


@lru_cache(maxsize=4096)
def _positions(total: int, keep: int) -> Tensor:
    chosen = derive(0, "sketch", total, keep).choice(total, size=keep, replace=False)
    return torch.from_numpy(np.sort(chosen))


def sample_entries(tensor: Tensor, keep: int) -> Tensor:
    """``(min(keep, numel),)`` entries of ``tensor``.

    The positions depend only on the number of entries: a weight and its gradient are sampled at
    the same places, so products of the two mean what they say.
    """
    if tensor.numel() > keep:
        # take() counts as flatten() does, but never copies a tensor of another memory order.
        return tensor.take(_positions(tensor.numel(), keep).to(tensor.device))
    return tensor.flatten()
