"""What happens at the outputs of convolutions and linear layers, without keeping the outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes.weights import Key, Layer, key_of

__all__ = ["LayerOutputs", "channels_first"]


class LayerOutputs:
    """A forward hook for convolutions and linear layers; what is found adds up over all uses of a
    weight.

    Attributes:
        listening: Whether the backward pass at hand is that of the loss.
    """

    def __init__(self) -> None:
        self.listening = False
        self._fisher: dict[Key, Tensor] = {}
        self._least: dict[Key, float] = {}
        self._overwritten = False

    def __call__(self, layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        value = output.detach()
        least = _least_eigenvalue(channels_first(layer, value[:1])[0])
        key = key_of(layer)
        self._least[key] = self._least.get(key, 0.0) + least
        if output.requires_grad:
            version = value._version

            def meet(gradient: Tensor) -> None:
                if self.listening:
                    self._meet(layer, value, gradient, changed=value._version != version)

            output.register_hook(meet)  # type: ignore[no-untyped-call]

    def _meet(self, layer: nn.Module, value: Tensor, gradient: Tensor, *, changed: bool) -> None:
        self._overwritten |= changed
        per_sample = channels_first(layer, value * gradient).sum(2)
        found = per_sample.square().mean(0) / 2
        key = key_of(layer)
        self._fisher[key] = self._fisher.get(key, torch.zeros_like(found)) + found

    def saw(self, layer: Layer) -> bool:
        """Whether a layer was called."""
        return layer.key in self._least

    def fisher(self, layer: Layer) -> float:
        """Sum over channels of ½ mean over samples of (Σ value · gradient)², times fan-in.

        Raises:
            Unmeasurable: an activation overwrote the outputs.
        """
        if self._overwritten:
            raise Unmeasurable("the network overwrites the outputs of its layers")
        found = self._fisher.get(layer.key)
        return 0.0 if found is None else float(found.sum()) * (layer.weight.numel() // len(found))

    def least_eigenvalue(self, layer: Layer) -> float:
        """Smallest eigenvalue of the correlation of channels over the first image's positions."""
        return self._least.get(layer.key, 0.0)


def channels_first(layer: nn.Module, value: Tensor) -> Tensor:
    """``(samples, channels, positions)`` of what a convolution or a linear layer puts out."""
    if isinstance(layer, nn.modules.conv._ConvNd):
        return value.flatten(2)
    return value.movedim(-1, 1).flatten(2) if value.ndim > 2 else value.unsqueeze(2)


def _least_eigenvalue(channels: Tensor) -> float:
    """Of the ``(C, positions)`` channels' Pearson correlations; 0 if there are too few positions.

    A correlation matrix of C channels over p positions has rank p − 1 at most.
    """
    if channels.shape[0] >= channels.shape[1]:
        return 0.0
    rows = channels.double()
    rows = rows - rows.mean(1, keepdim=True)
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-30)
    return max(0.0, float(torch.linalg.eigvalsh(rows @ rows.T)[0]))
