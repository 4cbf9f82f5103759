"""Networks of the library timm (R. Wightman, "PyTorch Image Models", 2019), with their stages.

timm says of every model where its features are (``feature_info``). The outputs of those modules
are the stages: for convolutional networks the last map of each resolution, for transformers the
tokens after each block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autodas.core.errors import InvalidInput, UnknownName
from autodas.networks import StagedNetwork
from autodas.teachers.import_timm import import_timm

__all__ = ["TimmNetwork", "configuration", "timm_network"]

Shape = tuple[int, int, int]


class TimmNetwork(StagedNetwork):
    """A timm model that shows its stages.

    Args:
        model: Made by ``timm.create_model``.
        name: Of the model, for messages.

    Raises:
        InvalidInput: the model names no features, or does not end in one linear layer.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        super().__init__()
        self.model = model
        self.name = name
        features: Any = getattr(model, "feature_info", None) or []
        # A list, or an object that holds one; a module may be named for several resolutions.
        infos = getattr(features, "info", features)
        self.stage_names = tuple(dict.fromkeys(str(info["module"]) for info in infos))
        known = {module for module, _ in model.named_modules()}
        if not self.stage_names or not known.issuperset(self.stage_names):
            raise InvalidInput(f"timm model {name!r} does not say where its stages are")
        if not isinstance(self._head(), nn.Linear):
            kind = type(self._head()).__name__
            raise InvalidInput(f"timm model {name!r} ends in {kind}, not in one linear layer")
        self.prefix_tokens = int(getattr(model, "num_prefix_tokens", 0) or 0)
        self.channels_last = getattr(model, "output_fmt", None) == "NHWC"
        embedding = getattr(model, "patch_embed", None)
        fixed = getattr(embedding, "strict_img_size", False)
        self.image_size = tuple(getattr(embedding, "img_size", None) or ()) if fixed else ()

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]
        """The last layer, under whatever name the model knows it."""
        head: nn.Linear = self._head()
        return head

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Outputs of the modules in ``stage_names``, and logits; see the base class.

        Raises:
            InvalidInput: the images have another size than the model was made for, or a stage is
                no single tensor.
        """
        if self.image_size and tuple(x.shape[2:]) != self.image_size:
            wanted, given = ("×".join(map(str, size)) for size in (self.image_size, x.shape[2:]))
            raise InvalidInput(f"timm model {self.name!r} sees {wanted} pixels, the images {given}")
        outputs: dict[str, Tensor] = {}
        handles = [self._watch(name, outputs) for name in self.stage_names]
        try:
            logits = self.model(x)
        finally:
            for handle in handles:
                handle.remove()
        if unseen := [name for name in self.stage_names if name not in outputs]:
            raise InvalidInput(f"timm model {self.name!r} does not show its stage {unseen[0]!r}")
        return [outputs[name] for name in self.stage_names], logits

    def _watch(self, name: str, outputs: dict[str, Tensor]) -> RemovableHandle:
        def note(_: nn.Module, __: object, output: object) -> Tensor | None:
            if not isinstance(output, Tensor):
                raise InvalidInput(
                    f"timm model {self.name!r} does not show stage {name!r} as a single tensor"
                )
            if self.channels_last and output.ndim == 4:
                # What is shown must lie on the way to the logits, so it is turned there and back.
                outputs[name] = output.permute(0, 3, 1, 2)
                return outputs[name].permute(0, 2, 3, 1)
            outputs[name] = output
            return None

        return self.model.get_submodule(name).register_forward_hook(note)

    def _head(self) -> Any:  # noqa: ANN401 - a module, or a tuple of several
        find = getattr(self.model, "get_classifier", None)
        return find() if callable(find) else None


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


def timm_network(name: str, num_classes: int, input_shape: Shape) -> TimmNetwork:
    """A timm model with initial weights.

    Only the name is handed on: options of timm may make it read files of its own.

    Args:
        name: As timm spells it.
        num_classes: Number of logits, K.
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
    return TimmNetwork(model, name)
