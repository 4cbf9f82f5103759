"""The contract of networks that are compared stage by stage, and their initial weights.

Initial weights are drawn from PyTorch's generator, see :func:`seeded`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from autodas.networks.cell_graphs import CellGraph

__all__ = [
    "StagedNetwork",
    "fan_in_normal",
    "kaiming",
    "like_parameters",
    "seeded",
    "truncated_normal",
    "weights_digest",
]

N = TypeVar("N", bound=nn.Module)


class StagedNetwork(nn.Module):
    """A classifier that shows what its stages compute.

    Every stage output lies on the way from the images to the logits, so that the gradient of a
    loss with respect to it exists.

    Attributes:
        classifier: The last linear layer; of a dense task (:mod:`autodas.core.tasks`), the decoder.
        prefix_tokens: How many tokens at the front of a (B, N, D) stage output are not image
            patches: 1 with a class token, otherwise 0.
        predict: Of a student that ``autodas.load_student`` has read: from image files to class
            names (:class:`autodas.workbench.predict.FilePredictor`).
        cell_graph: Of a network that repeats one cell, what the graph of that cell tells.
    """

    classifier: nn.Linear
    prefix_tokens: int = 0
    predict: Callable[..., Any]
    cell_graph: CellGraph | None = None

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Stage outputs and logits.

        Args:
            x: (B, C, H, W) images.

        Returns:
            Outputs of the stages in order, (B, C', H', W') feature maps or (B, N, D) tokens, and
            (B, K) logits.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) logits of (B, C, H, W) images."""
        return self.forward_stages(x)[1]


def seeded(build: Callable[[], N], seed: int, *, double: bool = False) -> N:
    """Call ``build`` with the CPU generator seeded; the caller's random state is unchanged.

    Layers draw their initial weights from PyTorch's global generator, so the global one has to
    be borrowed. ``torch.manual_seed`` is avoided: it would also reseed every accelerator.

    Args:
        build: Makes the network, on the CPU.
        seed: In [0, 2**63).
        double: Make the network in double precision. It has other weights than in single precision,
            whose normal numbers are drawn by other code on other processors and then differ in
            more than their last digits.
    """
    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if not double:
            return build()
        torch.set_default_dtype(torch.float64)
        try:
            return build().double()
        finally:
            torch.set_default_dtype(before)


def kaiming(network: nn.Module) -> None:
    """Convolutions: normal with variance 2 / fan-out (He et al., 2015, eq. 14).

    Linear layers and normalisations keep PyTorch's defaults.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def fan_in_normal(network: nn.Module) -> None:
    """Linear layers: normal with variance 1 / fan-in (LeCun et al., 1998), zero bias."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def truncated_normal(network: nn.Module, std: float = 0.02) -> None:
    """Linear layers: normal with deviation ``std`` cut at ±2, zero bias (Touvron et al., 2021)."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of all tensors of a network's state, with their names, types and shapes."""
    found = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        if not isinstance(tensor, Tensor) or is_lazy(tensor):
            # What a module adds of its own, or a weight that is made by the first images.
            found.update(f"{name} {type(tensor).__name__}\n".encode())
            continue
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # Seen as bytes: some types of numbers NumPy does not have.
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def like_parameters(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Grey images of a shape, on the device and of the type of a network's parameters."""
    real = (p for p in model.parameters() if p.is_floating_point())
    first = next(real, torch.empty(0))
    return torch.full(shape, 0.5, dtype=first.dtype, device=first.device)
