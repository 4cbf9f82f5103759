"""Activations that are differentiated twice, as the Hessian wants it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from autodas.statistics.passes.twice import TwiceDifferentiable

NUMBERS = [-4.0, -2.5, -0.3, 0.7, 2.9, 5.0]
SPELLINGS = {
    "module": nn.Hardsigmoid(),
    "in-place module": nn.Hardsigmoid(inplace=True),
    "function": F.hardsigmoid,
    "by keyword": lambda x: F.hardsigmoid(input=x),
    "in-place function": lambda x: F.hardsigmoid(x, inplace=True),
    "built in": torch._C._nn.hardsigmoid,
    "built in, by keyword": lambda x: torch._C._nn.hardsigmoid(input=x),
    "built in and in-place": torch._C._nn.hardsigmoid_,
}


def overwritten(function):
    def overwrite(x):
        function(x)
        return x

    return overwrite


SPELLINGS |= {
    f"{name}, whose argument is used": overwritten(SPELLINGS[name])
    for name in ("in-place module", "in-place function", "built in and in-place")
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_hard_sigmoid_has_its_values_and_two_derivatives(spelling):
    x = torch.tensor(NUMBERS, dtype=torch.float64, requires_grad=True)
    with TwiceDifferentiable():
        found = SPELLINGS[spelling](x * x.abs())
    torch.testing.assert_close(found, F.hardsigmoid(x * x.abs()))
    (first,) = torch.autograd.grad(found.sum(), x, create_graph=True)
    inside = (x.square() < 3).double()
    torch.testing.assert_close(first, inside * x.abs() / 3)
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(second, inside * x.sign() / 3)


@pytest.mark.parametrize("name", [*nn.modules.activation.__all__, "Identity"])
def test_every_activation_of_torch_has_two_derivatives_and_its_own_values(name):
    known = {
        "Threshold": lambda kind: kind(0.1, 20.0),
        "GLU": lambda kind: kind(0),
        "Softmax2d": lambda kind: nn.Sequential(nn.Unflatten(0, (3, 2, 1)), kind()),
        "MultiheadAttention": lambda kind: lambda x: kind(1, 1)(*[x[:, None]] * 3)[0],
        **{each: lambda kind: kind(dim=0) for each in ("Softmax", "Softmin", "LogSoftmax")},
    }
    torch.manual_seed(0)
    activation = known.get(name, lambda kind: kind())(getattr(nn, name))
    if isinstance(activation, nn.Module):
        activation = activation.eval()
    x = torch.tensor(NUMBERS, requires_grad=True)
    torch.manual_seed(0)
    with TwiceDifferentiable():
        found = activation(x)
    torch.manual_seed(0)
    torch.testing.assert_close(found, activation(x))
    (first,) = torch.autograd.grad(found.square().sum(), x, create_graph=True)
    torch.autograd.grad(first.square().sum(), x, allow_unused=True)
