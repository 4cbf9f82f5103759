"""One student that exists already: where its network comes from, and its first weights."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from autodas.core.digest import digest, digest_file
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.places import expanded
from autodas.core.plugins import is_trusted, named_object
from autodas.networks import StagedNetwork, without_weights
from autodas.networks.checkpoint import fill
from autodas.networks.cost import NEEDS_NUMBERS
from autodas.networks.import_timm import import_timm
from autodas.networks.timm_network import configuration, published_weights, timm_network
from autodas.networks.trace import wrapped

__all__ = ["CLASSES", "PRETRAINED", "TIMM", "Shape", "Student", "is_network"]

TIMM = "timm:"
PRETRAINED = "pretrained"
Shape = tuple[int, int, int]
SIZES = (224, 64, 32, 28, 16, 8)  # pixels of images with which a network is tried
CLASSES = 1000
OF_IMAGES = ("cannot be run on images", "cannot be built for")  # problems with such images
FIELDS = ("network", "weights", "arguments", "stages", "classifier", "prefix_tokens")


@dataclass(frozen=True)
class Student:
    """A network by reference.

    Attributes:
        network: ``timm:NAME``, or ``package.module:function`` that makes an ``nn.Module``. Of its
            parameters ``num_classes`` and ``input_shape`` are given to the function if it has them.
        weights: What it begins with: empty for initial weights, ``pretrained`` for those that timm
            publishes, or the path of a safetensors file of its ``state_dict()``.
        arguments: Further arguments of the function, as pairs.
        stages: Names of the modules that are its stages; found if empty.
        classifier: Name of its last linear layer; found if empty.
        prefix_tokens: Tokens at the front that are no patches; found if None.
    """

    network: str
    weights: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()
    stages: tuple[str, ...] = ()
    classifier: str = ""
    prefix_tokens: int | None = None

    @property
    def is_timm(self) -> bool:
        """Whether it is a model of timm."""
        return self.network.startswith(TIMM)

    @property
    def module(self) -> str:
        """The module that makes the network; empty for a model of timm."""
        return "" if self.is_timm else self.network.partition(":")[0]

    @cached_property
    def input_shape(self) -> Shape:
        """(C, H, W) of images that it takes: of a network of one's own, the first that are tried.

        If it takes none of those, they say nothing of other images: whoever builds it for some is
        told what is wrong with these.

        Raises:
            InvalidInput: something is missing in it, whatever the images.
        """
        if self.is_timm:
            about = configuration(self.network.removeprefix(TIMM))
            channels, height, width = about.get("input_size", (3, 224, 224))
            return int(channels), int(height), int(width)
        problems: list[InvalidInput] = []
        for channels, size in itertools.product((3, 1), SIZES):
            try:
                without_weights(lambda: self.build(CLASSES, (channels, size, size)))  # noqa: B023
                return channels, size, size
            except InvalidInput as error:
                problems.append(error)
        for problem in problems:
            if not any(words in str(problem) for words in OF_IMAGES):
                raise problem
        return 3, SIZES[0], SIZES[0]

    @cached_property
    def weights_file(self) -> Path | None:
        """Where its first weights lie.

        Raises:
            MissingData: they are published and neither cached nor delivered.
        """
        if not self.weights:
            return None
        if self.weights == PRETRAINED:
            return published_weights(self.network.removeprefix(TIMM))
        return expanded(Path(self.weights))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides what it is, but for the source of a module of one's own.

        Raises:
            FileProblem: its weights cannot be read.
            MissingData: its weights, or timm, are not there.
        """
        try:
            weights = None if self.weights_file is None else digest_file(self.weights_file)
        except OSError as error:
            why = f"cannot be read ({error.strerror or error})"
            raise FileProblem(str(self.weights_file), why) from None
        version = import_timm().__version__ if self.is_timm else ""
        rest = (dict(self.arguments), self.stages, self.classifier, self.prefix_tokens)
        return digest(self.network, version, weights, *rest)

    def check(self) -> None:
        """Refuse at once what cannot be built: a name, a function or a file that is not there.

        Raises:
            AutodasError: the message says what is missing.
        """
        if self.is_timm:
            configuration(self.network.removeprefix(TIMM))
        elif self.weights == PRETRAINED:
            raise InvalidInput(
                f"student {self.network!r}: only models of timm have published weights; name a "
                "safetensors file"
            )
        else:
            self._function()
        _ = self.digest

    def build(self, num_classes: int, input_shape: Shape) -> StagedNetwork:
        """The network with its first weights.

        What is in no file is drawn from PyTorch's generator, a classifier for another number of
        classes among it.

        Raises:
            InvalidInput: it cannot be built for these images and classes.
            FileProblem: the file of its weights is damaged or of another network.
        """
        network = self._network(num_classes, input_shape)
        if self.weights_file is not None and torch.get_default_device().type != "meta":
            named = {id(part): name for name, part in network.named_modules()}
            head = named[id(network.classifier)].removeprefix("model.")
            fill(getattr(network, "model", network), self.weights_file, head)
        return network

    def _network(self, num_classes: int, input_shape: Shape) -> StagedNetwork:
        try:
            if self.is_timm:
                name = self.network.removeprefix(TIMM)
                network: nn.Module = timm_network(name, num_classes, input_shape)
                if not self.stages:
                    return network  # type: ignore[return-value]
                network = network.model  # type: ignore[assignment]
            else:
                network = self._call(num_classes, input_shape)
        except AutodasError:
            raise
        except (Exception, SystemExit) as error:  # a library, or the user's own, may raise anything
            if isinstance(error, NEEDS_NUMBERS) and torch.get_default_device().type == "meta":
                raise  # whoever asks for shapes alone tries again with weights
            why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            shape = "×".join(map(str, input_shape))
            raise InvalidInput(
                f"student {self.network!r} cannot be built for {num_classes} classes and images of "
                f"{shape}: {why}"
            ) from error
        staged = network
        if not isinstance(network, StagedNetwork):
            staged = wrapped(
                network,
                input_shape,
                name=f"student {self.network!r}",
                stages=self.stages or None,
                classifier=self.classifier or None,
                prefix_tokens=self.prefix_tokens,
            )
        outputs = getattr(staged.classifier, "out_features", num_classes)
        if outputs != num_classes:
            raise InvalidInput(
                f"student {self.network!r} puts out {outputs} logits, the data have {num_classes} "
                "classes: let its function take num_classes"
            )
        return staged  # type: ignore[return-value]

    def _function(self) -> Callable[..., Any]:
        found = named_object(self.network, "student")
        if not callable(found):
            raise InvalidInput(
                f"student {self.network!r} is a {type(found).__name__}, not a function that makes "
                "a network"
            )
        return found

    def _call(self, num_classes: int, input_shape: Shape) -> nn.Module:
        function = self._function()
        offered = {"num_classes": num_classes, "input_shape": input_shape}
        made = function(**(_taken(function, offered) | dict(self.arguments)))
        if not isinstance(made, nn.Module):
            raise InvalidInput(
                f"student {self.network!r} makes a {type(made).__name__}, not a torch.nn.Module"
            )
        return made

    def to_json(self) -> dict[str, Any]:
        """What is needed to build the network, as plain values; not its first weights."""
        found = {name: getattr(self, name) for name in FIELDS if name != "weights"}
        return found | {"arguments": dict(self.arguments), "stages": list(self.stages)}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Student:
        """The inverse of :meth:`to_json`. What a file names is not imported.

        Raises:
            InvalidInput: it is not what :meth:`to_json` gives, or is of a module that nobody has
                imported.
        """
        try:
            tokens = value["prefix_tokens"]
            found = cls(
                str(value["network"]),
                "",
                tuple(dict(value["arguments"]).items()),
                tuple(map(str, value["stages"])),
                str(value["classifier"]),
                None if tokens is None else int(tokens),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"no student is described by {error}") from None
        if not found.is_timm:
            found._check_trusted()
        return found

    def _check_trusted(self) -> None:
        """Refuse a function that a file names and nobody else did.

        Raises:
            InvalidInput: its module is not imported, or it might do something else than networks.
        """
        if self.module not in sys.modules:
            raise InvalidInput(
                f"the student is made by {self.module[:100]!r}; if it is yours, import that "
                f"module, or add --plugin {self.module[:100]}"
            )
        if not is_trusted(self.module) and not is_network(named_object(self.network, "student")):
            raise InvalidInput(
                f"the student is made by {self.network[:200]!r}, which takes no num_classes; if "
                f"you trust it: autodas.core.plugins.load_plugins([{self.module[:100]!r}])"
            )


def is_network(found: object) -> bool:
    """Whether an object makes a network: a class of modules or a function, of ``num_classes``."""
    is_class = isinstance(found, type) and issubclass(found, nn.Module)
    if not (is_class or inspect.isfunction(found)):
        return False
    return "num_classes" in inspect.signature(found).parameters  # type: ignore[arg-type]


def _taken(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments offered that a function takes by name."""
    parameters = inspect.signature(function).parameters.values()
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        names.add("num_classes")  # as torchvision's models take it
    return {name: value for name, value in offered.items() if name in names}
