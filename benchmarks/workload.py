"""What several benchmarks work on: the 64 ResNets of S0, measured, and random proxies for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive
from autodas.core.values import Kind
from autodas.data import load_data, probe_batch
from autodas.expressions import Expression, Grammar, grow
from autodas.networks import StagedNetwork, cifar_resnet, seeded
from autodas.spaces import Space, get_space
from autodas.statistics import (
    DEFAULT_ENTRIES,
    STATISTICS,
    Store,
    TeacherSignals,
    measure,
)
from autodas.statistics.measurement import Measured, sample_entries

__all__ = [
    "WHOLE",
    "Subjects",
    "grammar_of",
    "measured_resnets",
    "proxies",
    "ready_for_networks",
    "resnets",
    "scores",
    "sketched",
    "teacher_resnet",
]

WHOLE = 1 << 60  # more entries than any tensor has: nothing is sketched
SMALLEST, LARGEST = 5, 20  # nodes of a random proxy


@dataclass(frozen=True, eq=False)
class Subjects:
    """Architectures and what they are measured on.

    Attributes:
        space: Their space.
        architectures: Their strings.
        images, labels: The probe batch.
        teacher: Its signals on that batch.
        source: Where the images are from.
    """

    space: Space
    architectures: tuple[str, ...]
    images: Tensor
    labels: Tensor
    teacher: TeacherSignals
    source: str

    def build(self, architecture: str) -> StagedNetwork:
        """The untrained student."""
        arch = self.space.decode(architecture)
        classes, shape = int(self.teacher.logits.shape[1]), tuple(self.images.shape[1:])
        return seeded(
            lambda: self.space.build(arch, num_classes=classes, input_shape=shape), seed=0
        )

    def measure(
        self, architecture: str, names: Sequence[str], entries: int = DEFAULT_ENTRIES
    ) -> Mapping[str, Result[Measured]]:
        """Statistics of one architecture."""
        network = self.build(architecture)
        return measure(
            network, self.images, self.labels, names, teacher=self.teacher, entries=entries
        )


def ready_for_networks() -> None:
    """One thread, as everywhere: the ratios then compare work with work."""
    torch.set_num_threads(1)


@lru_cache(maxsize=4)
def resnets(batch: int) -> Subjects:
    """The 64 ResNets of S0 with 100 classes against an untrained ResNet-56.

    Weights do not change how long a network takes. The images are CIFAR-100's if ``AUTODAS_DATA``
    is set, else enlarged digits.
    """
    ready_for_networks()
    space = get_space("resnet")
    images, labels, source = _images(batch)
    teacher = TeacherSignals(teacher_resnet(), images, labels, trained=False, digest="")
    architectures = tuple(space.encode(arch) for arch in space.enumerate())
    return Subjects(space, architectures, images, labels, teacher, source)


@lru_cache(maxsize=1)
def measured_resnets(batch: int) -> tuple[Mapping[str, Result[Measured]], ...]:
    """All statistics of the 64 ResNets, measured once in a run of several benchmarks."""
    subjects = resnets(batch)
    return tuple(subjects.measure(each, STATISTICS.names()) for each in subjects.architectures)


def teacher_resnet() -> StagedNetwork:
    """ResNet-56 for CIFAR-100, a smaller teacher than the ResNet-110 of the published method."""
    return seeded(lambda: cifar_resnet(56, num_classes=100), 1).eval()


def _images(batch: int) -> tuple[Tensor, Tensor, str]:
    if os.environ.get("AUTODAS_DATA"):
        drawn = probe_batch(load_data("cifar100-sample"), batch, seed=0)
        return drawn.images, drawn.labels, drawn.name
    drawn = probe_batch(load_data("digits"), batch, seed=0)
    images = F.interpolate(drawn.images, size=(32, 32), mode="bilinear")
    return images.expand(-1, 3, -1, -1).contiguous(), drawn.labels, f"{drawn.name}, enlarged"


def grammar_of(store: Store) -> Grammar:
    """The grammar a discovery uses for what could be measured."""
    leaves = [name for name in STATISTICS.names() if name in store.columns]
    return Grammar(
        {name: STATISTICS.get(name).type for name in leaves},
        fixed=[name for name in leaves if STATISTICS.get(name).origin == "teacher"],
    )


def proxies(
    grammar: Grammar, count: int, *purpose: str, of: Iterable[str] | None = None
) -> list[Expression]:
    """Different random proxies of 5 to 20 nodes.

    Args:
        grammar: What they are grown from.
        count: How many.
        purpose: Decides which ones.
        of: If given, each uses at least one of these statistics.
    """
    rng, wanted = derive(0, "benchmark", *purpose), None if of is None else set(of)
    found: dict[Expression, None] = {}
    while len(found) < count:
        grown = grow(grammar, rng, max_size=LARGEST)
        if grown.size >= SMALLEST and (wanted is None or wanted & grown.leaves):
            found[grown] = None
    return list(found)


def sketched(values: Mapping[str, Result[Measured]], entries: int) -> dict[str, Result[Measured]]:
    """What measuring with ``entries`` would have given, from a measurement of whole tensors."""
    made: dict[str, Result[Measured]] = {}
    for name, value in values.items():
        if isinstance(value, Failed) or STATISTICS.get(name).type.kind is not Kind.ELEMENTS:
            made[name] = value
            continue
        parts = [sample_entries(torch.from_numpy(s), entries) for s in value.value.segments]
        made[name] = Ok(Measured(tuple(part.numpy() for part in parts), value.value.counts))
    return made


def scores(result: Result[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64] | None:
    """The scores, or None for a failure."""
    return result.value if isinstance(result, Ok) else None
