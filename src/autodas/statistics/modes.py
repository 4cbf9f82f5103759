"""Measure a network without leaving a trace in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

__all__ = ["measuring_mode"]


@contextlib.contextmanager
def measuring_mode(network: nn.Module, *, batch_statistics: bool = True) -> Iterator[None]:
    """Evaluation mode, except that BatchNorm uses the batch's own statistics if asked to.

    Untrained networks have no running statistics worth using, and dropout would make scores
    random. Modes and buffers are restored afterwards.
    """
    modes = {module: module.training for module in network.modules()}
    # Evaluation mode changes no buffer, and writing one back would invalidate open graphs.
    buffers = {n: b.clone() for n, b in network.named_buffers()} if batch_statistics else {}
    try:
        network.eval()
        if batch_statistics:
            for module in network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                if name in buffers:
                    buffer.copy_(buffers[name])
