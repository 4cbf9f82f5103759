"""What a space of student architectures is, and the draws that its operators are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.tasks import CLASSIFICATION, OUTPUTS, Task
from autodas.networks import Cost, StagedNetwork, cost, without_weights
from autodas.networks.cost import NEEDS_NUMBERS
from autodas.spaces.text import shown

__all__ = ["Arch", "Precision", "Shape", "Space", "other", "pick"]

T = TypeVar("T")
Arch: TypeAlias = Any
"""An architecture: an immutable, hashable value that its own space alone understands."""

Shape: TypeAlias = tuple[int, int, int]
"""(C, H, W) of one image."""

Precision: TypeAlias = Literal["single", "double"]


class Space(ABC):
    """A set of student architectures.

    Attributes:
        name: How the space is called in commands and files.
        description: One line for people.
        input_shape: (C, H, W) of the images the space was made for; others may be asked for.
        num_classes: Number of classes by default.
        precision: In which networks are initialised and measured. In ``double``, scores are the
            same on every processor. It is for small images and networks, where it costs little.
        reference: What :func:`~autodas.spaces.get_space` finds the space by in another process, if
            that is not its name.
        kind: The type of the architectures.
        tasks: Tasks (:mod:`autodas.core.tasks`) other than a classification that its networks have
            heads for.
        content: Digest of what else decides its networks, such as files of weights; empty if
            nothing does.
    """

    name: str
    description: str
    input_shape: Shape
    num_classes: int
    precision: Precision = "single"
    reference: str = ""
    kind: type = object
    tasks: tuple[Task, ...] = ()
    content: str = ""

    @property
    def known_as(self) -> str:
        """What :func:`~autodas.spaces.get_space` finds it by: what files and workers are told."""
        return self.reference or self.name

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of the user's own that decide what its networks are."""
        module = self.reference.partition(":")[0]
        return (module,) if module else ()

    @property
    def resolved(self) -> dict[str, str]:
        """What its name stands for, for run directories; empty if the name says it all."""
        return {"space": self.content} if self.content else {}

    @property
    @abstractmethod
    def size(self) -> int | None:
        """Number of different architectures; None if nobody counted them."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw an architecture."""

    @abstractmethod
    def enumerate(self) -> Iterator[Arch]:
        """Every architecture once, in a fixed order; lazy, since there may be very many."""

    @abstractmethod
    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """An architecture that differs from ``arch`` in one decision.

        Raises:
            InvalidInput: the space holds no other architecture.
        """

    @abstractmethod
    def crossover(self, a: Arch, b: Arch, rng: np.random.Generator) -> Arch:
        """An architecture that takes every decision from one of its parents."""

    @abstractmethod
    def encode(self, arch: Arch) -> str:
        """The one-line text of ``arch`` that files and commands use.

        Raises:
            InvalidInput: ``arch`` is no architecture of this space, but a text for instance.
        """

    @abstractmethod
    def decode(self, text: str) -> Arch:
        """The architecture that ``text`` describes; the inverse of :meth:`encode`.

        Raises:
            InvalidInput: ``text`` describes no architecture of this space.
        """

    def canonical(self, text: str) -> str:
        """The text that :meth:`encode` gives the architecture that ``text`` describes.

        An architecture may be spelt in several ways that :meth:`decode` understands. What is
        compared, counted, split or kept is this text.

        Raises:
            InvalidInput: ``text`` describes no architecture of this space.
        """
        return self.encode(self.decode(text))

    @abstractmethod
    def make(self, arch: Arch, num_classes: int, input_shape: Shape) -> StagedNetwork:
        """Make the network of ``arch``; what a new space implements, see :meth:`build`."""

    def make_for(self, task: Task, arch: Arch, outputs: int, input_shape: Shape) -> StagedNetwork:
        """Make the network with the head of a task; of spaces that have :attr:`tasks`."""
        raise NotImplementedError

    @abstractmethod
    def features(self, arch: Arch) -> npt.NDArray[np.float64]:
        """Numbers that describe ``arch``, equally many for every architecture of the space."""

    def graph_features(self, arch: Arch) -> npt.NDArray[np.float64]:
        """Numbers that describe the graph of ``arch``, equally many for every architecture.

        Of cells: counts of operations, paths and degrees
        (:class:`~autodas.networks.cell_graphs.CellGraph`). By default :meth:`features`.
        """
        return self.features(arch)

    def build(
        self,
        arch: Arch,
        *,
        num_classes: int | None = None,
        input_shape: Shape | None = None,
        task: Task = CLASSIFICATION,
    ) -> StagedNetwork:
        """The untrained network of ``arch``, its weights drawn from PyTorch's generator.

        Args:
            arch: An architecture of this space.
            num_classes: Number of logits, or of a task's outputs; the space's own by default, or
                the task's.
            input_shape: (C, H, W) of the images; the space's own by default.
            task: Whose head it has; one of :attr:`tasks`, or a classification.

        Raises:
            InvalidInput: ``arch`` is no architecture of this space, or the sizes are not positive
                or do not suit it, or there is no head for the task.
        """
        self._check(arch)
        return self._made(arch, *self._sizes(num_classes, input_shape, task), task)

    def cost(
        self,
        arch: Arch,
        *,
        num_classes: int | None = None,
        input_shape: Shape | None = None,
        task: Task = CLASSIFICATION,
    ) -> Cost:
        """Parameters and MACs of ``arch``; repeats are free.

        Raises:
            InvalidInput: as of :meth:`build`.
        """
        self._check(arch)
        classes, shape = self._sizes(num_classes, input_shape, task)
        try:
            return _cost(self, self.cost_class(arch), classes, shape, task)
        except (Exception, SystemExit) as error:
            images = "×".join(map(str, shape))
            self._tell(f"the network cannot be run on images of {images}", arch, error)
            raise

    def check_task(self, task: Task) -> None:
        """Refuse a task that networks of the space have no head for.

        Raises:
            InvalidInput: it is one.
        """
        if task not in (CLASSIFICATION, *self.tasks):
            known = ", ".join((CLASSIFICATION, *self.tasks))
            raise InvalidInput(
                f"space {self.name!r} has no head for the task {task!r}; choose from: {known}"
            )

    def cost_class(self, arch: Arch) -> Arch:
        """An architecture that costs exactly as much, the same one for as many as possible.

        Costs are counted once per class. By default every architecture is a class of its own.
        """
        return arch

    def depth(self, arch: Arch) -> int:
        """Number of blocks one after the other; by default, of weight layers."""
        network = without_weights(lambda: self.build(arch))
        return sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules())

    def blueprint(self, arch: Arch) -> dict[str, Any]:  # noqa: ARG002 - of spaces that need it
        """What a file says of ``arch`` beside its text, to build it where the space is not."""
        return {}

    def _check(self, arch: Arch) -> None:
        """Refuse what :meth:`decode` and :meth:`sample` cannot have given."""
        if not isinstance(arch, self.kind):
            hint = ", which decode() reads" if isinstance(arch, str) else ""
            raise InvalidInput(
                f"space {self.name!r}: an architecture is a {self.kind.__name__}, "
                f"got the {type(arch).__name__} {shown(str(arch))}{hint}"
            )

    def _made(self, arch: Arch, classes: int, shape: Shape, task: Task) -> StagedNetwork:
        try:
            if task == CLASSIFICATION:
                network = self.make(arch, classes, shape)
            else:
                network = self.make_for(task, arch, classes, shape)
            if self.reference and not isinstance(network, nn.Module):
                raise TypeError(f"a {type(network).__name__} is no torch.nn.Module")
        except (Exception, SystemExit) as error:
            self._tell("the network cannot be built", arch, error)
            raise
        return network

    def _tell(self, what: str, arch: Arch, error: Exception | SystemExit) -> None:
        """Say in one line what the user's own code has raised, and for which architecture.

        Nothing is said of errors that are told already, of defects of ours, and of questions for
        numbers where there are only shapes, after which the network is made with numbers.

        Raises:
            InvalidInput: it is the user's own.
        """
        asks = isinstance(error, NEEDS_NUMBERS) and torch.get_default_device().type == "meta"
        if isinstance(error, AutodasError) or not self.reference or asks:
            return
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        text = shown(self.encode(arch))
        raise InvalidInput(f"space {self.name!r}: {what}, of {text} ({why})") from error

    def _sizes(
        self, num_classes: int | None, input_shape: Shape | None, task: Task
    ) -> tuple[int, Shape]:
        self.check_task(task)
        own = OUTPUTS.get(task, self.num_classes)
        classes = own if num_classes is None else num_classes
        shape = tuple(self.input_shape if input_shape is None else input_shape)
        if classes < 1:
            raise InvalidInput(f"the number of classes must be at least 1, got {classes}")
        if len(shape) != 3 or min(shape) < 1:
            raise InvalidInput(f"input shape must be (C, H, W) with positive sizes, got {shape}")
        return classes, shape

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


@lru_cache(maxsize=1 << 17)
def _cost(space: Space, arch: Arch, num_classes: int, input_shape: Shape, task: Task) -> Cost:
    return cost(lambda: space._made(arch, num_classes, input_shape, task), input_shape)


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of ``options``, all equally likely."""
    return options[int(rng.integers(len(options)))]


def other(value: T, options: Sequence[T], rng: np.random.Generator) -> T:
    """One of ``options`` that is not ``value``."""
    return pick([option for option in options if option != value], rng)
