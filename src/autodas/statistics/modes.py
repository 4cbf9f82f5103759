"""Measure a network without leaving a trace in it, and without a trace of what came before."""

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
    random. A network that is random all the same draws the same numbers every time. Modes,
    buffers and the global random state are restored afterwards.
    """
    modes = {module: module.training for module in network.modules()}
    # Evaluation mode changes no buffer, and writing one back would invalidate open graphs.
    buffers = {n: b.clone() for n, b in network.named_buffers()} if batch_statistics else {}
    # The fused attention of evaluation mode passes hooks by and differs in the last digits.
    fused = torch.backends.mha.get_fastpath_enabled()
    random_state = torch.random.get_rng_state()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        torch.default_generator.manual_seed(0)
        network.eval()
        if batch_statistics:
            for module in network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        torch.random.set_rng_state(random_state)
        for module, training in modes.items():
            module.training = training
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                if name in buffers:
                    buffer.copy_(buffers[name])
