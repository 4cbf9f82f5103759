"""On what, and against whom, the statistics of students are measured."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

import torch

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.core.tasks import CLASSIFICATION, Task
from autodas.data import Batch, check_data_name, load_data, probe_batch
from autodas.data.batch import Kind as BatchKind
from autodas.data.images import resized
from autodas.spaces import Precision, Space
from autodas.statistics import DEFAULT_ENTRIES, TeacherSignals
from autodas.teachers import at_native_size, fitted, load_teacher
from autodas.workbench.devices import check_device, device_in_turn
from autodas.workbench.task_labels import labelled_for
from autodas.workbench.ways import TOGETHER, in_words, way_of

__all__ = ["PROTOCOLS", "Protocol", "batch_of", "resolved", "signals", "teacher_of"]

TEACHERS_AT_HAND = 32  # each is a network, and its features of a batch if they are small


@dataclass(frozen=True)
class Protocol:
    """On what, and against whom, statistics are measured.

    What is left open is filled in for the space at hand by :func:`resolved`.

    Attributes:
        data: Data set the probe batch is drawn from; by default, one that suits the space.
        teacher: Teacher to compare with; by default, one that suits the data.
        batch_size: Images in the batch, B; by default, what suits the space.
        resolution: Height and width, in pixels, at which students see the images; by default that
            of the space if its networks need one, otherwise that of the data. A teacher
            sees them as they are in the data set, or at its own size if it has a fixed one.
        batch_seed: Which images.
        batch_kind: ``real``, or ``noise`` / ``grey`` for control.
        shuffled_labels: Give the images each other's labels, for control.
        init_seed: Seed of the students' weights.
        entries: Largest number of entries kept of one tensor.
        device: What networks are measured on, and trained where a step trains: cpu, cuda (all GPUs
            in turn) or one GPU such as cuda:1. Numbers differ in their last digits.
        task: What students are made for: whose head, loss and labels they are measured with. target
            is the task of the target of a table, where networks of its space have a head for it.
        more_teachers: Further teachers to compare with at once: statistics are means over all of
            them, unless a formula asks for more, as by teachers_max or teachers_std.
    """

    data: str | None = None
    teacher: str | None = None
    batch_size: int | None = None
    resolution: int | None = None
    batch_seed: int = 0
    batch_kind: BatchKind = "real"
    shuffled_labels: bool = False
    init_seed: int = 0
    entries: int = DEFAULT_ENTRIES
    device: str = "cpu"
    task: Task = CLASSIFICATION
    more_teachers: tuple[str, ...] = ()

    @property
    def named(self) -> list[str]:
        """The teachers that somebody asked for, none of whom may be missing."""
        asked = (self.teacher, *self.more_teachers)
        return [name for text in asked if text for name in way_of(text)]

    def check_data(self) -> None:
        """Refuse data that somebody asked for and that is not there, without loading any.

        Raises:
            AutodasError: as of :func:`autodas.data.check_data_name`.
        """
        if self.data is not None:
            check_data_name(self.data)


DIGITS = Protocol("digits", "digits-cnn-teacher", 60)
CIFAR10 = Protocol("cifar10-sample", "cifar10-resnet56", 64)
CIFAR100 = Protocol("cifar100-sample", "cifar100-resnet32w", 64)
# Wide networks made for 256 pixels: few images, and small ones, rank them as well.
TRANSNAS = Protocol("cifar10-sample", "cifar10-resnet56", 16)
# Transformers for images of 224 pixels: a small batch at full size, see docs/performance.md.
CIFAR100_LARGE = Protocol("cifar100-sample", "cifar100-resnet32w", 16, 224)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "digits-cnn": DIGITS,
        "digits-vit": DIGITS,
        "resnet": CIFAR100,
        "autoformer": CIFAR100_LARGE,
        "pit": CIFAR100_LARGE,
        "nasbench101": CIFAR10,
        "nasbench201": CIFAR10,
        "nasbench301": CIFAR10,
        "transnas-macro": TRANSNAS,
        "transnas-micro": TRANSNAS,
    }
)
"""Space -> protocol that suits its published labels."""

TEACHERS: Mapping[str, str] = MappingProxyType(
    {
        "digits": "digits-cnn-teacher",
        "cifar10": "cifar10-resnet56",
        "cifar10-sample": "cifar10-resnet56",
        "cifar10-jpeg": "cifar10-resnet56",
        "cifar100": "cifar100-resnet32w",
        "cifar100-sample": "cifar100-resnet32w",
        "fashion-mnist@12": "fashion-cnn-teacher",
    }
)
"""Data set -> a teacher that was trained on it, whatever part of its images is used."""


def resolved(protocol: Protocol, space: Space) -> Protocol:
    """The protocol with nothing left open.

    Several teachers are told as one text, joined by ``+``; see :mod:`autodas.workbench.ways`. Data,
    teacher, batch size and resolution that are not given come from :data:`PROTOCOLS`; of a
    space that is not there, from the protocol for images of its number of channels. Other data
    than the default bring their own teacher, as far as one is known.

    Raises:
        InvalidInput: no teacher is known for the data, the device is not there, networks of the
            space have no head for the task, or a number is out of range.
    """
    check_device(protocol.device)
    space.check_task(protocol.task)
    default = PROTOCOLS.get(space.name, DIGITS if space.input_shape[0] == 1 else CIFAR10)
    data = protocol.data or default.data
    teacher = protocol.teacher or TEACHERS.get(str(data).partition("/")[0])
    if teacher is None:
        protocol.check_data()  # a slip of the pen, more often than data without a teacher
        raise InvalidInput(
            f"no teacher is known for data {data!r}; name one of its classes with --teacher, such "
            "as a file of autodas train-teacher"
        )
    together = in_words(way_of(TOGETHER.join((teacher, *protocol.more_teachers))))
    size = default.batch_size if protocol.batch_size is None else protocol.batch_size
    resolution = default.resolution if protocol.resolution is None else protocol.resolution
    if resolution is not None and not 1 <= resolution <= 2048:
        raise InvalidInput(f"a resolution must be 1 to 2048 pixels, got {resolution}")
    if protocol.entries < 1:
        raise InvalidInput(f"entries must be at least 1, got {protocol.entries}")
    return replace(
        protocol,
        data=data,
        teacher=together,
        more_teachers=(),
        batch_size=size,
        resolution=resolution,
    )


def signals(protocol: Protocol, precision: Precision) -> tuple[Batch, TeacherSignals]:
    """Probe batch and teacher signals of a resolved protocol, once per process.

    Images and teacher have the precision of the students that they meet.

    Raises:
        InvalidInput: something of the protocol is open, or does not fit together.
    """
    return batch_of(protocol, precision), teacher_of(protocol, precision)


def batch_of(protocol: Protocol, precision: Precision) -> Batch:
    """The probe batch as students see it, whoever teaches them."""
    return _batches(replace(protocol, teacher=None), precision)[1]


@lru_cache(maxsize=4)
def _batches(protocol: Protocol, precision: Precision) -> tuple[Batch, Batch]:
    """The probe batch as it is in the data, and as students see it."""
    if protocol.data is None or protocol.batch_size is None:
        raise InvalidInput("a protocol must say data, teacher and batch size here")
    data = load_data(protocol.data)
    batch = probe_batch(data, protocol.batch_size, protocol.batch_seed, protocol.batch_kind)
    if precision == "double":
        batch = replace(batch, images=batch.images.double())
    seen = _seen_at(batch, protocol.resolution)
    if protocol.task != CLASSIFICATION:
        seen = labelled_for(seen, protocol.task, protocol.batch_seed)
    if protocol.shuffled_labels:
        batch, seen = (_shuffled(each, protocol.batch_seed) for each in (batch, seen))
    device = device_in_turn(protocol.device)
    raw, seen = (_on(device, each) for each in (batch, seen))
    return raw, seen


@lru_cache(maxsize=TEACHERS_AT_HAND)
def teacher_of(protocol: Protocol, precision: Precision) -> TeacherSignals:
    """What the protocol's teacher says about the probe batch."""
    if protocol.data is None or protocol.teacher is None:
        raise InvalidInput("a protocol must say data, teacher and batch size here")
    batch, _ = _batches(replace(protocol, teacher=None), precision)
    teacher = fitted(load_teacher(protocol.teacher), load_data(protocol.data))
    network = teacher.network
    if precision == "double" or batch.images.device.type != "cpu":
        # A copy: whoever trains with the teacher goes on in single precision.
        network = deepcopy(network).to(batch.images)
    return TeacherSignals(
        network,
        at_native_size(network, batch.images),
        batch.labels,
        trained=teacher.trained,
        digest=teacher.digest,
        classes=teacher.num_classes is not None,
    )


def _on(device: str, batch: Batch) -> Batch:
    return replace(batch, images=batch.images.to(device), labels=batch.labels.to(device))


def _shuffled(batch: Batch, seed: int) -> Batch:
    order = torch.from_numpy(derive(seed, "shuffled labels").permutation(len(batch.labels)))
    return replace(
        batch,
        labels=batch.labels[order],
        digest=digest(batch.digest, "shuffled", order.tolist()),
        name=batch.name + " shuffled",
    )


def _seen_at(batch: Batch, resolution: int | None) -> Batch:
    if resolution is None or tuple(batch.images.shape[2:]) == (resolution, resolution):
        return batch
    return replace(
        batch,
        images=resized(batch.images, (resolution, resolution)),
        digest=digest(batch.digest, "resized", resolution),
        name=f"{batch.name} at {resolution}",
    )
