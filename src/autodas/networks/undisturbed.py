"""Run a network without leaving a trace in it.

A network may count its images, keep something for the next ones or remember what it has seen last;
and it may draw random numbers in every mode.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

__all__ = ["restored", "undisturbed"]


@contextlib.contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """As :func:`restored`; and the network draws the same random numbers every time, of which the
    caller's are none.
    """
    before = torch.random.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        torch.default_generator.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        with restored(network):
            yield
    finally:
        torch.random.set_rng_state(before[0])
        random.setstate(before[1])
        np.random.set_state(before[2])


@contextlib.contextmanager
def restored(network: nn.Module) -> Iterator[None]:
    """Put back the buffers and the attributes of all modules, also after an error."""
    found = [m for m in network.modules() if not isinstance(m, torch.jit.ScriptModule)]
    kept = [(type(m), dict(vars(m)), dict(m._buffers)) for m in found]
    buffers = {id(t): t for m in found for t in m._buffers.values() if t is not None}
    numbers = [(t, t.detach().clone()) for t in buffers.values() if not (is_lazy(t) or t.is_meta)]
    try:
        yield
    finally:
        for module, (kind, attributes, held) in zip(found, kept, strict=True):
            if type(module) is kind:  # one that was lazy has become another
                _put_back(vars(module), attributes)
                _put_back(module._buffers, held)
        for tensor, before in numbers:
            if not torch.equal(tensor, before):
                with torch.no_grad():
                    tensor.copy_(before)


def _put_back(holder: dict[str, Any], before: dict[str, Any]) -> None:
    for name in holder.keys() - before.keys():
        del holder[name]
    holder.update(before)
