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
    random. A network that is random all the same draws the same numbers every time. No buffer
    changes; modes and the global random state are restored afterwards.
    """
    modes = {module: module.training for module in network.modules()}
    norms = [m for m in modes if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    tracking = [norm.track_running_stats for norm in norms]
    # The fused attention of evaluation mode passes hooks by and differs in the last digits.
    fused = torch.backends.mha.get_fastpath_enabled()
    random_state = torch.random.get_rng_state()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        torch.default_generator.manual_seed(0)
        network.eval()
        for norm in norms if batch_statistics else ():
            norm.train()
            # Not afterwards restored but never updated: later passes must not see this one.
            norm.track_running_stats = False
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        torch.random.set_rng_state(random_state)
        for module, training in modes.items():
            module.training = training
        for norm, tracked in zip(norms, tracking, strict=True):
            norm.track_running_stats = tracked
