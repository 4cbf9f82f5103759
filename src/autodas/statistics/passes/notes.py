"""Notes of the pass through the batch: what hooks and watched functions see on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autodas.statistics.need import Need
from autodas.statistics.passes import views
from autodas.statistics.passes.layer_outputs import LayerOutputs
from autodas.statistics.passes.watch import Watch
from autodas.statistics.passes.weights import WEIGHTED, Key, key_of, names_of
from autodas.statistics.passes.without_trace import hooked

__all__ = ["PassNotes", "given", "on_input"]

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class PassNotes:
    """What was asked for, in order of execution; nothing else is noted.

    Args:
        needs: What was announced.
        batch: Number of images.

    Attributes:
        norm_moments: Mean and variance of the channels at every normalisation layer's input.
        positions: Key of a layer -> number of positions per sample at which it is applied. Weights
            of several projections in one are applied at as many as these are on the average.
        layer_outputs: What met at the outputs of layers.
        classifier_inputs: What the classifier was called with.
        seen: Signs at activation functions, queries and keys of attention.
    """

    def __init__(self, needs: frozenset[Need], batch: int) -> None:
        self._needs = needs
        self._batch = batch
        self.norm_moments: list[tuple[Tensor, Tensor]] = []
        self.positions: dict[Key, Fraction] = {}
        self.layer_outputs = LayerOutputs()
        self.classifier_inputs: list[Tensor] = []
        self.seen = Watch(activations=Need.ACTIVATIONS in needs, attention=Need.ATTENTION in needs)

    @contextlib.contextmanager
    def taken(self, network: nn.Module, classifier: nn.Module) -> Iterator[None]:
        """Notes are taken while this is active; no hook remains afterwards."""
        # Watching costs time in every PyTorch call, so it is done only where it is needed.
        watching = self.seen.activations or self.seen.attention
        with (
            hooked(self._hooks(network, classifier)),
            self.seen if watching else contextlib.nullcontext(),
        ):
            yield

    def _hooks(self, network: nn.Module, classifier: nn.Module) -> Iterator[RemovableHandle]:
        installers: dict[Need, Callable[[nn.Module], RemovableHandle | None]] = {
            Need.NORMS: lambda module: _on_norm(module, self.norm_moments),
            Need.SIZES: lambda module: _on_size(module, self._batch, self.positions),
            Need.OUTPUTS: lambda module: _on_layer(module, self.layer_outputs),
        }
        wanted = [install for need, install in installers.items() if need in self._needs]
        for module in network.modules():
            yield from filter(None, (install(module) for install in wanted))
        if Need.CLASSIFIER in self._needs:
            yield on_input(classifier, self.classifier_inputs)


def _on_norm(module: nn.Module, moments: list[tuple[Tensor, Tensor]]) -> RemovableHandle | None:
    """Append mean and variance of the channels at a normalisation layer's input."""

    def keep(norm: nn.Module, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> None:
        value = given(inputs, named).detach()
        # Tokens have their channels at the end, and so have some feature maps.
        on_tokens = isinstance(norm, nn.LayerNorm | nn.RMSNorm)
        is_last = on_tokens and norm.normalized_shape == value.shape[-1:]
        # At once, because keeping the inputs would keep every activation alive.
        moments.append(views.channel_moments(value.movedim(-1, 1) if is_last else value))

    if not isinstance(module, _NORMS):
        return None
    return module.register_forward_pre_hook(keep, with_kwargs=True)


def _on_size(
    module: nn.Module, batch: int, positions: dict[Key, Fraction]
) -> RemovableHandle | None:
    """Note at how many positions per sample a layer is applied."""

    # Divided by the batch, not by the length of the output: windows of an image may be laid out
    # as a longer batch.
    def found(value: Tensor, channels_at: int = -1) -> int:
        return value.numel() // (batch * value.shape[channels_at])

    def note(key: Key, number: Fraction | int) -> None:
        positions[key] = positions.get(key, Fraction(0)) + number

    def keep(
        layer: nn.Module, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor], output: Tensor
    ) -> None:
        # A transposed convolution multiplies its whole weight by every position that it is given.
        transposed = isinstance(layer, nn.modules.conv._ConvTransposeNd)
        value = given(inputs, named) if transposed else output
        note(key_of(layer), found(value, 1 if isinstance(layer, nn.modules.conv._ConvNd) else -1))

    def keep_attention(
        layer: nn.Module,
        inputs: tuple[Tensor, ...],
        named: Mapping[str, Tensor],
        output: tuple[Tensor],
    ) -> None:
        queries = found(output[0])
        each: list[Fraction | int] = [queries] * 3
        if type(layer).forward is nn.MultiheadAttention.forward:
            by_name = dict(zip(("query", "key", "value"), inputs, strict=False)) | dict(named)
            each = [queries, found(by_name["key"]), found(by_name["value"])]
        names = names_of(layer)
        shares = each if len(names) == len(each) else [Fraction(sum(each), len(each))]
        for name, number in zip(names, shares, strict=True):
            note(key_of(layer, name), number)
        # It uses the weight of its output layer without calling that layer.
        note(key_of(layer.get_submodule("out_proj")), queries)

    if isinstance(module, WEIGHTED):
        return module.register_forward_hook(keep, with_kwargs=True)
    if isinstance(module, nn.MultiheadAttention):
        return module.register_forward_hook(keep_attention, with_kwargs=True)
    return None


def _on_layer(module: nn.Module, outputs: LayerOutputs) -> RemovableHandle | None:
    """Show the outputs of convolutions and linear layers to ``outputs``."""
    return module.register_forward_hook(outputs) if isinstance(module, WEIGHTED) else None


def on_input(module: nn.Module, inputs: list[Tensor]) -> RemovableHandle:
    """Append the ``(B, D)`` that a classifier is called with."""

    def keep(_: nn.Module, by_place: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> None:
        inputs.append(views.vectors(given(by_place, named).detach()))

    return module.register_forward_pre_hook(keep, with_kwargs=True)


def given(inputs: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> Tensor:
    """What a module is called with, by its place or by its name."""
    return inputs[0] if inputs else next(iter(named.values()))
