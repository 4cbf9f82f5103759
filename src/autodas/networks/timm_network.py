"""Networks of the library timm (R. Wightman, "PyTorch Image Models", 2019), with their stages.

timm says of most models where their features are (``feature_info``). The outputs of those modules
are the stages: for convolutional networks the last map of each resolution, for transformers the
tokens after each block. Of the others the stages are found by running an image through them
(:mod:`autodas.networks.trace`).
"""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from autodas.core.errors import InvalidInput, MissingData, UnknownName
from autodas.networks.import_timm import import_timm
from autodas.networks.trace import wrapped
from autodas.networks.wrapped import Stage, WrappedNetwork

__all__ = [
    "configuration",
    "has_cached_weights",
    "published_weights",
    "timm_network",
    "wrapped_timm",
]

Shape = tuple[int, int, int]
WEIGHTS = "model.safetensors"  # what files of weights are called in the hub


def configuration(name: str) -> Mapping[str, Any]:
    """What timm knows of a model: ``input_size``, ``num_classes``, ``mean``, ``std``, ….

    Raises:
        UnknownName: timm has no such model.
        MissingData: timm cannot be imported.
    """
    timm = import_timm()
    if not timm.is_model(name):
        raise UnknownName("timm model", name, timm.list_models())
    found = timm.get_pretrained_cfg(name)
    return {} if found is None else dict(found.to_dict())


def timm_network(name: str, num_classes: int, input_shape: Shape) -> WrappedNetwork:
    """A timm model with initial weights.

    Only the name is handed on: options of timm may make it read files of its own.

    Args:
        name: As timm spells it.
        num_classes: Number of logits, K; 0 for features alone.
        input_shape: (C, H, W) of the images.

    Raises:
        UnknownName: timm has no such model.
        InvalidInput: it cannot be used here.
        MissingData: timm cannot be imported.
    """
    about = configuration(name)
    options: dict[str, Any] = {}
    if about.get("fixed_input_size") and tuple(about.get("input_size", ())) != input_shape:
        options["img_size"] = input_shape[1:]
    if min(input_shape) < 1 or math.prod(input_shape) > 2**26:
        raise InvalidInput(f"timm model {name!r} cannot be made for images {input_shape}")
    model = import_timm().create_model(
        name, pretrained=False, num_classes=num_classes, in_chans=input_shape[0], **options
    )
    return wrapped_timm(model, name, input_shape, features=num_classes == 0)


def published_weights(name: str) -> Path:
    """The file of the weights that timm publishes for a model, from its hub's cache or its hub.

    Raises:
        UnknownName: timm has no such model.
        MissingData: they are neither cached nor delivered, or timm cannot be imported.
    """
    repository = configuration(name).get("hf_hub_id")
    if not repository:
        raise MissingData(
            f"no safetensors weights of timm:{name} are published; untrained:timm:{name} has "
            "initial ones"
        )
    try:
        hub = importlib.import_module("huggingface_hub")
        return Path(hub.hf_hub_download(repository, WEIGHTS))
    except Exception as error:  # the hub's client raises errors of several libraries
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingData(
            f"the weights of timm:{name} ({repository}, {WEIGHTS}) are neither cached nor "
            f"delivered: {why}"
        ) from None


def has_cached_weights(name: str) -> bool:
    """Whether the weights that timm publishes for a model lie in its hub's cache."""
    repository = configuration(name).get("hf_hub_id")
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError:
        return False
    return bool(repository) and isinstance(hub.try_to_load_from_cache(repository, WEIGHTS), str)


def wrapped_timm(
    model: nn.Module, name: str, input_shape: Shape, *, features: bool = False
) -> WrappedNetwork:
    """A timm model that shows its stages.

    Args:
        model: Made by ``timm.create_model``.
        name: Of the model, for messages.
        input_shape: (C, H, W) of images that it takes.
        features: It has no classifier.

    Raises:
        InvalidInput: no stages or no last layer can be found.
    """
    called = f"timm model {name!r}"
    embedding = getattr(model, "patch_embed", None)
    fixed = getattr(embedding, "strict_img_size", False)
    size = tuple(getattr(embedding, "img_size", None) or ()) if fixed else ()
    prefix = int(getattr(model, "num_prefix_tokens", 0) or 0)
    if (known := _looked_at.get((name, features))) is None:
        known = _looked_at[name, features] = _found(model, called, input_shape, features=features)
    stages, head = known
    return WrappedNetwork(model, stages, head, name=called, prefix_tokens=prefix, image_size=size)


_looked_at: dict[tuple[str, bool], tuple[tuple[Stage, ...], str | None]] = {}
"""Model, and whether it has features alone -> its stages and its last layer: an image is run
through each once in a process."""


def _found(
    model: nn.Module, called: str, input_shape: Shape, *, features: bool
) -> tuple[tuple[Stage, ...], str | None]:
    """Where the stages and the last layer are: where timm says, if an image passes there."""
    head = None if features else _head(model)
    look = partial(wrapped, model, input_shape, name=called, classifier=head, features=features)
    if stated := _stated(model):
        with contextlib.suppress(InvalidInput):
            names = [stage.module for stage in stated]
            return stated, look(stages=names).head
    found = look()
    return found.stages, found.head


def _stated(model: nn.Module) -> tuple[Stage, ...]:
    """Where timm says that features are; nowhere if it does not, or names no modules."""
    features: Any = getattr(model, "feature_info", None) or []
    # A list, or an object that holds one; a module may be named for several resolutions.
    infos = getattr(features, "info", features)
    names = dict.fromkeys(str(info["module"]) for info in infos)
    known = {module for module, _ in model.named_modules()}
    last = getattr(model, "output_fmt", None) == "NHWC"
    return tuple(Stage(name, last) for name in names) if known.issuperset(names) else ()


def _head(model: nn.Module) -> str | None:
    """Name of the last linear layer, or of the convolution of one pixel in its place."""
    find = getattr(model, "get_classifier", None)
    head = find() if callable(find) else None
    if isinstance(head, tuple):  # a second one, to be distilled from, is averaged with the first
        head = head[0]
    layers = [m for m in head.modules() if isinstance(m, nn.Linear | nn.Conv2d)] if head else []
    names = {id(module): name for name, module in model.named_modules()}
    return names.get(id(layers[-1])) if layers else None
