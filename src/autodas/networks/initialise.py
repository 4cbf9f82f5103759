"""Initial weights, drawn from PyTorch's generator (see :func:`autodas.networks.base.seeded`)."""

from __future__ import annotations

from torch import nn

__all__ = ["kaiming", "truncated_normal"]


def kaiming(network: nn.Module) -> None:
    """Convolutions: normal with variance 2 / fan-out (He et al., 2015, eq. 14).

    Linear layers and normalisations keep PyTorch's defaults.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def truncated_normal(network: nn.Module, std: float = 0.02) -> None:
    """Linear layers: normal with deviation ``std`` cut at ±2, zero bias (Touvron et al., 2021)."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
