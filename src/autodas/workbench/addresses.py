"""Where the cache keeps what was measured: of a student once, whoever teaches, and of each pair.

A key means one value for ever, so it names everything that decides the value. What is measured of
the student alone has no teacher in its key; what is measured of student and teacher has both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path

from autodas.core.digest import digest
from autodas.core.keys import key_of
from autodas.core.results import Result
from autodas.core.rng import derive
from autodas.core.tasks import CLASSIFICATION, Task
from autodas.networks import seeded, weights_digest
from autodas.spaces import Space
from autodas.statistics import STATISTICS, Cache, Measured
from autodas.statistics.store.cache import FORMAT
from autodas.workbench.protocol import Protocol, batch_of, teacher_of
from autodas.workbench.source_digest import MEASURING, source_digest

__all__ = ["Shelf", "initial_weights", "pair_key", "student_key", "weights_of"]

Values = Mapping[str, Result[Measured]]
SAMPLE = 2  # networks whose initial weights are digested
ADDRESS = re.compile("0x[0-9a-f]+")  # of an object without a name of its own


@dataclass(frozen=True)
class Shelf:
    """What the cache holds of students, and of them beside some teachers.

    Attributes:
        folder: Of the cache.
        space: The space of the students.
        names: Statistics that are asked for.
        protocol: What they are measured with; its teacher does not count.
        teachers: Names of T teachers.
        weights: From :func:`weights_of`, of the machine that asks.
    """

    folder: Path
    space: Space
    names: tuple[str, ...]
    protocol: Protocol
    teachers: tuple[str, ...]
    weights: str

    @cached_property
    def alone(self) -> list[str]:
        """Those of the statistics that are of the student alone."""
        return [name for name in self.names if STATISTICS.get(name).alone]

    @cached_property
    def beside(self) -> list[str]:
        """Those that depend on the teacher."""
        return [name for name in self.names if not STATISTICS.get(name).alone]

    def read(self, architecture: str) -> tuple[Values, Sequence[Values]]:
        """What is there of a student, and of it beside each teacher."""
        student, cache = self._student(architecture), Cache(self.folder)
        alone = cache.read(student, self.alone) if self.alone else {}
        if not self.beside:  # so that nobody has to have the teachers
            return alone, [{} for _ in self.teachers]
        pairs = [cache.read(self._pair(student, each), self.beside) for each in self.teachers]
        return alone, pairs

    def lacks(self, found: tuple[Values, Sequence[Values]]) -> bool:
        """Whether something that is asked for is not in what was read."""
        alone, pairs = found
        return len(alone) < len(self.alone) or any(len(p) < len(self.beside) for p in pairs)

    def write(self, architecture: str, alone: Values, pairs: Mapping[str, Values]) -> None:
        """Add what was measured of a student, and by teacher what was measured beside it."""
        student, cache = self._student(architecture), Cache(self.folder)
        if alone:
            cache.write(student, alone)
        for teacher, values in pairs.items():
            if values:
                cache.write(self._pair(student, teacher), values)

    def _student(self, architecture: str) -> str:
        return student_key(self.space, architecture, self.protocol, self.weights)

    def _pair(self, student: str, teacher: str) -> str:
        return pair_key(student, self.space, replace(self.protocol, teacher=teacher))


def student_key(
    space: Space, architecture: str, protocol: Protocol, weights: str | None = None
) -> str:
    """Content address of everything that decides the statistics of a student alone.

    Args:
        space: Its space.
        architecture: Its text.
        protocol: What it is measured with.
        weights: From :func:`weights_of`, of the machine that asks: another kind of processor may
            draw slightly other ones, and is to deliver under the key that is asked for.
    """
    return key_of(
        FORMAT,
        source_digest(space, MEASURING),
        space.name,
        space.canonical(architecture),
        protocol.init_seed,
        protocol.entries,
        batch_of(protocol, space.precision).digest,
        protocol.task,
        weights_of(space, protocol) if weights is None else weights,
        # Others round otherwise; one GPU is like the next.
        *([] if protocol.device == "cpu" else [protocol.device.partition(":")[0]]),
        packages=("torch", "numpy"),
    )


def pair_key(student: str, space: Space, protocol: Protocol) -> str:
    """Content address of everything that decides the statistics of a student and its teacher.

    Args:
        student: From :func:`student_key`.
        space: The space of the student.
        protocol: Names the teacher.
    """
    return digest(student, "beside", teacher_of(protocol, space.precision).digest)


def weights_of(space: Space, protocol: Protocol) -> str:
    """Digest of initial weights that networks of the space get on this machine."""
    batch = batch_of(protocol, space.precision)
    channels, height, width = batch.images.shape[1:]
    shape = (channels, height, width)
    return initial_weights(space, protocol.init_seed, batch.num_classes, shape, protocol.task)


@lru_cache(maxsize=64)
def initial_weights(
    space: Space,
    seed: int,
    num_classes: int,
    input_shape: tuple[int, int, int],
    task: Task = CLASSIFICATION,
) -> str:
    """Digest of the structure and the initial weights of two networks, built once per process.

    The weights of a network follow from its seed, the source text of spaces and networks and the
    versions of PyTorch and NumPy, which stand in the key by name. What no key can name is what else
    a user's build function reads, and which numbers the processor at hand makes PyTorch draw (they
    differ between kinds of vector units). Such a change changes the weights of all networks of
    the space or of many, hence of this sample; one that touches neither network of the sample goes
    unnoticed. Digesting every network would notice it, and cost at every hit of the cache what
    building costs: 0.2 s for an AutoFormer, fifty times as long as reading its statistics. The
    sample costs 12 ms for the digits and 0.4 s for AutoFormers, once.
    """
    rng = derive(0, "sample of initial weights", space.name)
    found = []
    for arch in (space.sample(rng) for _ in range(SAMPLE)):
        build = partial(
            space.build, arch, num_classes=num_classes, input_shape=input_shape, task=task
        )
        network = seeded(build, seed, double=space.precision == "double")
        structure = ADDRESS.sub("", str(network))
        found.append([space.encode(arch), structure, weights_digest(network)])
    return digest(found)
