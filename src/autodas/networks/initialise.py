"""Initial weights, drawn from PyTorch's generator (see :func:`autodas.networks.base.seeded`)."""

from __future__ import annotations

from torch import nn

__all__ = ["fan_in_normal", "kaiming", "truncated_normal"]


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
