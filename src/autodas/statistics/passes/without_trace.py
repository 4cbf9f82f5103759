"""Measure a network without leaving a trace in it: another mode and other tensors for a while.

A tensor is found by what it is, not by its name: a weight may be reached by several names, because
a module is used twice or two modules share it. It is replaced everywhere by one other tensor and
put back everywhere, whatever happens in between.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.utils.hooks import RemovableHandle

from autodas.networks import undisturbed

__all__ = ["hooked", "measuring_mode", "plain_weights", "replaced"]


@contextlib.contextmanager
def replaced(
    network: nn.Module,
    parameter: Callable[[Tensor], Tensor],
    buffer: Callable[[Tensor], Tensor] = lambda tensor: tensor,
) -> Iterator[None]:
    """Put others in the place of all parameters and buffers.

    Args:
        network: As it was afterwards.
        parameter: Makes the tensor that stands for a parameter; called once for each.
        buffer: Makes the tensor that stands for a buffer; called once for each.
    """
    places = list(_places(network))
    made: dict[int, Tensor] = {}
    try:
        for holder, key, tensor, is_parameter in places:
            if id(tensor) not in made:
                made[id(tensor)] = (parameter if is_parameter else buffer)(tensor)
            holder[key] = made[id(tensor)]
        yield
    finally:
        for holder, key, tensor, _ in places:
            holder[key] = tensor
        for module in network.modules():
            if isinstance(module, nn.RNNBase):
                module._init_flat_weights()  # it has a list of them, renewed when it is called


def _places(network: nn.Module) -> Iterator[tuple[dict[str, Any], str, Tensor, bool]]:
    """Dictionary, key, tensor there, and whether it is a parameter."""
    for module in network.modules():
        for holder, is_parameter in ((module._parameters, True), (module._buffers, False)):
            for name, tensor in holder.items():
                if tensor is not None:
                    yield holder, name, tensor, is_parameter


@contextlib.contextmanager
def plain_weights(network: nn.Module) -> Iterator[None]:
    """Let layers hold the weights that parametrisations compute for them, as weights of their own.

    A parametrised weight (:mod:`torch.nn.utils.parametrize`) is another tensor at every use, so
    that nothing could be differentiated by it. Within, it is the tensor that comes out; those it is
    computed from are out of sight. So it is with the hooks of PyTorch that compute one before a
    call and leave what they computed last: what a layer shows may be older than its parameters.

    Args:
        network: In the mode in which it is measured; as it was afterwards.
    """
    with _plain_parametrised(network), _plain_hooked(network):
        yield


@contextlib.contextmanager
def _plain_parametrised(network: nn.Module) -> Iterator[None]:
    found = [module for module in network.modules() if parametrize.is_parametrized(module)]
    kept = [(module, type(module), module._modules["parametrizations"]) for module in found]
    values = [_computed(module) for module in found]
    try:
        for module, mine in zip(found, values, strict=True):
            module.__class__ = type(module).__bases__[0]  # what it was before it was parametrised
            del module._modules["parametrizations"]
            module._parameters.update(mine)  # type: ignore[arg-type]  # tensors do as well
        yield
    finally:
        for (module, kind, parametrizations), mine in zip(kept, values, strict=True):
            module.__class__ = kind
            module._modules["parametrizations"] = parametrizations
            for name in mine:
                module._parameters.pop(name, None)


@contextlib.contextmanager
def _plain_hooked(network: nn.Module) -> Iterator[None]:
    found = [(m, hooks) for m in network.modules() if (hooks := _weight_hooks(m))]
    kept = [(m, dict(vars(m)), dict(m._parameters), dict(m._forward_pre_hooks)) for m, _ in found]
    try:
        for module, hooks in found:
            with torch.enable_grad():
                for hook in hooks.values():
                    hook(module, ())
            for key, hook in hooks.items():
                name = _hooked_name(hook)
                value = vars(module).pop(name)
                for source in (f"{name}_g", f"{name}_v", f"{name}_orig"):
                    module._parameters.pop(source, None)
                module._parameters[name] = value.detach().requires_grad_(value.requires_grad)
                del module._forward_pre_hooks[key]
        yield
    finally:
        for module, attributes, parameters, calls in kept:
            module._parameters.clear()  # put back in their order
            module._parameters.update(parameters)
            module._forward_pre_hooks.clear()
            module._forward_pre_hooks.update(calls)
            vars(module).update(attributes)


def _weight_hooks(module: nn.Module) -> dict[int, Any]:
    kinds = (WeightNorm, SpectralNorm, BasePruningMethod)
    return {k: hook for k, hook in module._forward_pre_hooks.items() if isinstance(hook, kinds)}


def _hooked_name(hook: WeightNorm | SpectralNorm | BasePruningMethod) -> str:
    name = hook._tensor_name if isinstance(hook, BasePruningMethod) else hook.name
    return str(name)


def _computed(module: nn.Module) -> dict[str, Tensor]:
    """The parametrised tensors of a module, each without its history."""
    with torch.enable_grad():
        names = list(module.get_submodule("parametrizations")._modules)
        values = {name: getattr(module, name) for name in names}
    return {name: v.detach().requires_grad_(v.requires_grad) for name, v in values.items()}


@contextlib.contextmanager
def measuring_mode(network: nn.Module, *, batch_statistics: bool = True) -> Iterator[None]:
    """Evaluation mode, except that BatchNorm uses the batch's own statistics if asked to.

    Untrained networks have no running statistics worth using, and dropout would make scores
    random. A network that is random all the same draws the same numbers every time. Nothing of
    this is left afterwards, neither in the network nor in the global random state.
    """
    modes = {module: module.training for module in network.modules()}
    norms = [m for m in modes if isinstance(m, nn.modules.batchnorm._NormBase)]
    tracking = [norm.track_running_stats for norm in norms]
    # The fused attention of evaluation mode passes hooks by and differs in the last digits.
    fused = torch.backends.mha.get_fastpath_enabled()
    with _as_written(), undisturbed(network):
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            for module in modes:
                # Set here, for the method of a module may do more, such as adding up its weights.
                module.training = False
            for norm in norms if batch_statistics else ():
                norm.training = True
                # Not afterwards restored but never updated: later passes must not see this one.
                norm.track_running_stats = False
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
            for module, training in modes.items():
                module.training = training
            for norm, tracked in zip(norms, tracking, strict=True):
                norm.track_running_stats = tracked


def _as_written() -> AbstractContextManager[object]:
    """Let compiled parts run as they are written: hooks see nothing of what was compiled."""
    if "torch._dynamo" in sys.modules:
        return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]
    return contextlib.nullcontext()


@contextlib.contextmanager
def hooked(handles: Iterator[RemovableHandle]) -> Iterator[None]:
    """Hooks, made one after the other, are there while this is active and not afterwards."""
    with contextlib.ExitStack() as made:
        for handle in handles:
            made.callback(handle.remove)
        yield
