"""Narrow MobileNets that timm can build and has no name for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

__all__ = ["WIDTHS", "name_narrow_mobilenets"]

WIDTHS = {
    "mobilenetv1_025": ("_gen_mobilenet_v1", "mobilenetv1_100", 0.25),
    "mobilenetv1_050": ("_gen_mobilenet_v1", "mobilenetv1_100", 0.5),
    "mobilenetv2_025": ("_gen_mobilenet_v2", "mobilenetv2_100", 0.25),
}
"""Name -> what of timm makes it, the model of full width, and the share of its channels."""


def name_narrow_mobilenets(timm: ModuleType) -> None:
    """Enter them into timm's registry, under the names that its own of other widths suggest.

    Names that timm has itself stay what they are, and so does a timm that makes them otherwise.
    """
    try:
        makers = importlib.import_module("timm.models.efficientnet")
    except ImportError:
        return  # a timm that keeps them elsewhere
    for name, (maker, like, share) in WIDTHS.items():
        make = getattr(makers, maker, None)
        if make is not None and timm.is_model(like) and not timm.is_model(name):
            _register(name, make, like, share)


def _register(name: str, make: Callable[..., nn.Module], like: str, share: float) -> None:
    def entry(pretrained: bool = False, **options: Any) -> nn.Module:  # noqa: ANN401, ARG001
        return make(like, share, pretrained=False, **options)

    entry.__name__ = name
    entry.__module__ = make.__module__
    importlib.import_module("timm.models").register_model(entry)
