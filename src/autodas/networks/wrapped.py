"""A network that somebody else wrote, made to show its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autodas.core.errors import InvalidInput
from autodas.networks.base import StagedNetwork

__all__ = ["Stage", "WrappedNetwork", "features_of", "logits_of", "tensor_of"]


@dataclass(frozen=True)
class Stage:
    """Where a stage is to be seen.

    Attributes:
        module: Dotted name of the module whose output it is.
        channels_last: Whether that output is (B, H, W, C).
    """

    module: str
    channels_last: bool = False


class WrappedNetwork(StagedNetwork):
    """A plain network whose stages are the outputs of modules in it.

    Args:
        model: Gives (B, K) logits of (B, C, H, W) images, or features of them.
        stages: Where its stages are, in order, at least one.
        classifier: Dotted name of its last linear layer; None of a network that has features
            alone. These, (B, D), then stand where others have logits, behind a last layer that
            does nothing.
        name: What messages call it.
        prefix_tokens: As of :class:`StagedNetwork`.
        image_size: (H, W) of the only images it takes; empty if it takes any.
    """

    def __init__(
        self,
        model: nn.Module,
        stages: Sequence[Stage],
        classifier: str | None,
        *,
        name: str,
        prefix_tokens: int = 0,
        image_size: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.no_classifier = nn.Identity()
        self.model = model
        self.name = name
        self.stages = tuple(stages)
        self.prefix_tokens = prefix_tokens
        self.image_size = image_size
        self.head = classifier

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]
        """The last layer, under whatever name the model knows it."""
        if self.head is None:
            head: Any = self.no_classifier
        else:
            head = self.model.get_submodule(self.head)
        return head  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) logits; nothing is watched on the way, so that it can be traced and exported."""
        self._check(x)
        return self._last(self.model(x))

    def _last(self, output: object) -> Tensor:
        """The (B, K) logits, or (B, D) features, in what the model has put out."""
        if self.head is None:
            found: Tensor = self.no_classifier(features_of(output, self.name))
            return found
        return logits_of(output, self.name)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Outputs of the modules that are its stages, and logits; see the base class.

        Raises:
            InvalidInput: the images have another size than the model was made for, or a stage was
                not passed or is no tensor.
        """
        self._check(x)
        outputs: dict[Stage, Tensor] = {}
        handles = [self._watch(stage, outputs) for stage in self.stages]
        try:
            logits = self._last(self.model(x))
        finally:
            for handle in handles:
                handle.remove()
        if unseen := [stage.module for stage in self.stages if stage not in outputs]:
            raise InvalidInput(f"{self.name} does not show its stage {unseen[0]!r}")
        return [outputs[stage] for stage in self.stages], logits

    def _check(self, x: Tensor) -> None:
        if self.image_size and tuple(x.shape[2:]) != self.image_size:
            wanted, given = ("×".join(map(str, size)) for size in (self.image_size, x.shape[2:]))
            raise InvalidInput(f"{self.name} sees {wanted} pixels, the images {given}")

    def _watch(self, stage: Stage, outputs: dict[Stage, Tensor]) -> RemovableHandle:
        def note(_: nn.Module, __: object, output: object) -> Tensor | None:
            found = tensor_of(output)
            if found is None:
                raise InvalidInput(f"{self.name} does not show stage {stage.module!r} as a tensor")
            if stage.channels_last and found.ndim == 4:
                # What is shown must lie on the way to the logits, so it is turned there and back.
                outputs[stage] = found.permute(0, 3, 1, 2)
                return outputs[stage].permute(0, 2, 3, 1) if found is output else None
            outputs[stage] = found
            return None

        return self.model.get_submodule(stage.module).register_forward_hook(note)


def tensor_of(output: object) -> Tensor | None:
    """The tensor that a module has put out, the first of several; None if there is none."""
    if isinstance(output, tuple | list):
        output = next((each for each in output if isinstance(each, Tensor)), None)
    return output if isinstance(output, Tensor) else None


def logits_of(output: object, name: str) -> Tensor:
    """The (B, K) logits in what a network has put out.

    Raises:
        InvalidInput: there are none; the message begins with ``name``.
    """
    found = tensor_of(getattr(output, "logits", output))
    if found is None or found.ndim != 2:
        what = type(output).__name__ if found is None else f"a tensor {tuple(found.shape)}"
        raise InvalidInput(f"{name} must put out logits (images, classes), it gives {what}")
    return found


def features_of(output: object, name: str) -> Tensor:
    """The (B, D) features in what a network has put out, means over positions of maps and tokens.

    Raises:
        InvalidInput: there are none; the message begins with ``name``.
    """
    found = tensor_of(output)
    if found is None or not 2 <= found.ndim <= 4:
        what = type(output).__name__ if found is None else f"a tensor {tuple(found.shape)}"
        raise InvalidInput(
            f"{name} must put out features (images, width), maps or tokens, it gives {what}"
        )
    if found.ndim == 4:
        return found.mean((2, 3))
    return found.mean(1) if found.ndim == 3 else found
