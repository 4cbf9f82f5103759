"""Networks as data: a family and its arguments, so that a file can say what to build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.networks import (
    VGG,
    LinearResNet,
    ResNet,
    StagedNetwork,
    VisionTransformer,
    WideResNet,
    cifar_resnet,
    resnet18,
)
from autodas.networks.timm_network import timm_network
from autodas.teachers.limits import (
    MOST_TIMM,
    check_arguments,
    check_sizes,
    parameters_within_limits,
    shown,
)

__all__ = ["BLUEPRINTS", "FAMILIES", "Blueprint", "Shape"]

Shape = tuple[int, int, int]
# From (arguments, number of classes, input shape) to a network.
FAMILIES: Catalog[Callable[[Mapping[str, Any], int, Shape], StagedNetwork]] = Catalog(
    "network family"
)
FAMILIES.add("resnet", lambda a, k, s: ResNet(**a, num_classes=k, channels=s[0]))
FAMILIES.add("cifar-resnet", lambda a, k, s: cifar_resnet(**a, num_classes=k, channels=s[0]))
FAMILIES.add("resnet18", lambda a, k, s: resnet18(**a, num_classes=k, channels=s[0]))
FAMILIES.add("linear-resnet", lambda a, k, s: LinearResNet(**a, num_classes=k, channels=s[0]))
FAMILIES.add("wide-resnet", lambda a, k, s: WideResNet(**a, num_classes=k, channels=s[0]))
FAMILIES.add("vgg", lambda a, k, s: VGG(**a, num_classes=k, channels=s[0]))
FAMILIES.add("vit", lambda a, k, s: VisionTransformer(**a, num_classes=k, input_shape=s))
FAMILIES.add("timm", lambda a, k, s: timm_network(**a, num_classes=k, input_shape=s))


@dataclass(frozen=True)
class Blueprint:
    """What network to build.

    Attributes:
        family: A name in ``FAMILIES``.
        arguments: Keyword arguments of the family.
        num_classes: Number of logits, K.
        input_shape: (C, H, W) of the images.
    """

    family: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    num_classes: int = 10
    input_shape: Shape = (3, 32, 32)

    def build(self) -> StagedNetwork:
        """The network, its weights drawn from PyTorch's generator.

        Its size is looked at first, see :mod:`autodas.teachers.limits`.

        Raises:
            InvalidInput: the family is unknown or its arguments are not acceptable.
        """
        self.check()
        if torch.get_default_device().type != "meta" and not self._is_timm:
            parameters_within_limits(self._make)
        return self._make()

    def check(self) -> None:
        """Refuse sizes that no network of use has; nothing is built.

        Raises:
            InvalidInput: classes, pixels, depths or widths are beyond the limits.
        """
        check_sizes(self.num_classes, self.input_shape, MOST_TIMM if self._is_timm else None)
        check_arguments(self.arguments)

    @property
    def _is_timm(self) -> bool:
        # These have published widths, and not all of them can be built without weights.
        return self.family == "timm"

    def _make(self) -> StagedNetwork:
        make = FAMILIES.get(self.family)
        try:
            return make(self.arguments, self.num_classes, self.input_shape)
        except (TypeError, ValueError, LookupError, RuntimeError, ArithmeticError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise InvalidInput(
                f"a network of family {self.family!r} cannot be built from "
                f"{shown(dict(self.arguments))}: {reason}"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "family": self.family,
            "arguments": dict(self.arguments),
            "num_classes": self.num_classes,
            "input_shape": list(self.input_shape),
        }

    @classmethod
    def of_json(cls, value: Any) -> Blueprint:  # noqa: ANN401
        """The inverse of :meth:`to_json`.

        Raises:
            InvalidInput: ``value`` is not what :meth:`to_json` gives.
        """
        try:
            family, arguments = value["family"], value["arguments"]
            classes, shape = value["num_classes"], value["input_shape"]
            channels, height, width = shape
        except (TypeError, KeyError, ValueError):
            raise InvalidInput(
                "a network needs family, arguments, num_classes and input_shape [C, H, W]"
            ) from None
        sizes = (classes, channels, height, width)
        if not all(type(size) is int and size > 0 for size in sizes):
            raise InvalidInput(
                "num_classes and input_shape must be positive, got "
                f"{shown(classes)}, {shown(shape)}"
            )
        if not isinstance(family, str) or not isinstance(arguments, dict):
            raise InvalidInput("family must be a name and arguments an object")
        blueprint = cls(family, arguments, classes, (channels, height, width))
        blueprint.check()
        return blueprint

    def with_classes(self, num_classes: int) -> Blueprint:
        """The same network for another number of classes."""
        return replace(self, num_classes=num_classes)


BLUEPRINTS: Catalog[Blueprint] = Catalog("network")
for _layers in (20, 32, 44, 56, 110):
    BLUEPRINTS.add(f"cifar-resnet{_layers}", Blueprint("cifar-resnet", {"layers": _layers}))
for _layers, _widening in ((16, 2), (28, 2), (40, 2)):
    BLUEPRINTS.add(
        f"wide-resnet{_layers}-{_widening}",
        Blueprint("wide-resnet", {"layers": _layers, "widening": _widening}),
    )
BLUEPRINTS.add("vgg13", Blueprint("vgg", {"layers": 13}))
BLUEPRINTS.add("resnet18", Blueprint("resnet18", num_classes=1000, input_shape=(3, 224, 224)))
