"""Hooks of the pass through the batch: each notes what some statistics ask for."""

from __future__ import annotations

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autodas.statistics.passes import views
from autodas.statistics.passes.outputs import LayerOutputs

__all__ = ["on_block", "on_input", "on_layer", "on_norm", "on_size"]

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
_WEIGHTED = (nn.modules.conv._ConvNd, nn.Linear)


def on_norm(module: nn.Module, moments: list[tuple[Tensor, Tensor]]) -> RemovableHandle | None:
    """Append mean and variance of the channels at a normalisation layer's input."""

    def keep(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        value = inputs[0].detach()
        # Tokens have their channels at the end, and so have some feature maps.
        is_last = isinstance(norm, nn.LayerNorm) and norm.normalized_shape == value.shape[-1:]
        # At once, because keeping the inputs would keep every activation alive.
        moments.append(views.channel_moments(value.movedim(-1, 1) if is_last else value))

    return module.register_forward_pre_hook(keep) if isinstance(module, _NORMS) else None


def on_size(
    module: nn.Module, batch: int, positions: dict[nn.Module, int]
) -> RemovableHandle | None:
    """Note at how many positions per sample a layer is applied."""

    # Divided by the batch, not by the length of the output: windows of an image may be laid out
    # as a longer batch.
    def keep(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        channels = output.shape[1 if isinstance(layer, nn.modules.conv._ConvNd) else -1]
        positions[layer] = output.numel() // (batch * channels)

    def keep_attention(layer: nn.Module, _: tuple[Tensor, ...], output: tuple[Tensor]) -> None:
        keep(layer, (), output[0])
        # It uses the weight of its output layer without calling that layer.
        keep(layer.get_submodule("out_proj"), (), output[0])

    if isinstance(module, _WEIGHTED):
        return module.register_forward_hook(keep)
    if isinstance(module, nn.MultiheadAttention):
        return module.register_forward_hook(keep_attention)
    return None


def on_layer(module: nn.Module, outputs: LayerOutputs) -> RemovableHandle | None:
    """Show the outputs of convolutions and linear layers to ``outputs``."""
    return module.register_forward_hook(outputs) if isinstance(module, _WEIGHTED) else None


def on_block(block: nn.Module, features: list[Tensor]) -> RemovableHandle:
    """Append what a block puts out, with its graph; before the first, what enters it.

    Only feature maps and tokens count.
    """

    def keep(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        met = (output,) if features else (*inputs[:1], output)
        features.extend(x for x in met if isinstance(x, Tensor) and x.ndim in (3, 4))

    return block.register_forward_hook(keep)


def on_input(module: nn.Module, inputs: list[Tensor]) -> RemovableHandle:
    """Append what a module is called with."""
    return module.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach()))
